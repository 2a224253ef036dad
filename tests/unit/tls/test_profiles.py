# SPDX-License-Identifier: Apache-2.0
"""What we offer by default, in which order."""

import pytest
from OpenSSL import SSL

from gatehouse.tls import profiles
from gatehouse.tls.profiles import TlsVersion


def offered(ciphers: str) -> list[str]:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(ciphers.encode())
    names = SSL.Connection(context).get_cipher_list()
    return [name for name in names if not name.startswith("TLS_")]


@pytest.mark.parametrize("ciphers", [profiles.SERVER_CIPHERS, profiles.CLIENT_CIPHERS])
def test_every_cipher_of_a_profile_exists_and_has_forward_secrecy(ciphers: str) -> None:
    names = offered(profiles.cipher_string(ciphers, TlsVersion.TLS_1_2))
    assert names == ciphers.split(":")
    assert all(name.startswith(("ECDHE-", "DHE-")) for name in names)


@pytest.mark.parametrize("ciphers", [profiles.SERVER_CIPHERS, profiles.CLIENT_CIPHERS])
def test_aead_stands_before_everything_else(ciphers: str) -> None:
    aead = [("GCM" in name or "POLY1305" in name) for name in ciphers.split(":")]
    assert aead == sorted(aead, reverse=True)
    assert ciphers.startswith("ECDHE-")


def test_dhe_can_be_taken_away_for_a_second_try() -> None:
    names = offered(profiles.CLIENT_CIPHERS + profiles.WITHOUT_DHE)
    assert names
    assert not [name for name in names if name.startswith("DHE-")]


def test_the_security_level_follows_the_oldest_version_unless_written() -> None:
    assert profiles.cipher_string("A", TlsVersion.TLS_1_2) == "A:!aNULL:!eNULL:@SECLEVEL=2"
    assert profiles.cipher_string("A", TlsVersion.TLS_1_0) == "A:!aNULL:!eNULL:@SECLEVEL=0"
    assert profiles.cipher_string("A:@SECLEVEL=1", TlsVersion.TLS_1_2) == (
        "A:@SECLEVEL=1:!aNULL:!eNULL"
    )


def test_versions_are_ordered_by_their_numbers() -> None:
    assert [v.number for v in TlsVersion] == sorted(v.number for v in TlsVersion)
