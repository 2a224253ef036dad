# SPDX-License-Identifier: Apache-2.0
"""Warnings before the end: the right days, each once, and no crying about short lives."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import expiry
from gatehouse.tls.expiry import Stage

END = datetime(2027, 6, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
HOUR = timedelta(hours=1)


def names(lifetime: timedelta) -> list[str]:
    return [each.name for each in expiry.thresholds(END - lifetime, END)]


def fired(lifetime: timedelta, step: timedelta) -> list[tuple[str, timedelta]]:
    """Walk through a life and a while beyond, remembering what fired."""
    seen: set[str] = set()
    warned = []
    now = END - lifetime
    while now < END + timedelta(days=30):
        found = expiry.due(END - lifetime, END, fired=seen, now=now)
        if found is not None:
            warned.append((found.threshold.name, found.left))
            seen |= found.passed
        now += step
    return warned


DAYS = ["90d", "60d", "30d", "15d", "5d", "4d", "3d", "2d", "1d"]


@pytest.mark.parametrize(
    ("days", "wanted"),
    [
        (365, DAYS),
        (200, DAYS),
        (199, ["third", *DAYS[1:]]),
        (100, ["third", *DAYS[2:]]),
        (90, ["third", *DAYS[3:]]),
        (47, ["third", *DAYS[3:]]),
        (7, ["third", "2d", "1d"]),
    ],
)
def test_the_thresholds_follow_the_lifetime(days: int, wanted: list[str]) -> None:
    assert names(timedelta(days=days)) == [*wanted, "last-day", "expired"]


def test_a_certificate_of_hours_has_a_third_and_an_end() -> None:
    assert names(6 * HOUR) == ["third", "expired"]


def test_each_threshold_fires_once_in_order_and_on_time() -> None:
    warned = fired(YEAR, HOUR)
    assert [name for name, _ in warned] == [*DAYS, "last-day", "expired"]
    assert warned[0][1] == timedelta(days=90)
    assert warned[8][1] == timedelta(days=1)
    assert timedelta(0) > warned[-1][1] >= -HOUR


def test_what_was_passed_while_we_were_away_gives_one_warning() -> None:
    found = expiry.due(END - YEAR, END, fired=frozenset(), now=END - timedelta(days=20))
    assert found is not None
    assert found.threshold.name == "30d"
    assert found.passed == {"90d", "60d", "30d"}
    again = expiry.due(END - YEAR, END, fired=found.passed, now=END - timedelta(days=19))
    assert again is None


def test_the_stage_tells_how_urgent_it_is() -> None:
    def stage(left: timedelta) -> Stage:
        found = expiry.due(END - YEAR, END, fired=frozenset(), now=END - left)
        assert found is not None
        return found.threshold.stage

    assert stage(timedelta(days=2)) is Stage.AHEAD
    assert stage(timedelta(days=1)) is Stage.AHEAD
    assert stage(timedelta(hours=23)) is Stage.LAST_DAY
    assert stage(timedelta(0)) is Stage.LAST_DAY
    assert stage(timedelta(seconds=-1)) is Stage.EXPIRED


def test_nothing_is_due_in_a_long_and_healthy_life() -> None:
    now = END - timedelta(days=91)
    assert expiry.due(END - YEAR, END, fired=frozenset(), now=now) is None
    assert expiry.next_check(END - YEAR, END, now=now) == END - timedelta(days=90)


def test_after_the_end_nothing_more_is_to_come() -> None:
    assert expiry.next_check(END - YEAR, END, now=END + HOUR) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 800 * 24), st.integers(1, 30 * 24))
def test_no_life_and_no_rhythm_of_looking_makes_a_threshold_fire_twice(
    hours: int, step: int
) -> None:
    warned = [name for name, _ in fired(hours * HOUR, step * HOUR)]
    assert len(warned) == len(set(warned))
    assert warned[-1:] == ["expired"]
    order = names(hours * HOUR)
    assert [order.index(each) for each in warned] == sorted(order.index(each) for each in warned)
