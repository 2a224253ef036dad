# SPDX-License-Identifier: Apache-2.0
"""Alarms become facts, are remembered, and repeat themselves ever more seldom."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.journal.facts import AlarmRaised, Fact
from gatehouse.policy.alarms import Alarm, AlarmSeverity, Pacing
from gatehouse.service.base.clock import Clock
from gatehouse.service.watch import alarms
from gatehouse.service.watch.alarms import AlarmDesk, recent
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.sqlite.store import SqliteStore, open_store

BEGIN = 1_800_000_000.0
ALARM = Alarm(name="rule", severity=AlarmSeverity.WARNING, text="Something is odd.", key="k")


class Site:
    """A store, a clock that is set by hand, and what was recorded."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = BEGIN
        self.facts: list[Fact] = []

    def desk(self) -> AlarmDesk:
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        return AlarmDesk(
            self.store, self.facts.append, clock, lambda: "gw1.example.com", lambda: Pacing(5, 60)
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = open_store(DataDirectory(tmp_path / "data"))
    yield Site(store)
    store.close()


def test_an_alarm_is_a_fact_with_all_that_was_said(site: Site) -> None:
    assert asyncio.run(site.desk().tell(ALARM))
    assert site.facts == [
        AlarmRaised(
            at=BEGIN,
            name="rule",
            alarm_class="System",
            severity="Warning",
            subject="Warning <System> gw1.example.com: Something is odd.",
            text="Something is odd.",
            key="k",
        )
    ]


def test_a_series_outlives_a_restart(site: Site) -> None:
    asyncio.run(site.desk().tell(ALARM))
    site.now += 1
    assert not asyncio.run(site.desk().tell(ALARM))
    site.now += 5
    assert asyncio.run(site.desk().tell(ALARM))
    assert [fact.suppressed for fact in site.facts if isinstance(fact, AlarmRaised)] == [0, 1]


def test_the_list_has_the_newest_first_and_no_more_than_asked(site: Site) -> None:
    async def several() -> None:
        desk = site.desk()
        for number in range(3):
            await desk.tell(
                Alarm(name=str(number), severity=ALARM.severity, text="", key=f"{number}")
            )

    asyncio.run(several())
    assert [one.name for one in recent(site.store, 2)] == ["2", "1"]
    assert recent(site.store, 0) == ()


def test_memory_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "KEPT", 3)
    monkeypatch.setattr(alarms, "MOST_KEYS", 2)

    async def several() -> None:
        desk = site.desk()
        for number in range(5):
            await desk.tell(Alarm(name="n", severity=ALARM.severity, text="", key=f"{number}"))
        site.now += 1
        assert await desk.tell(Alarm(name="n", severity=ALARM.severity, text="", key="0"))
        assert not await desk.tell(Alarm(name="n", severity=ALARM.severity, text="", key="4"))

    asyncio.run(several())
    assert len(recent(site.store, 100)) == 3


def test_a_store_that_fails_costs_the_memory_and_not_the_alarm(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(site.store.secrets, "put", refuse)
    with pytest.raises(StoreUnavailable):
        asyncio.run(site.desk().tell(ALARM))
    assert len(site.facts) == 1
