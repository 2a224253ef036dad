# SPDX-License-Identifier: Apache-2.0
"""A profile becomes the settings of both sides, and both sides agree."""

import itertools

import pytest

from gatehouse.config.tls_settings import VERSIONS, for_client, for_listener
from gatehouse.policy.tls_profiles import TlsProfile, TlsVersionName
from gatehouse.tls.contexts import ClientTlsSettings, ServerTlsSettings
from gatehouse.tls.engine import ClientContext, ServerContext
from gatehouse.tls.failures import TlsFailure
from gatehouse.tls.profiles import TlsVersion
from tests.unit.tls.pairing import certified, connected

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


RANGES = tuple(itertools.combinations_with_replacement(TlsVersionName, 2))


def ranged(lowest: TlsVersionName, highest: TlsVersionName) -> TlsProfile:
    level = 0 if lowest.outdated else 2
    return TlsProfile(min_version=lowest, max_version=highest, security_level=level)


@pytest.mark.parametrize("spoken", TlsVersionName)
@pytest.mark.parametrize(("lowest", "highest"), RANGES)
def test_exactly_the_versions_of_a_profile_are_spoken_on_both_sides(
    lowest: TlsVersionName, highest: TlsVersionName, spoken: TlsVersionName
) -> None:
    ours, theirs = ranged(lowest, highest), ranged(spoken, spoken)
    inside = lowest.rank <= spoken.rank <= highest.rank
    for listener, sender in ((ours, theirs), (theirs, ours)):
        server = ServerContext(for_listener(listener, (certified(),), ask_clients=False))
        client = ClientContext(for_client(sender))
        if inside:
            assert connected(server, client)[0].report().protocol == VERSIONS[spoken].value
        else:
            with pytest.raises(TlsFailure):
                connected(server, client)
