# SPDX-License-Identifier: Apache-2.0
"""TLS profiles of listeners: whose holds, and what is said about weak ones."""

import pytest

from gatehouse.policy.tls_profiles import TlsProfile, TlsVersionName
from tests.unit.config.test_checks import BASE, found
from tests.unit.config.test_tls_reporting import running

PROFILES = (
    '[tls_profiles.modern]\nmin_version = "1.3"\n[tls_profiles.plain]\n'
    '[tls_profiles.old]\nmin_version = "1.0"\nsecurity_level = 0\n'
    "[tls_profiles.short]\nsecurity_level = 1\n"
)
SHARED = '[ssl]\ninbound_profile = "{}"\n'
LISTENER = '[listeners.L]\ntype = "private"\ninterface = "Net"\nport = 2727\n{}'


def test_without_a_profile_our_own_rule_holds() -> None:
    assert {one.tls_profile for one in running(BASE + LISTENER.format("")).listeners} == {
        TlsProfile()
    }


def test_a_listeners_own_profile_wins_over_that_of_all() -> None:
    text = BASE + LISTENER.format('tls_profile = "plain"\n') + PROFILES + SHARED.format("modern")
    profiles = {one.name: one.tls_profile for one in running(text).listeners}
    assert profiles.pop("L").name == "plain"
    assert {one.min_version for one in profiles.values()} <= {TlsVersionName.TLS_1_3}


@pytest.mark.parametrize("where", [SHARED.format("modren"), LISTENER.format('tls_profile = "m"\n')])
def test_a_name_that_leads_nowhere_is_refused(where: str) -> None:
    said = found(BASE + where + PROFILES).splitlines()
    assert any(one.startswith("error") and "no such TLS profile" in one for one in said)


@pytest.mark.parametrize(
    ("name", "said"),
    [("old", "lets every client speak TLS 1.0"), ("short", "lets every client speak weak TLS")],
)
def test_weak_profiles_of_listeners_are_said(name: str, said: str) -> None:
    text = BASE + LISTENER.format(f'tls_profile = "{name}"\n') + PROFILES
    assert any(one.startswith("warning") and said in one for one in found(text).splitlines())


def test_good_ones_are_not() -> None:
    text = BASE + LISTENER.format('tls_profile = "modern"\n') + PROFILES + SHARED.format("plain")
    assert "lets every client" not in found(text)
