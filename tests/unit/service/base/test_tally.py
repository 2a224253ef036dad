# SPDX-License-Identifier: Apache-2.0
"""Limits per hour hold over all processes, and never let more through than they say."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.service.base import tally
from gatehouse.service.base.tally import BUCKET_SECONDS, HOUR, WAYS, Tally
from tests.patience import PATIENCE

NOON = 1_800_000_000.0 // BUCKET_SECONDS * BUCKET_SECONDS


@pytest.fixture
def memory() -> Iterator[int]:
    fd = tally.create()
    yield fd
    os.close(fd)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds a lock may have lost the processor for long, and is waited for all the same."""
    monkeypatch.setattr(tally, "_LOCK_WAITS", int(PATIENCE / tally._WAIT))


class OneSet(Tally):
    """All names in one set, so that nine of them are one too many."""

    def _find(self, name: str) -> tuple[int, int]:
        return super()._find(name)[0], 0


def test_two_processes_count_together(memory: int) -> None:
    one, other = Tally(memory), Tally(memory)
    assert one.add("client 192.0.2.1", 3, NOON) == 3
    assert other.add("client 192.0.2.1", 2, NOON) == 5
    assert one.count("client 192.0.2.1", NOON) == 5
    assert one.count("client 192.0.2.2", NOON) == 0


def test_what_was_done_counts_for_an_hour_and_at_most_five_minutes_more(memory: int) -> None:
    counts = Tally(memory)
    done = NOON + BUCKET_SECONDS - 1
    counts.add("a", 7, done)
    assert counts.count("a", done + HOUR) == 7
    assert counts.count("a", done + HOUR + 2) == 0
    counts.add("b", 7, NOON + 2 * HOUR)
    assert counts.count("b", NOON + 3 * HOUR + BUCKET_SECONDS - 1) == 7
    assert counts.count("b", NOON + 3 * HOUR + BUCKET_SECONDS) == 0


def test_the_window_slides_and_does_not_begin_anew_with_the_hour(memory: int) -> None:
    counts = Tally(memory)
    for minute in range(0, 120, 5):
        total = counts.add("a", 1, NOON + 60 * minute)
        assert total == min(minute // 5 + 1, 13)


def test_taking_stops_at_the_limit_exactly(memory: int) -> None:
    counts = Tally(memory)
    assert [counts.take("a", 2, 5, NOON) for _ in range(4)] == [True, True, False, False]
    assert counts.take("a", 1, 5, NOON)
    assert not counts.take("a", 1, 5, NOON)
    assert counts.count("a", NOON) == 5


def test_a_refusal_does_not_count(memory: int) -> None:
    counts = Tally(memory)
    counts.take("a", 1, 1, NOON)
    for minute in range(60):
        assert not counts.take("a", 1, 1, NOON + 60 * minute)
    assert counts.take("a", 1, 1, NOON + HOUR + BUCKET_SECONDS)


def test_the_dead_leave_what_they_counted(memory: int) -> None:
    child = os.fork()
    if child == 0:
        Tally(memory).add("192.0.2.9", 4, NOON)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert Tally(memory).count("192.0.2.9", NOON) == 4


def test_processes_that_write_at_once_lose_nothing(memory: int, patient: None) -> None:
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            mine = Tally(memory)
            for _ in range(400):
                mine.add("a", 1, NOON)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert Tally(memory).count("a", NOON) == 1200


def test_processes_that_take_at_once_never_exceed_the_limit_together(
    memory: int, patient: None
) -> None:
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            mine = Tally(memory)
            os._exit(sum(mine.take("a", 1, 200, NOON) for _ in range(200)))
        children.append(child)
    taken = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sum(taken) == 200


def test_a_process_that_stopped_in_the_middle_stops_nobody_else(memory: int) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        mine = Tally(memory)
        mine._lock(mine._find("a")[1])
        os.write(tell, b"x")
        signal.pause()
    os.read(ready, 1)
    counts = Tally(memory)
    assert not counts._lock(counts._find("a")[1])
    assert counts.add("a", 1, NOON) == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert counts._lock(counts._find("a")[1])
    os.close(ready)
    os.close(tell)


def test_a_clock_that_is_set_back_makes_no_count_smaller(memory: int) -> None:
    counts = Tally(memory)
    counts.add("a", 3, NOON)
    assert counts.add("a", 1, NOON - 20 * 60) == 4
    assert counts.count("a", NOON + HOUR) == 4


def test_a_clock_that_was_hours_ahead_is_not_believed_for_hours(memory: int) -> None:
    counts = Tally(memory)
    counts.add("a", 3, NOON + 5 * HOUR)
    assert counts.count("a", NOON) == 0
    assert counts.add("a", 1, NOON) == 1
    assert counts.count("a", NOON + HOUR + BUCKET_SECONDS) == 0


def test_pushing_a_name_out_does_not_wash_it_clean(memory: int) -> None:
    counts = OneSet(memory)
    counts.add("mine", 5, NOON)
    for number in range(50):
        counts.add(f"other {number}", 9, NOON)
    assert counts.count("mine", NOON) >= 5
    assert counts.add("mine", 1, NOON) >= 6


def test_busy_names_are_exact_while_strangers_pass_by(memory: int) -> None:
    counts = OneSet(memory)
    counts.add("busy", 500, NOON)
    for number in range(100):
        counts.add(f"stranger {number}", 1, NOON)
    assert counts.count("busy", NOON) == 500
    assert counts.count("stranger 3", NOON) <= 100 // (WAYS - 1) + 1


def test_an_hour_later_the_places_and_the_remainder_are_free_again(memory: int) -> None:
    counts = OneSet(memory)
    for number in range(50):
        counts.add(f"other {number}", 9, NOON)
    assert counts.count("new", NOON) > 0
    assert counts.add("new", 1, NOON + HOUR + BUCKET_SECONDS) == 1


def test_the_key_differs_from_gateway_to_gateway() -> None:
    places = []
    for _ in range(2):
        fd = tally.create()
        counts = Tally(fd)
        places.append([counts._find(f"192.0.2.{n}") for n in range(64)])
        os.close(fd)
    assert places[0] != places[1]


def test_names_that_are_no_good_text_are_names_all_the_same(memory: int) -> None:
    assert Tally(memory).add("sender \udcff\0@example", 1, NOON) == 1


STEPS = st.lists(
    st.tuples(
        st.integers(0, 19),  # whose
        st.integers(1, 9),  # how much
        st.integers(0, 1500),  # seconds since the step before
    ),
    max_size=60,
)


@settings(deadline=None)
@given(STEPS)
def test_no_count_is_ever_too_low_and_without_crowding_hardly_too_high(
    steps: list[tuple[int, int, int]],
) -> None:
    fd = tally.create()
    roomy, crowded = Tally(fd), None
    second = tally.create()
    crowded = OneSet(second)
    now, done = NOON, []
    for who, much, later in steps:
        now += later
        name = f"client {who}"
        done.append((now, name, much))
        hour = sum(m for at, n, m in done if n == name and at > now - HOUR)
        more = sum(m for at, n, m in done if n == name and at > now - HOUR - BUCKET_SECONDS)
        assert hour <= roomy.add(name, much, now) <= more
        assert hour <= crowded.add(name, much, now)
        for other in {n for _, n, _ in done}:
            truth = sum(m for at, n, m in done if n == other and at > now - HOUR)
            assert truth <= crowded.count(other, now)
    os.close(fd)
    os.close(second)
