# SPDX-License-Identifier: Apache-2.0
"""Making certificates, reading what operators bring, and never showing a key."""

import datetime
import hashlib
import ssl
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.x509.oid import NameOID

from gatehouse.tls import certificates
from gatehouse.tls.certificates import CertificateFault, CertifiedKey, KeyKind, SelfSigned, Subject
from tests.unit.tls.pairing import NOW, certified


def parsed(made: CertifiedKey | CertificateFault) -> x509.Certificate:
    assert isinstance(made, CertifiedKey), made
    return x509.load_pem_x509_certificate(made.chain_pem[0])


def names(certificate: x509.Certificate) -> list[str]:
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(each.value) for each in san]


def make(common_name: str = "mx.example.com", **fields: object) -> CertifiedKey | CertificateFault:
    wanted = SelfSigned(subject=Subject(common_name=common_name), **fields)  # type: ignore[arg-type]
    return certificates.create_self_signed(wanted, now=NOW, serial=99)


def encoded(key: certificates.PrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.slow) if kind is KeyKind.RSA_4096 else kind
        for kind in KeyKind
    ],
)
def test_every_kind_of_key_makes_a_certificate_that_signs_itself(kind: KeyKind) -> None:
    certificate = parsed(make(key_kind=kind))
    certificate.verify_directly_issued_by(certificate)
    assert certificate.serial_number == 99
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(days=365)
    public = certificate.public_key()
    match public:
        case rsa.RSAPublicKey():
            assert kind.value == f"rsa-{public.key_size}"
        case ec.EllipticCurvePublicKey():
            assert kind.value == f"p-{public.key_size}"


def test_all_subject_fields_are_written() -> None:
    subject = Subject(
        common_name="mx.example.com",
        organization="Example Ltd",
        organizational_unit="Mail",
        locality="Zürich",
        state="ZH",
        country="CH",
    )
    made = certificates.create_self_signed(SelfSigned(subject=subject), now=NOW, serial=1)
    text = parsed(made).subject.rfc4514_string()
    assert text == "CN=mx.example.com,OU=Mail,O=Example Ltd,L=Zürich,ST=ZH,C=CH"


def test_the_common_name_is_always_among_the_names_if_it_is_a_host_name() -> None:
    assert names(parsed(make())) == ["mx.example.com"]
    several = make(alternative_names=("mx2.example.com", "*.example.net", "192.0.2.1"))
    assert names(parsed(several)) == [
        "mx.example.com",
        "mx2.example.com",
        "*.example.net",
        "192.0.2.1",
    ]
    twice = make("MX.example.com", alternative_names=("mx.EXAMPLE.com", "mx.example.com."))
    assert names(parsed(twice)) == ["mx.example.com"]


def test_a_common_name_that_is_no_host_name_is_no_alternative_name() -> None:
    certificate = parsed(make("Example Mail Gateway"))
    with pytest.raises(x509.ExtensionNotFound):
        names(certificate)
    assert certificates.names_of(certificate) == frozenset()


def test_it_is_a_leaf_for_both_sides_and_no_authority() -> None:
    certificate = parsed(make())
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {each._name for each in purposes} == {"serverAuth", "clientAuth"}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"days": 0}, "Days"),
        ({"days": 40_000}, "Days"),
        ({"common_name": ""}, "common name"),
        ({"common_name": "a\nb"}, "common name"),
        ({"common_name": "x" * 65}, "subject"),
        ({"alternative_names": ("münchen.example",)}, "xn--"),
        ({"alternative_names": ("a b",)}, "Not a host name"),
        ({"alternative_names": ("f*.example.com",)}, "Not a host name"),
        ({"alternative_names": ("*",)}, "Not a host name"),
        ({"alternative_names": ("",)}, "Not a host name"),
    ],
)
def test_what_cannot_be_a_certificate_is_refused_with_a_reason(
    fields: dict[str, Any], word: str
) -> None:
    made = make(**fields)
    assert isinstance(made, CertificateFault)
    assert word in made.text


def test_a_country_of_three_letters_is_refused() -> None:
    wanted = SelfSigned(subject=Subject(common_name="a.example", country="CHE"))
    assert isinstance(certificates.create_self_signed(wanted, now=NOW, serial=1), CertificateFault)


def test_the_demo_certificate_has_its_name_and_a_key_of_its_own() -> None:
    one = certificates.create_demo(now=NOW, serial=1)
    two = certificates.create_demo(now=NOW, serial=2)
    subject = parsed(one).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [each.value for each in subject] == ["Gatehouse Demo Certificate"]
    assert one.key_pem != two.key_pem


def test_a_key_never_shows() -> None:
    made = certified()
    secret = made.key_pem.split(b"\n")[1].decode()
    for text in (repr(made), str(made), f"{made}", repr((made,))):
        assert secret not in text
        assert "PRIVATE" not in text


