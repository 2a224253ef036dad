# SPDX-License-Identifier: Apache-2.0
"""When to try again, when to warn, when to give up."""

import pytest

from gatehouse.policy.retry import (
    Attempts,
    BounceProfile,
    Expired,
    GiveUp,
    TryAgain,
    next_step,
    warning_due,
)

PROFILE = BounceProfile()
HOUR = 3600.0


@pytest.mark.parametrize(("tries", "wait"), [(1, 60), (2, 120), (5, 960), (7, 3600), (40, 3600)])
def test_waits_double_up_to_the_longest(tries: int, wait: float) -> None:
    step = next_step(PROFILE, Attempts(accepted_at=0, tries=tries), now=100, jitter=0)
    assert step == TryAgain(100 + wait)


def test_chance_spreads_a_backlog_over_a_tenth() -> None:
    step = next_step(PROFILE, Attempts(accepted_at=0, tries=1), now=0, jitter=0.5)
    assert step == TryAgain(63)


def test_the_last_try_is_made_when_the_time_is_over() -> None:
    end = PROFILE.max_time
    attempts = Attempts(accepted_at=0, tries=20)
    assert next_step(PROFILE, attempts, now=end - 10, jitter=0) == TryAgain(end)
    assert next_step(PROFILE, attempts, now=end, jitter=0) == GiveUp(Expired.TIME)


def test_whichever_of_retries_and_time_ends_first() -> None:
    step = next_step(PROFILE, Attempts(accepted_at=0, tries=101), now=1, jitter=0)
    assert step == GiveUp(Expired.RETRIES)


def test_required_tls_may_have_a_shorter_limit() -> None:
    profile = BounceProfile(max_time_tls=HOUR)
    failed = Attempts(accepted_at=0, tries=3, tls_unavailable=True)
    assert next_step(profile, failed, now=HOUR, jitter=0) == GiveUp(Expired.TLS_TIME)
    other = Attempts(accepted_at=0, tries=3)
    assert isinstance(next_step(profile, other, now=HOUR, jitter=0), TryAgain)


def test_a_warning_comes_with_the_second_failure_and_not_too_often() -> None:
    profile = BounceProfile(delay_warnings=True, max_delay_warnings=2)

    def due(tries: int, sent: int, last: float | None, now: float = 5 * HOUR) -> bool:
        attempts = Attempts(accepted_at=0, tries=tries)
        return warning_due(profile, attempts, warnings_sent=sent, last_warning_at=last, now=now)

    assert not due(1, 0, None)
    assert due(2, 0, None)
    assert not due(3, 1, 2 * HOUR)
    assert due(9, 1, HOUR)
    assert not due(9, 2, 0.0)
    attempts = Attempts(accepted_at=0, tries=5)
    assert not warning_due(PROFILE, attempts, warnings_sent=0, last_warning_at=None, now=HOUR)
