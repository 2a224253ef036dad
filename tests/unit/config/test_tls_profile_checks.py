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
    ],
)
def test_what_cannot_be_spoken_is_refused(lines: str, said: str) -> None:
    assert said in found(BASE + f"[tls_profiles.p]\n{lines}\n")


@pytest.mark.parametrize(
    "lines",
    ["", 'ciphers = "ECDHE+AESGCM"', 'groups = ["x25519", "secp384r1"]', 'min_version = "1.3"'],
)
def test_what_can_be_spoken_is_taken(lines: str) -> None:
    assert found(BASE + f"[tls_profiles.p]\n{lines}\n") == ""


def test_what_contradicts_itself_is_said_once() -> None:
    said = found(BASE + '[tls_profiles.p]\nmin_version = "1.3"\nmax_version = "1.2"\nciphers="X"\n')
    assert "is above max_version" in said and "cannot be spoken" not in said
