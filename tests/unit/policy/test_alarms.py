# SPDX-License-Identifier: Apache-2.0
"""Equal alarms in a growing series."""

import pytest

from gatehouse.policy.alarms import (
    AlarmClass,
    AlarmSeverity,
    Decision,
    HourlyLimit,
    Pacing,
    decide,
    subject,
    withheld,
)

BEGIN = 1_800_000_000.0


def told_at(pacing: Pacing, seconds: range) -> list[int]:
    """The seconds at which an alarm that comes every second is told."""
    known, told = None, []
    for second in seconds:
        decision = decide(known, BEGIN + second, pacing)
        known = decision.series
        if decision.tell:
            told.append(second)
    return told


def test_duplicates_are_told_at_growing_intervals() -> None:
    assert told_at(Pacing(5, 1000), range(400)) == [0, 5, 15, 35, 75, 155, 315]


def test_above_the_maximum_they_are_told_at_its_multiples() -> None:
    assert told_at(Pacing(5, 60), range(200)) == [0, 5, 15, 35, 60, 120, 180]


def test_an_initial_of_zero_tells_every_one() -> None:
    assert told_at(Pacing(0, 60), range(4)) == [0, 1, 2, 3]


def test_a_told_one_carries_how_many_were_held_back() -> None:
    pacing, known, decisions = Pacing(5, 60), None, list[Decision]()
    for second in range(16):
        decisions.append(decide(known, BEGIN + second, pacing))
        known = decisions[-1].series
    assert [d.suppressed for d in decisions if d.tell] == [0, 4, 9]


def test_a_key_that_was_quiet_begins_anew() -> None:
    pacing = Pacing(5, 60)
    first = decide(None, BEGIN, pacing)
    held = decide(first.series, BEGIN + 1, pacing)
    assert not held.tell
    again = decide(held.series, BEGIN + 62, pacing)
    assert again.series == decide(None, BEGIN + 62, pacing).series
    assert (again.tell, again.suppressed) == (True, 1), "that one was never told of"


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    pacing = Pacing(5, 60)
    first = decide(None, BEGIN, pacing)
    assert decide(first.series, BEGIN - 1000, pacing).tell


def test_one_alarm_that_comes_seldom_is_told_when_its_moment_has_passed() -> None:
    pacing = Pacing(5, 60)
    first = decide(None, BEGIN, pacing)
    assert decide(first.series, BEGIN + 50, pacing).tell


@pytest.mark.parametrize("severity", list(AlarmSeverity))
def test_the_subject_has_the_newer_form(severity: AlarmSeverity) -> None:
    said = subject(severity, AlarmClass.SYSTEM, "gw1.example.com", "Short text")
    assert said == f"{severity} <System> gw1.example.com: Short text"
    assert subject(severity, AlarmClass.SYSTEM, "", "Short") == f"{severity} <System>: Short"


@pytest.mark.parametrize(
    ("mailed", "stuck", "way", "reason"),
    [
        (True, "", {"us.example"}, ""),
        (True, "other.example", {"us.example"}, ""),
        (True, "us.example", {"us.example"}, "it would go to us.example, which it is about"),
        (True, "smarthost:ses", {"smarthost:ses"}, "it would go to smarthost:ses"),
        (False, "", {"us.example"}, "it is about alert mail that cannot be delivered"),
    ],
)
def test_an_alert_that_would_only_wait_is_not_mailed(
    mailed: bool, stuck: str, way: set[str], reason: str
) -> None:
    found = withheld(mailed=mailed, stuck=stuck, way=way)
    assert ("" if found is None else found.reason).startswith(reason)
    assert (found is None) == (not reason)


def test_a_hundred_an_hour_and_as_many_critical_ones_again() -> None:
    limit, last = HourlyLimit(3), []
    for second in range(3):
        last.append(limit.last)
        limit.count(BEGIN + second)
    assert last == [False, False, True]
    assert not limit.allows("Warning", BEGIN + 3)
    assert limit.allows("Critical", BEGIN + 3)
    for _ in range(3):
        assert not limit.last
        limit.count(BEGIN + 4)
    assert not limit.allows("Critical", BEGIN + 4)
    assert limit.allows("Warning", BEGIN + 3600 + 4), "the hour is over"


def test_a_clock_that_is_set_back_does_not_stop_alerts() -> None:
    limit = HourlyLimit(1)
    limit.count(BEGIN)
    assert limit.allows("Warning", BEGIN - 10)
