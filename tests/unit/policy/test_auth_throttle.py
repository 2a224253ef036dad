# SPDX-License-Identifier: Apache-2.0
"""Who has to wait after failed logins, for how long, and that the real user does not."""

from dataclasses import replace

import pytest

from gatehouse.policy.auth_throttle import (
    FORGET_AFTER,
    FREE_AT_ACCOUNT,
    FREE_AT_ADDRESS,
    FREE_AT_BOTH,
    LONGEST_USUAL_WAIT,
    LONGEST_WAIT,
    RENEW_USUAL,
    USUAL_FOR,
    Failures,
    History,
    is_usual,
    network,
    seconds_to_wait,
    worth_noting,
)

NOW = 1_000_000_000.0


def just(count: int) -> Failures:
    return Failures(count, NOW)


@pytest.mark.parametrize(
    ("history", "seconds", "why"),
    [
        (History(), 0.0, "nothing has happened"),
        (History(both=just(FREE_AT_BOTH - 1)), 0.0, "a few are free"),
        (History(both=just(FREE_AT_BOTH)), 30.0, "then the first wait"),
        (History(both=just(FREE_AT_BOTH + 1)), 60.0, "doubled"),
        (History(both=just(FREE_AT_BOTH + 60)), LONGEST_WAIT, "to an hour"),
        (History(address=just(FREE_AT_ADDRESS - 1)), 0.0, "an office mistypes"),
        (History(address=just(FREE_AT_ADDRESS)), 30.0, "one address over many names"),
        (History(account=just(FREE_AT_ACCOUNT)), 30.0, "one name from many addresses"),
        (History(account=just(FREE_AT_ACCOUNT + 3), both=just(5)), 240.0, "the longest of them"),
        (History(both=Failures(9, NOW - 100)), 380.0, "what has passed counts"),
        (History(both=Failures(9, NOW - 480)), 0.0, "it is over"),
        (History(both=Failures(99, NOW - FORGET_AFTER)), 0.0, "forgotten"),
        (History(both=Failures(5, NOW + 9999)), 30.0, "a clock that was set back"),
    ],
)
def test_how_long(history: History, seconds: float, why: str) -> None:
    assert seconds_to_wait(history, NOW) == seconds, why


def test_a_lockout_from_elsewhere_does_not_shut_out_the_user() -> None:
    attack = History(address=just(500), account=just(5000))
    assert seconds_to_wait(attack, NOW) == LONGEST_WAIT
    assert seconds_to_wait(replace(attack, usual_at=NOW - 60), NOW) == 0.0


def test_also_where_it_is_usual_guessing_means_waiting_but_never_long() -> None:
    guessed = History(both=just(500), usual_at=NOW - 60)
    assert seconds_to_wait(guessed, NOW) == LONGEST_USUAL_WAIT


def test_an_address_is_usual_for_a_month() -> None:
    assert is_usual(History(usual_at=NOW - USUAL_FOR + 1), NOW)
    assert not is_usual(History(usual_at=NOW - USUAL_FOR), NOW)
    assert not is_usual(History(), NOW)


def test_a_login_is_written_down_only_when_it_changes_something() -> None:
    assert worth_noting(History(), NOW)
    assert worth_noting(History(usual_at=NOW, both=just(1)), NOW)
    assert worth_noting(History(usual_at=NOW - RENEW_USUAL - 1), NOW)
    assert not worth_noting(History(usual_at=NOW - RENEW_USUAL + 1, account=just(9)), NOW)


def test_a_day_of_guessing_is_a_few_tries() -> None:
    """NIST SP 800-63B §5.2.2 allows a hundred in a row."""
    count, now, tries = 0, 0.0, 0
    while now < 86_400.0:
        wait = seconds_to_wait(History(account=Failures(count, now)), now)
        now += wait
        count, tries = count + 1, tries + 1
    assert tries < 50


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("somewhere", "somewhere"),
    ],
)
def test_an_ipv6_client_is_its_network(ip: str, expected: str) -> None:
    assert network(ip) == expected
