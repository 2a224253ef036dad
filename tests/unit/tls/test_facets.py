# SPDX-License-Identifier: Apache-2.0
"""Single questions to a certificate: answered without raising, "absent" apart from "broken"."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import facets
from gatehouse.tls.facets import Unreadable
from tests.unit.tls import authority
from tests.unit.tls.authority import CROSS, LEAF, MIDDLE, ROOT, issue

BROKEN = issue(
    "broken.example",
    ROOT,
    extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x7f"), False)],
).certificate


def test_absent_and_broken_are_two_answers() -> None:
    assert facets.extension(LEAF.certificate, x509.NameConstraints) is None
    assert facets.extension(BROKEN, x509.NameConstraints) is Unreadable.EXTENSIONS
    assert facets.readable(LEAF.certificate)
    assert not facets.readable(BROKEN)


def test_a_root_is_self_signed_and_a_cross_signed_copy_is_not() -> None:
    assert facets.self_signed(ROOT.certificate)
    assert not facets.self_signed(CROSS.certificate)
    assert facets.key_digest(ROOT.certificate) == facets.key_digest(CROSS.certificate)
    assert facets.digest(ROOT.certificate) != facets.digest(CROSS.certificate)


def test_a_name_alone_does_not_make_a_self_signed_certificate() -> None:
    posing = issue("Test Root", ROOT, own_key=authority.key("posing")).certificate
    assert facets.self_issued(posing)
    assert not facets.self_signed(posing)


def test_names_compare_without_case_blanks_and_string_type() -> None:
    made = issue("Some  CA", ROOT, ca=True).certificate
    same = issue("some ca", ROOT, ca=True).certificate
    assert facets.subject_key(made) == facets.subject_key(same)
    assert facets.subject_key(made) != facets.subject_key(ROOT.certificate)
    assert facets.subject_key(issue("", ROOT, own_key=ROOT.key).certificate) is None


def test_signatures_tie_a_certificate_to_its_issuer() -> None:
    assert facets.signed_by(LEAF.certificate, MIDDLE.certificate)
    impostor = issue("Test Intermediate", ROOT, ca=True, own_key=authority.key("imp")).certificate
    assert not facets.signed_by(LEAF.certificate, impostor)
    assert facets.key_identifiers_differ(LEAF.certificate, impostor)
    assert not facets.key_identifiers_differ(LEAF.certificate, MIDDLE.certificate)


def test_ca_questions() -> None:
    assert facets.may_sign_certificates(MIDDLE.certificate)
    assert not facets.is_ca(LEAF.certificate)
    assert not facets.may_sign_certificates(BROKEN)


def test_issuer_addresses_are_clean_and_few() -> None:
    assert facets.issuer_urls(LEAF.certificate) == ("http://ca.example/middle.der",)
    hostile = issue("z.example", ROOT, aia="http://x/\x1b[2J" + "a" * 1000).certificate
    (shown,) = facets.issuer_urls(hostile)
    assert shown.isprintable()
    assert len(shown) <= 301


class _Fake:
    """A certificate as far as `weak_key` looks at it."""

    def __init__(self, key: object) -> None:
        self.public_key = lambda: key


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), None),
        (lambda: rsa.generate_private_key(65537, 1024), "its RSA key has 1024 bits"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), None),
        (lambda: ec.generate_private_key(ec.SECP224R1()), None),
        (ed25519.Ed25519PrivateKey.generate, None),
        (x25519.X25519PrivateKey.generate, "cannot be used for signatures"),
        # Of any size; a larger one takes seconds to make.
        (lambda: dsa.generate_private_key(1024), "its key is DSA"),
    ],
)
def test_which_keys_are_weak(make: Callable[[], Any], said: str | None) -> None:
    found = facets.weak_key(_Fake(make().public_key()), min_rsa_bits=2048)  # type: ignore[arg-type]
    assert found is None if said is None else said in (found or "")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(LEAF.der) - 1), st.integers(1, 255))
def test_no_damaged_certificate_makes_a_question_raise(at: int, bits: int) -> None:
    data = bytearray(LEAF.der)
    data[at] ^= bits
    try:
        damaged = x509.load_der_x509_certificate(bytes(data))
    except facets.BROKEN:
        return
    facets.readable(damaged)
    facets.self_signed(damaged)
    facets.signed_by(damaged, MIDDLE.certificate)
    facets.key_identifiers_differ(damaged, MIDDLE.certificate)
    facets.may_sign_certificates(damaged)
    facets.issuer_urls(damaged)
    facets.weak_key(damaged, min_rsa_bits=2048)
    facets.weak_signature(damaged)
    facets.key_digest(damaged)
