# SPDX-License-Identifier: Apache-2.0
"""Who a client's certificate says it is: always its octets, its names only when it is trusted."""

import hashlib

import pytest
from cryptography import x509

from gatehouse.tls.identities import MAX_TEXT, fingerprint, identities, parse_identity
from tests.unit.tls.authority import issue

DEVICE = issue(
    "Device 7",
    extra=[
        (
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("Device7.Example.com"),
                    x509.DNSName("*.example.com"),
                    x509.RFC822Name("device7@example.com"),
                ]
            ),
            False,
        )
    ],
)
PINNED = f"sha256:{hashlib.sha256(DEVICE.der).hexdigest()}"


def test_without_trust_a_certificate_proves_only_itself() -> None:
    assert identities(DEVICE.der, verified=False) == (PINNED,)
    assert fingerprint(DEVICE.certificate) == PINNED


def test_with_trust_its_names_count_but_not_a_wildcard() -> None:
    assert identities(DEVICE.der, verified=True) == (
        PINNED,
        "dns:device7.example.com",
        "email:device7@example.com",
        "subject:CN=Device 7",
    )


def test_what_is_no_certificate_proves_nothing() -> None:
    assert identities(b"junk", verified=True) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PINNED.upper().replace("SHA256", "sha256"), PINNED),
        ("SHA256:" + ":".join(PINNED[7:][n : n + 2] for n in range(0, 64, 2)), PINNED),
        ("dns:Host.Example.COM", "dns:host.example.com"),
        ("email:Ann@Example.com", "email:Ann@example.com"),
        ("subject:CN=Device 7,O=X", "subject:CN=Device 7,O=X"),
    ],
    # The certificate is made anew by each process: its fingerprint is no name for a test.
    ids=["upper case", "with colons", "dns", "email", "subject"],
)
def test_an_identity_has_one_form(text: str, expected: str) -> None:
    assert parse_identity(text) == expected
    assert parse_identity(expected) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("host.example.com", "no kind"),
        ("ip:192.0.2.1", "another kind"),
        ("sha256:abcd", "too short"),
        ("dns:*.example.com", "a wildcard"),
        ("dns:[192.0.2.1]", "an address"),
        ("email:ann", "no address"),
        ("subject:", "nobody"),
        ("subject:CN=a\nb", "a line end"),
        ("subject:CN=a\u202eb", "a character that turns the text round"),
        ("subject:" + "x" * MAX_TEXT, "too long"),
    ],
)
def test_no_identity(text: str, why: str) -> None:
    assert parse_identity(text) is None, why
