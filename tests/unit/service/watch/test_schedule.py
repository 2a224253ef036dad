# SPDX-License-Identifier: Apache-2.0
"""Jobs come when they are due, and one that fails disturbs nobody."""

import asyncio

import pytest

from gatehouse.service.base.clock import Clock
from gatehouse.service.watch import schedule
from gatehouse.service.watch.schedule import Job, Schedule


class Hands:
    """A clock set by hand and notes of what was done."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.failed: list[tuple[str, str]] = []
        self.clock = Clock(wall=lambda: 0.0, monotonic=lambda: self.now)

    def report(self, where: str, error: BaseException) -> None:
        self.failed.append((where, type(error).__name__))


async def good() -> None:
    return None


async def bad() -> None:
    raise RuntimeError("no")


async def hangs() -> None:
    await asyncio.Event().wait()


def test_a_job_is_done_at_the_start_and_then_when_its_time_has_come() -> None:
    hands = Hands()
    jobs = (Job("daily", 100, good), Job("often", 10, good))

    async def run() -> list[tuple[str, ...]]:
        turns = Schedule(jobs, hands.clock, hands.report)
        seen = []
        for seconds in (0, 5, 5, 89, 1):
            hands.now += seconds
            seen.append(await turns.turn())
        return seen

    assert asyncio.run(run()) == [
        ("daily", "often"), (), ("often",), ("often",), ("daily",),
    ]  # fmt: skip


def test_a_job_that_fails_is_reported_and_comes_again() -> None:
    hands = Hands()

    async def run() -> None:
        turns = Schedule((Job("bad", 10, bad), Job("good", 10, good)), hands.clock, hands.report)
        assert await turns.turn() == ("bad", "good")
        hands.now += 10
        assert await turns.turn() == ("bad", "good")

    asyncio.run(run())
    assert hands.failed == [("bad", "RuntimeError")] * 2


def test_a_job_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "JOB_SECONDS", 0.01)
    hands = Hands()

    async def run() -> tuple[str, ...]:
        jobs = (Job("hangs", 10, hangs), Job("good", 10, good))
        return await Schedule(jobs, hands.clock, hands.report).turn()

    assert asyncio.run(run()) == ("hangs", "good")
    assert hands.failed == [("hangs", "TimeoutError")]
