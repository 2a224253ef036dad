# SPDX-License-Identifier: Apache-2.0
"""A TLS profile that nobody can speak is refused before anything tries to."""

import pytest

from tests.unit.config.test_checks import BASE, found


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('ciphers = "NOTHING"\nmax_version = "1.2"', "ciphers: cannot be spoken"),
        ('ciphers = "NOTHING"', "ciphers: cannot be spoken"),
        ('ciphers = "eNULL"\nsecurity_level = 0', "ciphers: cannot be spoken"),
        ('groups = ["x25519", "nowhere"]', "groups: cannot be spoken"),
        ("security_level = 5", "security_level: cannot be spoken"),
        ('ciphers = "DHE-RSA-AES128-GCM-SHA256"', "ciphers: holds nothing but finite-field DH"),
        (
            'ciphers = "kDHE"\nmin_version = "1.0"\nsecurity_level = 0',
            "ciphers: holds nothing but finite-field DH",
        ),
    ],
)
def test_what_cannot_be_spoken_is_refused(lines: str, said: str) -> None:
    assert said in found(BASE + f"[tls_profiles.p]\n{lines}\n")


@pytest.mark.parametrize(
    "lines",
    [
        "",
        'ciphers = "ECDHE+AESGCM"',
        'ciphers = "DHE+AESGCM:ECDHE+AESGCM"',
        'ciphers = "PSK"\nmin_version = "1.3"',
        'groups = ["x25519", "secp384r1"]',
        'min_version = "1.3"',
        "security_level = 4",
    ],
)
def test_what_can_be_spoken_is_taken(lines: str) -> None:
    assert found(BASE + f"[tls_profiles.p]\n{lines}\n") == ""


@pytest.mark.parametrize(
    ("lines", "versions"),
    [
        ('ciphers = "PSK"', "TLS 1.2"),
        ('ciphers = "ECDHE+AESGCM"\nmin_version = "1.0"\nsecurity_level = 0', "TLS 1.0, TLS 1.1"),
        ('ciphers = "ECDHE+AESGCM"\nmin_version = "1.1"\nsecurity_level = 0', "TLS 1.1"),
    ],
)
def test_a_version_in_which_a_string_stands_for_nothing_is_said(lines: str, versions: str) -> None:
    said = found(BASE + f"[tls_profiles.p]\n{lines}\n")
    assert f"ciphers: stands for no suite of {versions}: nobody" in said
    assert "error" not in said


def test_what_contradicts_itself_is_said_once() -> None:
    said = found(BASE + '[tls_profiles.p]\nmin_version = "1.3"\nmax_version = "1.2"\nciphers="X"\n')
    assert "is above max_version" in said and "cannot be spoken" not in said
