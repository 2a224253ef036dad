# SPDX-License-Identifier: Apache-2.0
"""Fetching a policy over real HTTPS: what a policy host can do, and what is said about it."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.service.deliver.sts_fetch import PolicyFetcher
from gatehouse.service.trust.anchors import SystemListUnusable
from gatehouse.tls.mta_sts import MAX_POLICY_OCTETS, StsFault, StsWord
from tests.live.policy_host import Behaviour, PolicyHost, drip, leaf, plain, redirect, root
from tests.patience import PATIENCE
from tests.unit.tls.authority import Made

NAME = "mta-sts.shop.example"
POLICY = b"version: STSv1\nmode: enforce\nmx: mx.shop.example\nmax_age: 86400\n"


@pytest.fixture(scope="module")
def ca() -> Made:
    return root()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[PolicyHost]:
    made = PolicyHost(tmp_path, "127.0.0.1")
    yield made
    made.close()


def context(ca: Made) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.hostname_checks_common_name = False
    made.load_verify_locations(cadata=ca.pem.decode())
    return made


def fetch(
    host: PolicyHost, ca: Made, *, internal: bool = True, seconds: float = PATIENCE
) -> bytes | StsFault:
    fetcher = PolicyFetcher(
        lambda: context(ca), port=host.port, internal=internal, whole_seconds=seconds
    )

    async def run() -> bytes | StsFault:
        return await fetcher(NAME, ("127.0.0.1",))

    return asyncio.run(run())


def test_a_policy_comes_from_its_well_known_place(host: PolicyHost, ca: Made) -> None:
    served = host.add(NAME, leaf(NAME, ca), plain(POLICY))
    assert fetch(host, ca) == POLICY
    (request,) = served.requests
    assert request.startswith(
        b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.shop.example"
    )


@pytest.mark.parametrize(
    ("behaviour", "word", "text"),
    [
        (plain(b"", "404 Not Found"), StsWord.FETCH_ERROR, "status 404"),
        (plain(POLICY, "206 Partial Content"), StsWord.FETCH_ERROR, "status 206"),
        (redirect(f"https://{NAME}/other.txt"), StsWord.FETCH_ERROR, "redirects"),
        (plain(POLICY, kind="text/html; charset=utf-8"), StsWord.INVALID, "media type"),
        (plain(b"x" * (MAX_POLICY_OCTETS + 1)), StsWord.FETCH_ERROR, "larger than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000, StsWord.FETCH_ERROR, "larger than 64 KiB"),
        (plain(POLICY)[:-5], StsWord.FETCH_ERROR, "too early"),
        (b"220 mx ESMTP\r\n", StsWord.FETCH_ERROR, "no HTTP"),
    ],
)
def test_anything_but_a_policy_is_a_fault_with_its_word(
    host: PolicyHost, ca: Made, behaviour: Behaviour, word: StsWord, text: str
) -> None:
    host.add(NAME, leaf(NAME, ca), behaviour)
    fault = fetch(host, ca)
    assert isinstance(fault, StsFault) and fault.word is word
    assert text in fault.reason


def test_a_host_that_goes_on_for_ever_is_given_up(host: PolicyHost, ca: Made) -> None:
    host.add(NAME, leaf(NAME, ca), drip)
    fault = fetch(host, ca, seconds=0.3)
    assert isinstance(fault, StsFault) and fault.word is StsWord.FETCH_ERROR
    assert "in time" in fault.reason


def test_plain_text_may_have_parameters(host: PolicyHost, ca: Made) -> None:
    host.add(NAME, leaf(NAME, ca), plain(POLICY, kind='Text/Plain; charset="utf-8"'))
    assert fetch(host, ca) == POLICY


@pytest.mark.parametrize("why", ["expired", "wrong name", "common name only", "unknown root"])
def test_a_certificate_that_does_not_verify_is_told_apart(
    host: PolicyHost, ca: Made, why: str
) -> None:
    made = {
        "expired": lambda: leaf(NAME, ca, days=-1),
        "wrong name": lambda: leaf("www.shop.example", ca),
        "common name only": lambda: leaf(NAME, ca, common_name=NAME),
        "unknown root": lambda: leaf(NAME, root("Nobody's Root")),
    }[why]()
    served = host.add(NAME, made, plain(POLICY))
    fault = fetch(host, ca)
    assert isinstance(fault, StsFault) and fault.word is StsWord.WEBPKI_INVALID
    assert served.requests in ([], [b""]), "nothing is asked of a host that is not proven"


def test_an_address_inside_is_not_fetched_from(host: PolicyHost, ca: Made) -> None:
    served = host.add(NAME, leaf(NAME, ca), plain(POLICY))
    fault = fetch(host, ca, internal=False)
    assert isinstance(fault, StsFault) and fault.word is StsWord.FETCH_ERROR
    assert "127.0.0.1" in fault.reason and "refused" in fault.reason
    assert served.requests == []


def test_nobody_there_is_a_fetch_error(host: PolicyHost, ca: Made) -> None:
    gone = PolicyHost(host.folder, "127.0.0.1")
    gone.close()
    fault = fetch(gone, ca)
    assert isinstance(fault, StsFault) and fault.word is StsWord.FETCH_ERROR


def test_without_a_trust_list_nothing_is_fetched(host: PolicyHost) -> None:
    def unusable() -> ssl.SSLContext:
        raise SystemListUnusable("/etc/ssl: no such file")

    fetcher = PolicyFetcher(unusable, port=host.port, internal=True)

    async def run() -> bytes | StsFault:
        return await fetcher(NAME, ("127.0.0.1",))

    fault = asyncio.run(run())
    assert isinstance(fault, StsFault) and "no such file" in fault.reason
