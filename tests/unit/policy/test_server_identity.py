# SPDX-License-Identifier: Apache-2.0
"""The judgement on a server: each kind of proof, and that all of a plan's must hold."""

import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.policy.server_identity import (
    DaneProof,
    PinProof,
    PkixProof,
    Shown,
    StsProof,
    Trust,
    judge,
)
from gatehouse.tls.dane import TlsaRecord
from gatehouse.tls.failures import ReportWord, VerifyWord
from gatehouse.tls.names import Algorithm, References
from gatehouse.tls.paths import trust_store
from tests.unit.tls.authority import DAY, MIDDLE, NOW, OTHER_ROOT, ROOT, Made, issue

D, M = "shop.example", "mx.shop.example"
TRUST = Trust(store=trust_store(custom=[ROOT.certificate]))
VERIFY, HOSTED = PkixProof(Algorithm.VERIFY), PkixProof(Algorithm.HOSTED)
BY_DOMAIN = issue("shop", MIDDLE, dns=(D,))
BY_HOST = issue("shop host", MIDDLE, dns=(M,))
BY_CN = issue(M, MIDDLE)


def shown(*chain: Made, **references: object) -> Shown:
    names = References(**{"domain": D, "mx": M, **references})  # type: ignore[arg-type]
    return Shown(certificates=tuple(one.der for one in chain), references=names, at=NOW)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def key_of(made: Made) -> bytes:
    return made.certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


def tlsa(made: Made) -> TlsaRecord:
    return TlsaRecord(3, 1, 1, hashlib.sha256(key_of(made)).digest())


def test_a_chain_and_the_recipient_s_domain() -> None:
    verdict = judge((VERIFY,), shown(BY_DOMAIN, MIDDLE), TRUST)
    assert verdict.verified
    assert (verdict.basis, verdict.weak, verdict.said) == ("email-domain", False, "verified")
    assert verdict.leaf.names == (D,)
    assert len(verdict.fingerprints) == 2
    assert verdict.expires == min(
        one.certificate.not_valid_after_utc.timestamp() for one in (BY_DOMAIN, MIDDLE, ROOT)
    )


@pytest.mark.parametrize(
    ("proof", "chain", "basis"),
    [
        (VERIFY, BY_HOST, None),
        (HOSTED, BY_HOST, "mx-unsigned"),
        (HOSTED, BY_CN, "mx-unsigned"),
        (StsProof(M), BY_HOST, "mx-secure"),
        (StsProof(M), BY_CN, None),
        (StsProof(M), BY_DOMAIN, None),
    ],
)
def test_which_names_prove_what(
    proof: PkixProof | StsProof, chain: Made, basis: str | None
) -> None:
    verdict = judge((proof,), shown(chain, MIDDLE), TRUST)
    if basis is None:
        assert verdict.word is VerifyWord.NAME_MISMATCH
        assert verdict.report_word is ReportWord.CERTIFICATE_HOST_MISMATCH
    else:
        assert verdict.basis == basis


def test_every_name_that_was_tried_is_told() -> None:
    verdict = judge((HOSTED,), shown(issue("other", MIDDLE, dns=("a.example",)), MIDDLE), TRUST)
    assert {one.reference for one in verdict.tried} == {D, M}
    assert verdict.text == f"none of its names is {D} or {M}"


def test_the_reverse_name_is_wanted_only_where_it_could_decide() -> None:
    assert judge((VERIFY,), shown(BY_CN, MIDDLE), TRUST).ptr_wanted
    assert not judge(
        (HOSTED,), shown(issue("x", MIDDLE, dns=("a.example",)), MIDDLE), TRUST
    ).ptr_wanted
    off = PkixProof(Algorithm.VERIFY, verify_ptr=False)
    assert not judge((off,), shown(BY_CN, MIDDLE), TRUST).ptr_wanted
    known = shown(BY_CN, MIDDLE, ptr=M, ptr_confirmed=True)
    assert judge((VERIFY,), known, TRUST).basis == "ptr"
    strict = PkixProof(Algorithm.VERIFY, refuse_weak=True)
    assert judge((strict,), known, TRUST).word is VerifyWord.NAME_MISMATCH


