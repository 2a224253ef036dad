# SPDX-License-Identifier: Apache-2.0
"""The way to a CA and back: the request says what the certificate says, the answer must fit."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatehouse.tls import signing_request
from gatehouse.tls.certificates import CertificateFault, CertifiedKey, KeyKind
from gatehouse.tls.signing_request import SignedAnswer
from tests.unit.tls.authority import DAY, LEAF, MIDDLE, NOW, ROOT, Made, issue
from tests.unit.tls.pairing import certified

KEY_PEM = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def accept(
    *parts: Made, stored: tuple[Made, ...] = (), key: bytes = KEY_PEM
) -> SignedAnswer | CertificateFault:
    return signing_request.accept_answer(
        key, [each.pem for each in parts], stored=[each.certificate for each in stored]
    )


def chain(found: SignedAnswer | CertificateFault) -> tuple[bytes, ...]:
    assert isinstance(found, SignedAnswer), found
    assert found.certified.key_pem == KEY_PEM
    return found.certified.chain_pem


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.RSA_2048])
def test_a_request_repeats_subject_names_and_key(kind: KeyKind) -> None:
    held = certified("mx.example.com", kind, sans=("mx2.example.com",))
    pem = signing_request.signing_request(held)
    assert isinstance(pem, bytes)
    request = x509.load_pem_x509_csr(pem)
    own = x509.load_pem_x509_certificate(held.chain_pem[0])
    assert request.is_signature_valid
    assert request.subject == own.subject
    assert request.public_key() == own.public_key()
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mx.example.com", "mx2.example.com"]
    assert b"PRIVATE" not in pem


def test_a_request_needs_a_key_that_fits() -> None:
    other = certified("a.example").key_pem
    found = signing_request.signing_request(CertifiedKey(other, (LEAF.pem,)))
    assert isinstance(found, CertificateFault)


@pytest.mark.parametrize("parts", [(LEAF, MIDDLE), (MIDDLE, LEAF), (ROOT, MIDDLE, LEAF, MIDDLE)])
def test_an_answer_is_taken_in_any_order_and_the_root_left_out(parts: tuple[Made, ...]) -> None:
    assert chain(accept(*parts)) == (LEAF.pem, MIDDLE.pem)


def test_an_answer_is_completed_from_the_stored_intermediates() -> None:
    assert chain(accept(LEAF, stored=(MIDDLE, ROOT))) == (LEAF.pem, MIDDLE.pem)


def test_an_answer_without_its_intermediate_is_taken_and_the_gap_told() -> None:
    found = accept(LEAF)
    assert chain(found) == (LEAF.pem,)
    assert isinstance(found, SignedAnswer)
    assert not found.completed.complete
    assert found.completed.missing_issuer == "CN=Test Intermediate"


def test_a_renewal_with_the_same_key_is_taken_the_newest_first() -> None:
    renewed = issue("mx.example.com", MIDDLE, start=NOW - DAY, own_key=LEAF.key)
    assert chain(accept(LEAF, renewed, MIDDLE)) == (renewed.pem, MIDDLE.pem)


def test_an_answer_for_another_key_is_refused_by_name() -> None:
    stranger = issue("other.example.com", MIDDLE)
    found = accept(stranger, MIDDLE)
    assert isinstance(found, CertificateFault)
    assert "CN=other.example.com was made for another key" in found.text


def test_only_ca_certificates_are_no_answer() -> None:
    found = accept(MIDDLE, ROOT)
    assert isinstance(found, CertificateFault)
    assert "only CA certificates" in found.text


def test_the_self_signed_certificate_itself_is_no_answer() -> None:
    own = issue("mx.example.com", own_key=LEAF.key)
    found = accept(own)
    assert isinstance(found, CertificateFault)
    assert "is self-signed" in found.text


def test_a_private_key_in_the_answer_is_refused() -> None:
    found = signing_request.accept_answer(KEY_PEM, [LEAF.pem + KEY_PEM])
    assert isinstance(found, CertificateFault)
    assert "private key where only certificates belong" in found.text


def test_a_key_that_cannot_be_read_is_told() -> None:
    assert isinstance(accept(LEAF, key=b"garbage"), CertificateFault)
