# SPDX-License-Identifier: Apache-2.0
"""Conformance of the chain verdict: the cases of x509-limbo, and an argument for each disagreement.

`docs/x509-limbo.md` lists every case in which we answer otherwise than the case expects, with a
reason from the list above its table. A disagreement that is not argued there fails, and so does an
argument for a case that agrees.
"""

import json
import re
import warnings
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from gatehouse.tls import chain, crl, facets, names, paths
from gatehouse.tls.certificates import CertificateFault

HERE = Path(__file__).resolve()
VECTORS = HERE.parents[2] / "vectors" / "x509-limbo-208.json"
ARGUED = HERE.parents[3] / "docs" / "x509-limbo.md"
_ROW = re.compile(r"^\| `([^`]+)` \| (accept|refuse) \| (accept|refuse) \| ([a-z-]+) \|$", re.M)
_REASON = re.compile(r"^- \*\*([a-z-]+)\*\*: (.{40,})", re.M)


@cache
def cases() -> dict[str, dict[str, Any]]:
    return {case["id"]: case for case in json.loads(VECTORS.read_text())["testcases"]}


@cache
def argued() -> dict[str, tuple[str, str, str]]:
    return {row[0]: row[1:] for row in _ROW.findall(ARGUED.read_text())}


def load(pems: list[str]) -> list[x509.Certificate]:
    """Certificates as far as they can be read: what cannot is no part of a store or chain."""
    found = []
    for pem in pems:
        try:
            found.append(x509.load_pem_x509_certificate(pem.encode()))
        except facets.BROKEN:
            continue
    return found


def answer(case: dict[str, Any], *, strict: bool = False) -> str:
    """What we say: the chain, then the name, then the lists, failing closed where there are any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # serial numbers below 1
        leaf = load([case["peer_certificate"]])
        store = paths.trust_store(custom=load(case["trusted_certs"]))
        if not leaf:
            return "refuse"
        presented = (*leaf, *load(case["untrusted_intermediates"]))
    depth = case["max_chain_depth"]
    options = chain.VerifyOptions(
        purpose=chain.Purpose[case["validation_kind"]],
        max_intermediates=chain.MAX_INTERMEDIATES if depth is None else depth,
        strict=strict,
    )
    moment = case["validation_time"]
    at = datetime.fromisoformat(moment) if moment else datetime(2026, 6, 29, tzinfo=UTC)
    verdict = chain.verify(presented, store, at=at, options=options)
    if not verdict.trusted:
        assert verdict.word is not None
        return "refuse"
    peer = case["expected_peer_name"]
    if peer and not names.covers(names.presented_names(leaf[0]), peer["value"]):
        return "refuse"
    return "accept" if _unrevoked(case, verdict, at) else "refuse"


def _unrevoked(case: dict[str, Any], verdict: chain.ChainVerdict, at: datetime) -> bool:
    if not case["crls"]:
        return True
    lists = []
    for pem in case["crls"]:
        found = crl.read_crl(pem.encode())
        assert not isinstance(found, CertificateFault), found
        lists.append(found)
    return crl.check_path(verdict.path, lists, at=at).status is crl.Status.GOOD


def expected(case: dict[str, Any]) -> str:
    return "accept" if case["expected_result"] == "SUCCESS" else "refuse"


def test_all_cases_are_there() -> None:
    assert len(cases()) == 208


@pytest.mark.parametrize("name", sorted(cases()))
def test_each_case_agrees_or_is_argued(name: str) -> None:
    wanted, ours = expected(cases()[name]), answer(cases()[name])
    if ours == wanted:
        assert name not in argued(), "the case agrees: take it off the list"
    else:
        assert argued().get(name, ("", "", ""))[:2] == (wanted, ours)


def test_each_argument_stands_for_a_case_and_has_a_reason() -> None:
    reasons = dict(_REASON.findall(ARGUED.read_text()))
    assert set(argued()) <= set(cases())
    assert {row[2] for row in argued().values()} == set(reasons)


def test_the_strict_switch_refuses_what_is_argued_with_it() -> None:
    told = [name for name, row in argued().items() if row[2] == "strict-switch"]
    assert told
    assert {answer(cases()[name], strict=True) for name in told} == {"refuse"}
