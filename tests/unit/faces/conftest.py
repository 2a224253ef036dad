# SPDX-License-Identifier: Apache-2.0
"""A house without a gateway, and one with a pretend gateway."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.config.running import Running
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.operator import of_this_machine
from gatehouse.policy.people import Way
from gatehouse.service.base.channel import Value
from gatehouse.service.base.clock import Clock
from gatehouse.service.commit.conductor import ApplyFailed

NOW = 1_800_000_000.0


@dataclass
class PretendGateway:
    """Notes what it is told; `refuses` makes every revision fail with that reason."""

    refuses: str = ""
    running: Running | None = None
    revision: int = 1
    applied: list[tuple[int, str, str]] = field(default_factory=list)
    compiled: list[Running | None] = field(default_factory=list)  # what came with each of them
    looked: int = 0
    doors: list[float] = field(default_factory=list)

    stood_by: list[str] = field(default_factory=list)  # when processes stood by, and no more

    @asynccontextmanager
    async def standing_by(self) -> AsyncIterator[None]:
        self.stood_by.append("there")
        try:
            yield
        finally:
            self.stood_by.append("gone")

    async def apply(
        self, revision: int, operator: str, comment: str, running: Running | None = None
    ) -> None:
        if self.refuses:
            raise ApplyFailed(self.refuses)
        self.applied.append((revision, operator, comment))
        self.compiled.append(running)
        self.revision = revision

    async def ask(self, what: str) -> list[tuple[str, int, Value]]:
        return [("receiver", 12, {"connections": 3}), ("deliverer", 11, {"in hand": 2})]

    def totals(self) -> dict[str, int | str]:
        return {"InjMsg": 5}

    async def listeners_changed(self, within: float) -> None:
        if self.refuses:
            raise ApplyFailed(self.refuses)
        self.doors.append(within)

    def queue_changed(self) -> None:
        self.looked += 1


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new data directory; no gateway runs on it."""
    directory, store = open_house(tmp_path / "data")
    ticks = itertools.count()
    clock = Clock(wall=lambda: NOW + next(ticks), monotonic=lambda: 0.0)
    yield House(
        directory=directory,
        version="1.2.3",
        operator="ann",
        acting=of_this_machine("ann", Way.CLI),
        opened=store,
        clock=clock,
    )
    store.close()


@pytest.fixture
def gateway() -> PretendGateway:
    return PretendGateway()


@pytest.fixture
def running_house(house: House, gateway: PretendGateway) -> House:
    """The same with a gateway."""
    return replace(house, gateway=gateway, started_at=NOW - 60)