def test_a_chain_is_loaded_with_its_leaf_first_whatever_the_order() -> None:
    authority = trustme.CA()
    middle = authority.create_child_ca()
    issued = middle.issue_cert("mx.example.com")
    chain = [blob.bytes() for blob in issued.cert_chain_pems]
    loaded = certificates.load(issued.private_key_pem.bytes(), b"".join(reversed(chain)))
    assert isinstance(loaded, CertifiedKey)
    assert len(loaded.chain_pem) == len(chain) == 2
    assert parsed(loaded) == x509.load_pem_x509_certificate(chain[0])


def test_text_and_crlf_around_certificates_do_not_matter() -> None:
    pem = certified().chain_pem[0].replace(b"\n", b"\r\n")
    read = certificates.read_certificates(b"Subject: mx\r\n\r\n" + pem + b"\r\ntrailing" + pem)
    assert isinstance(read, tuple)
    assert len(read) == 2


def test_the_key_of_another_certificate_is_refused_by_name() -> None:
    fault = certificates.load(certified("other.example").key_pem, certified().chain_pem[0])
    assert isinstance(fault, CertificateFault)
    assert fault.text == ("The private key does not belong to the certificate CN=mx.example.com")


KEY = certified().key_pem
PEM = certified().chain_pem[0]


@pytest.mark.parametrize(
    ("pem", "word"),
    [
        (b"", "no certificate"),
        (b"hello", "no certificate"),
        (PEM[:-40], "cut off"),
        (PEM + PEM[:100], "cut off"),
        (PEM.replace(b"-----END CERTIFICATE-----", b""), "cut off"),
        (PEM.replace(b"\nMII", b"\nAAA", 1), "cannot be read"),
        (PEM + KEY, "private key where"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Certificate 1"),
        (b"x" * (certificates.LARGEST_PEM + 1), "too large"),
        (PEM.replace(b"\n", b"") * 1001, "more than 1000"),
    ],
)
def test_damaged_certificates_are_never_passed_over(pem: bytes, word: str) -> None:
    fault = certificates.read_certificates(pem)
    assert isinstance(fault, CertificateFault)
    assert word in fault.text


@pytest.mark.parametrize(
    ("pem", "password", "word"),
    [
        (b"", None, "cannot be read"),
        (KEY[:-60], None, "cannot be read"),
        (KEY + KEY, None, "more than one"),
        (encoded(ec.generate_private_key(ec.SECP256R1()), b"pw"), None, "passphrase is needed"),
        (encoded(ec.generate_private_key(ec.SECP256R1()), b"pw"), b"no", "wrong passphrase"),
        (KEY, b"pw", "not encrypted"),
        (PEM, None, "cannot be read"),
        (b"x" * (certificates.LARGEST_PEM + 1), None, "too large"),
    ],
)
def test_keys_that_cannot_be_used_say_why_and_show_nothing(
    pem: bytes, password: bytes | None, word: str
) -> None:
    fault = certificates.read_key(pem, password=password)
    assert isinstance(fault, CertificateFault)
    assert word in fault.text
    assert "BEGIN" not in fault.text


def test_an_encrypted_key_is_read_with_its_passphrase() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    read = certificates.read_key(encoded(key, b"pw"), password=b"pw")
    assert isinstance(read, ec.EllipticCurvePrivateKey)
    assert certificates.pem_of_key(read) == encoded(key)


def test_ed25519_is_read_and_other_kinds_are_not() -> None:
    assert isinstance(
        certificates.read_key(encoded(ed25519.Ed25519PrivateKey.generate())),
        ed25519.Ed25519PrivateKey,
    )
    fault = certificates.read_key(encoded(x25519.X25519PrivateKey.generate()))  # type: ignore[arg-type]
    assert isinstance(fault, CertificateFault)
    assert "neither" in fault.text


def test_the_fingerprint_is_sha256_in_pairs() -> None:
    der = ssl.PEM_cert_to_DER_cert(PEM.decode())
    text = certificates.fingerprint(der)
    assert text.replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    assert len(text.split(":")) == 32
    assert text == text.upper()


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("mx.example.com", True),
        ("*.example.com", True),
        ("a.b", True),
        ("localhost", False),
        ("*", False),
        ("*.*.example.com", False),
        ("f*.example.com", False),
        ("-a.example", False),
        ("a-.example", False),
        ("a..b", False),
        ("a.b\n", False),
        ("ü.example", False),
        ("a" * 64 + ".example", False),
        ("Gatehouse Demo Certificate", False),
        (".".join(["a" * 60] * 5), False),
    ],
)
def test_what_looks_like_a_host_name(name: str, host: bool) -> None:
    assert certificates.is_host_like(name) is host


def test_text_from_certificates_is_bounded_and_clean() -> None:
    assert certificates.bounded("a\r\nb\x1b[31m\u202e") == "a??b?[31m?"
    assert len(certificates.bounded("x" * 5000)) == 201
