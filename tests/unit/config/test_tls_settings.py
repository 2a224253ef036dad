# SPDX-License-Identifier: Apache-2.0
"""A profile becomes the settings of both sides, and both sides agree."""

from gatehouse.config.tls_settings import VERSIONS, for_client, for_listener
from gatehouse.policy.tls_profiles import TlsProfile, TlsVersionName
from gatehouse.tls.contexts import ClientTlsSettings, ServerTlsSettings
from gatehouse.tls.profiles import TlsVersion

FULL = TlsProfile(
    name="p",
    min_version=TlsVersionName.TLS_1_1,
    max_version=TlsVersionName.TLS_1_2,
    ciphers="HIGH",
    groups=("secp384r1",),
    security_level=0,
)


def test_the_default_profile_is_our_own_rule() -> None:
    ours = ServerTlsSettings(certificates=(), security_level=2)
    assert for_listener(TlsProfile(), (), ask_clients=False) == ours
    assert for_client(TlsProfile()) == ClientTlsSettings(security_level=2)


def test_everything_of_a_profile_reaches_both_sides() -> None:
    server, client = for_listener(FULL, (), ask_clients=True), for_client(FULL)
    assert server.request_client_certificate
    for side in (server, client):
        assert (side.min_version, side.max_version) == (TlsVersion.TLS_1_1, TlsVersion.TLS_1_2)
        assert (side.ciphers, side.groups, side.security_level) == ("HIGH", ("secp384r1",), 0)


def test_every_version_has_its_own() -> None:
    assert set(VERSIONS) == set(TlsVersionName)
    assert set(VERSIONS.values()) == set(TlsVersion)
