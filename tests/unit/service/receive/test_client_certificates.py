# SPDX-License-Identifier: Apache-2.0
"""A client's certificate: good by our own list, for a purpose of mail servers, and not revoked."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gatehouse.config.running import CrlSettings
from gatehouse.policy.inbound_values import CertificateState, ClientCertificate
from gatehouse.service.receive import client_certificates
from gatehouse.service.receive.client_certificates import NOBODY, ClientCertificates
from gatehouse.service.trust import crl_store
from gatehouse.store.interface import Store
from gatehouse.tls import paths
from tests.unit.tls.authority import DAY, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, Made, issue
from tests.unit.tls.test_crl import make

AT = NOW.timestamp()


def judge_with(*anchors: Made, check: bool = False, fail_open: bool = True) -> ClientCertificates:
    trust = paths.trust_store(
        custom=[one.certificate for one in anchors], system=(), intermediates=()
    )
    settings = CrlSettings(
        sources=(), check_clients=check, check_servers=False, fail_open=fail_open
    )
    return ClientCertificates(trust, settings)


def shown(*chain: Made) -> tuple[bytes, ...]:
    return tuple(one.der for one in chain)


@pytest.mark.parametrize(
    ("purpose", "state"),
    [
        (ExtendedKeyUsageOID.CLIENT_AUTH, CertificateState.VALID),
        (ExtendedKeyUsageOID.SERVER_AUTH, CertificateState.VALID),  # what a mail server has
        (ExtendedKeyUsageOID.CODE_SIGNING, CertificateState.INVALID),
    ],
)
def test_a_server_s_certificate_will_do_and_other_purposes_do_not(
    purpose: x509.ObjectIdentifier, state: CertificateState
) -> None:
    leaf = issue("mx.bank.example", MIDDLE, purposes=(purpose,))
    assert judge_with(ROOT).judge(shown(leaf, MIDDLE), AT).state is state


def test_no_certificate_is_a_state_of_its_own() -> None:
    assert judge_with(ROOT).judge((), AT).state is CertificateState.NONE


def test_a_chain_to_an_anchor_of_ours_is_valid_and_names_its_subject() -> None:
    verdict = judge_with(ROOT).judge(shown(LEAF, MIDDLE), AT)
    assert verdict == ClientCertificate(
        state=CertificateState.VALID, subject=LEAF.certificate.subject.rfc4514_string()
    )


@pytest.mark.parametrize(
    ("anchors", "chain", "days", "reason"),
    [
        ((OTHER_ROOT,), (LEAF, MIDDLE), 0, "unknown issuer"),
        ((ROOT,), (LEAF,), 0, "incomplete chain"),
        ((ROOT,), (LEAF, MIDDLE), 1000, "expired"),
        ((ROOT,), (LEAF, MIDDLE), -1000, "not yet valid"),
        ((), (ROOT,), 0, "self-signed"),
    ],
)
def test_what_proves_nothing_says_why(
    anchors: tuple[Made, ...], chain: tuple[Made, ...], days: int, reason: str
) -> None:
    verdict = judge_with(*anchors).judge(shown(*chain), (NOW + days * DAY).timestamp())
    assert (verdict.state, verdict.reason) == (CertificateState.INVALID, reason)


def test_octets_that_are_no_certificate_prove_nothing() -> None:
    verdict = judge_with(ROOT).judge((b"junk",), AT)
    assert (verdict.state, verdict.reason) == (CertificateState.INVALID, "bad purpose")


def lists(*revoked: Made) -> Iterable[x509.CertificateRevocationList]:
    return (make(ROOT), make(MIDDLE, *revoked))


def test_a_revoked_certificate_is_refused_where_lists_are_looked_at() -> None:
    careful, careless = judge_with(ROOT, check=True), judge_with(ROOT)
    for one in (careful, careless):
        one.take_lists(("x",), tuple(lists(LEAF)))
    assert careful.judge(shown(LEAF, MIDDLE), AT).reason == "revoked"
    assert careless.judge(shown(LEAF, MIDDLE), AT).state is CertificateState.VALID


@pytest.mark.parametrize(("fail_open", "reason"), [(True, ""), (False, "crl unavailable")])
def test_a_missing_list_counts_as_the_operator_says(fail_open: bool, reason: str) -> None:
    judge = judge_with(ROOT, check=True, fail_open=fail_open)
    assert judge.judge(shown(LEAF, MIDDLE), AT).reason == reason


def test_a_verdict_is_remembered_for_a_minute_and_not_over_a_new_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = judge_with(ROOT, check=True)
    good = judge.judge(shown(LEAF, MIDDLE), AT)
    assert judge.judge(shown(LEAF, MIDDLE), AT + 59) is good
    assert judge.judge(shown(LEAF, MIDDLE), AT + 61) is not good
    judge.take_lists(("x",), tuple(lists(LEAF)))
    assert judge.judge(shown(LEAF, MIDDLE), AT + 62).reason == "revoked"
    monkeypatch.setattr(client_certificates, "MAX_REMEMBERED", 1)
    judge.judge(shown(ROOT), AT)
    assert len(judge._known) == 1


def test_where_nobody_asks_no_certificate_is_good() -> None:
    assert NOBODY.judge(shown(LEAF, MIDDLE), AT).state is CertificateState.INVALID


class Lists:
    """Revocation lists in a store, and how often they were read."""

    def __init__(self) -> None:
        self.digest, self.held, self.read = "one", lists(), 0

    def states(self, *_: object) -> tuple[SimpleNamespace | None, ...]:
        return (SimpleNamespace(digest=self.digest), None)

    def all(self, *_: object) -> tuple[x509.CertificateRevocationList, ...]:
        self.read += 1
        return tuple(self.held)


def test_lists_are_read_again_only_when_they_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, store = Lists(), cast(Store, None)
    monkeypatch.setattr(crl_store, "states", stored.states)
    monkeypatch.setattr(crl_store, "held", stored.all)
    judge = judge_with(ROOT, check=True)
    judge.read_lists(store)
    judge.read_lists(store)
    assert stored.read == 1
    assert judge.judge(shown(LEAF, MIDDLE), AT).state is CertificateState.VALID
    stored.digest, stored.held = "two", lists(LEAF)
    judge.read_lists(store)
    assert judge.judge(shown(LEAF, MIDDLE), AT).reason == "revoked"


def test_a_subject_is_printable_and_bounded_however_it_was_made() -> None:
    odd = issue("x" * 40 + "\r\n\u202e", MIDDLE)
    subject = judge_with(ROOT).judge(shown(odd, MIDDLE), AT).subject
    assert subject is not None
    assert subject.isprintable()
    assert len(subject) <= 201
