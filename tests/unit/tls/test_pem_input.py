# SPDX-License-Identifier: Apache-2.0
"""What operators paste: forgiving about wrappings, unforgiving about what is cut off or secret."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import pem_input
from gatehouse.tls.certificates import CertificateFault, CertifiedKey
from tests.unit.tls.authority import DAY, LEAF, MIDDLE, NOW, ROOT, Made, issue


def key_pem(made: Made, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    return made.key.private_bytes(Encoding.PEM, form, locked)


KEY = key_pem(LEAF)
ALL = KEY + LEAF.pem + MIDDLE.pem
CHAIN = (LEAF.pem, MIDDLE.pem)
P7_PEM = pkcs7.serialize_certificates([LEAF.certificate, MIDDLE.certificate], Encoding.PEM)
P7_DER = pkcs7.serialize_certificates([LEAF.certificate, MIDDLE.certificate], Encoding.DER)
TRUSTED = (
    b"-----BEGIN TRUSTED CERTIFICATE-----\n"
    + base64.encodebytes(LEAF.der + b"\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01")
    + b"-----END TRUSTED CERTIFICATE-----\n"
)


def text_of(found: object) -> str:
    assert isinstance(found, CertificateFault), found
    return found.text


@pytest.mark.parametrize(
    "parts",
    [
        [ALL],
        [MIDDLE.pem + LEAF.pem + KEY],
        [KEY, LEAF.pem, MIDDLE.pem],
        [MIDDLE.pem, KEY + LEAF.pem],
        [ALL.replace(b"\n", b"\r\n")],
        [b"\xef\xbb\xbf" + ALL],
        [b"\xff\xfe" + ALL.decode().encode("utf-16-le")],
        [b"\xfe\xff" + ALL.decode().encode("utf-16-be")],
        [ALL.decode().encode("utf-16-le")],
        [ALL.decode().encode("utf-16-be")],
        [b"Bag Attributes\n  localKeyID: 01\nsubject=CN = x\n" + ALL + b"\n-- \nregards"],
        [KEY, P7_PEM],
        [KEY, P7_DER],
        [KEY, base64.b64encode(LEAF.der), MIDDLE.der],
        [key_pem(LEAF, PrivateFormat.TraditionalOpenSSL) + LEAF.pem + MIDDLE.pem],
        [LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), *CHAIN],
        [
            LEAF.key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
            *CHAIN,
        ],
        [KEY, TRUSTED, MIDDLE.pem],
        [ALL, LEAF.pem, MIDDLE.pem, KEY],
        [b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + ALL],
    ],
)
def test_key_leaf_and_chain_are_found_in_any_wrapping(parts: list[bytes]) -> None:
    found = pem_input.paste(parts)
    assert isinstance(found, CertifiedKey), found
    assert found.chain_pem == CHAIN
    assert found.key_pem == KEY


def test_an_encrypted_key_needs_its_passphrase() -> None:
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        locked = key_pem(LEAF, form, b"secret")
        assert isinstance(pem_input.paste([locked, *CHAIN], password=b"secret"), CertifiedKey)
        assert "passphrase is needed" in text_of(pem_input.paste([locked, *CHAIN]))
        assert "wrong" in text_of(pem_input.paste([locked, *CHAIN], password=b"no"))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([KEY + LEAF.pem[:-40]], "cut off or damaged"),
        ([KEY + LEAF.pem[:200] + MIDDLE.pem], "cut off or damaged"),
        ([KEY[:-30] + LEAF.pem], "cut off or damaged"),
        ([KEY + LEAF.pem.replace(b"MII", b"M*I", 1)], "not base64"),
        ([KEY, LEAF.pem.replace(b"MIIB", b"MIIC", 1)], "damaged or cut off"),
        ([KEY, LEAF.der[:-10]], "cut off or damaged"),
        ([KEY, base64.b64encode(LEAF.der)[:-9]], "cut off or damaged"),
        ([KEY, P7_DER[:-10]], "cut off or damaged"),
        ([KEY], "no certificate"),
        ([LEAF.pem], "no private key"),
        ([KEY, key_pem(ROOT), *CHAIN], "more than one private key"),
        ([KEY, ROOT.pem], "belongs to none of the certificates (first: CN=Test Root)"),
        ([b""], "neither a certificate nor a private key"),
        ([b"hello world"], "looks like base64"),
        ([b"<html>"], "neither a certificate nor a private key"),
        ([b"x" * (1024 * 1024 + 1)], "larger than 1 MiB"),
        ([b"x"] * 21, "more than 20 files"),
    ],
)
def test_what_is_wrong_is_said(parts: list[bytes], text: str) -> None:
    assert text in text_of(pem_input.paste(parts))


def test_a_request_is_told_from_its_answer() -> None:
    request = b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
    assert "signed answer belongs here" in text_of(pem_input.paste([request]))


FORMS = [
    KEY,
    KEY + LEAF.pem,
    LEAF.pem + key_pem(LEAF, PrivateFormat.TraditionalOpenSSL),
    key_pem(LEAF, password=b"secret") + LEAF.pem,
    b"\xff\xfe" + ALL.decode().encode("utf-16-le"),
    LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    base64.b64encode(LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
]


@pytest.mark.parametrize("data", FORMS)
def test_a_private_key_where_certificates_belong_is_refused_and_never_shown(data: bytes) -> None:
    text = text_of(pem_input.read_certificates_only([LEAF.pem, data]))
    assert "private key where only certificates belong" in text
    secret = KEY.splitlines()[1].decode()
    assert not any(secret[at : at + 8] in text for at in range(len(secret) - 8))


def test_a_key_never_shows_in_a_repr() -> None:
    material = pem_input.read_material([ALL])
    assert isinstance(material, pem_input.KeyMaterial)
    assert "key" not in repr(material).partition("certificates")[0].replace("KeyMaterial", "")


def test_the_newer_of_two_certificates_for_the_key_is_the_leaf() -> None:
    old = issue("mx.example.com", MIDDLE, end=NOW + DAY, own_key=LEAF.key)
    found = pem_input.paste([KEY, old.pem, MIDDLE.pem, LEAF.pem])
    assert isinstance(found, CertifiedKey)
    assert found.chain_pem == CHAIN


def test_many_certificates_are_one_list() -> None:
    found = pem_input.read_certificates_only([LEAF.pem + MIDDLE.pem, ROOT.der])
    assert found == (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_no_garbage_raises(data: bytes) -> None:
    for found in (pem_input.paste([data, KEY]), pem_input.read_certificates_only([data])):
        assert isinstance(found, CertificateFault)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(LEAF.der) - 1), st.integers(1, 255))
def test_no_damaged_certificate_raises(at: int, bits: int) -> None:
    damaged = bytearray(LEAF.der)
    damaged[at] ^= bits
    found = pem_input.read_certificates_only([bytes(damaged)])
    assert isinstance(found, CertificateFault | tuple)
    if isinstance(found, tuple):
        assert all(isinstance(each, x509.Certificate) for each in found)