def test_a_weak_basis_can_be_refused() -> None:
    strict = PkixProof(Algorithm.HOSTED, refuse_weak=True)
    assert judge((strict,), shown(BY_HOST, MIDDLE), TRUST).word is VerifyWord.NAME_MISMATCH
    assert judge((strict,), shown(BY_HOST, MIDDLE, mx_secure=True), TRUST).verified
    assert judge((strict,), shown(BY_DOMAIN, MIDDLE), TRUST).verified


@pytest.mark.parametrize(
    ("chain", "word"),
    [
        ((BY_DOMAIN,), VerifyWord.INCOMPLETE_CHAIN),
        ((issue(D, dns=(D,)),), VerifyWord.SELF_SIGNED),
        ((issue("late", MIDDLE, dns=(D,), end=NOW - DAY), MIDDLE), VerifyWord.EXPIRED),
        ((issue("foreign", OTHER_ROOT, dns=(D,)),), VerifyWord.INCOMPLETE_CHAIN),
    ],
)
def test_a_chain_that_is_not_trusted_names_why(chain: tuple[Made, ...], word: VerifyWord) -> None:
    for proof in (VERIFY, HOSTED, StsProof(M)):
        assert judge((proof,), shown(*chain), TRUST).word is word


def test_dane_asks_neither_for_trust_nor_for_names_with_usage_3() -> None:
    own = issue("whoever", end=NOW - DAY)
    verdict = judge((DaneProof((tlsa(own),), (M,)),), shown(own), TRUST)
    assert (verdict.basis, verdict.expires) == ("dane-ee", None)
    other = judge((DaneProof((tlsa(BY_HOST),), (M,)),), shown(own), TRUST)
    assert other.word is VerifyWord.DANE_MISMATCH
    assert other.report_word is ReportWord.VALIDATION_FAILURE


def test_dane_behind_an_unsigned_mx_is_weak() -> None:
    proof = DaneProof((tlsa(BY_HOST),), (M,), weak=True)
    assert judge((proof,), shown(BY_HOST), TRUST).weak
    refused = DaneProof((tlsa(BY_HOST),), (M,), weak=True, refuse_weak=True)
    assert not judge((refused,), shown(BY_HOST), TRUST).verified


def test_pins_are_of_the_certificate_or_of_its_key() -> None:
    own = issue("whoever")
    for pin, basis in ((own.der, "pinned-certificate"), (key_of(own), "pinned-key")):
        assert judge((PinProof((digest(pin),)),), shown(own), TRUST).basis == basis
    wrong = judge((PinProof((digest(b"x"),)),), shown(own), TRUST)
    assert wrong.word is VerifyWord.FINGERPRINT_MISMATCH


def test_all_proofs_must_hold() -> None:
    good, bad = PinProof((digest(BY_DOMAIN.der),)), PinProof((digest(b"x"),))
    assert judge((VERIFY, good), shown(BY_DOMAIN, MIDDLE), TRUST).basis == "email-domain"
    for order in ((VERIFY, bad), (bad, VERIFY)):
        assert not judge(order, shown(BY_DOMAIN, MIDDLE), TRUST).verified


def test_no_certificate_proves_nothing() -> None:
    empty = Shown(certificates=(), references=References(domain=D), at=NOW)
    assert not judge((HOSTED,), empty, TRUST).verified
    garbage = Shown(certificates=(b"x",), references=References(domain=D), at=NOW)
    assert not judge((HOSTED,), garbage, TRUST).verified
    with pytest.raises(ValueError, match="without any proof"):
        judge((), shown(BY_DOMAIN), TRUST)


def test_revocation_lists_count_where_they_are_asked_for() -> None:
    closed = Trust(store=TRUST.store, lists=(), fail_open=False)
    open_ = Trust(store=TRUST.store, lists=(), fail_open=True)
    assert judge((VERIFY,), shown(BY_DOMAIN, MIDDLE), closed).word is VerifyWord.CRL_UNAVAILABLE
    assert judge((VERIFY,), shown(BY_DOMAIN, MIDDLE), open_).verified
