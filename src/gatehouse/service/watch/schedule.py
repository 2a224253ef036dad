# SPDX-License-Identifier: Apache-2.0
"""Work that is due by the clock: looked at every few seconds, done one job after the other.

A job that fails is reported and comes again at its next turn; it never stops the others. Each job
has a time limit, as one that hangs would hold up all. The monotonic clock decides: a wall clock
that jumps neither skips a turn nor repeats one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gatehouse.service.base.clock import Clock

TICK_SECONDS = 5.0
# An ACME order may wait minutes for its CA; nothing else takes this long.
JOB_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at the start and every so many seconds from then on."""

    name: str
    every: float
    work: Callable[[], Awaitable[None]]


class Schedule:
    """The jobs of one process. `report` is told what fails."""

    def __init__(
        self,
        jobs: Sequence[Job],
        clock: Clock,
        report: Callable[[str, BaseException], None],
        tick: float = TICK_SECONDS,
    ) -> None:
        self._jobs = tuple(jobs)
        self._clock = clock
        self._report = report
        self._tick = tick
        self._next = dict.fromkeys((job.name for job in jobs), float("-inf"))

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            await self.turn()
            await asyncio.sleep(self._tick)

    async def turn(self) -> tuple[str, ...]:
        """Do what is due now; the names of what was done or tried."""
        done = []
        for job in self._jobs:
            now = self._clock.monotonic()
            if now < self._next[job.name]:
                continue
            self._next[job.name] = now + job.every
            done.append(job.name)
            try:
                async with asyncio.timeout(JOB_SECONDS):
                    await job.work()
            except Exception as error:
                self._report(job.name, error)
        return tuple(done)
