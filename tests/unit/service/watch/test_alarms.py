# SPDX-License-Identifier: Apache-2.0
"""Alarms become facts, are remembered, and repeat themselves ever more seldom."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.journal.facts import AlarmRaised, AlertWithheld, Fact
from gatehouse.policy.alarms import Alarm, AlarmSeverity, Pacing
from gatehouse.service.base.clock import Clock
from gatehouse.service.watch import alarms
from gatehouse.service.watch.alarms import MAIL_SECONDS, AlarmDesk, KeptAlarm, Post, recent
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreBusy, StoreCorrupt, StoreUnavailable
from gatehouse.store.sqlite.store import SqliteStore, open_store
from tests.patience import PATIENCE

BEGIN = 1_800_000_000.0
ALARM = Alarm(name="rule", severity=AlarmSeverity.WARNING, text="Something is odd.", key="k")


class Site:
    """A store, a clock that is set by hand, and what was recorded."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = BEGIN
        self.facts: list[Fact] = []
        self.mailed: list[str] = []  # keys
        self.refusing = False

    def desk(self, post: Post | None = None) -> AlarmDesk:
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        return AlarmDesk(
            self.store,
            self.facts.append,
            clock,
            lambda: "gw1.example.com",
            lambda: Pacing(5, 60),
            post,
        )

    async def post(self, alarm: KeptAlarm) -> bool:
        """Mail that the store may refuse."""
        if self.refusing:
            raise StoreUnavailable("the disk is gone")
        self.mailed.append(alarm.key)
        return True

    def told(self) -> list[str]:
        return [one.key for one in self.facts if isinstance(one, AlarmRaised)]


def alarm(key: str, severity: AlarmSeverity = AlarmSeverity.WARNING) -> Alarm:
    return Alarm(name="rule", severity=severity, text="Something is odd.", key=key)


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


# --- a store that fails ---------------------------------------------------------------------------


def refused(*_: object) -> None:
    raise StoreUnavailable("the disk is gone")


def test_a_store_that_fails_costs_the_memory_and_not_the_alarm(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(site.store.secrets, "put", refused)
        assert asyncio.run(site.desk().tell(ALARM))
    assert site.told() == ["k"]


def test_what_could_not_be_kept_is_kept_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = site.desk()
    with monkeypatch.context() as patch:
        patch.setattr(site.store.secrets, "put", refused)
        asyncio.run(desk.tell(ALARM))
        with pytest.raises(StoreUnavailable):
            asyncio.run(desk.send_waiting())
    assert recent(site.store, 9) == ()
    asyncio.run(desk.send_waiting())
    assert [one.key for one in recent(site.store, 9)] == ["k"]


def test_a_memory_that_cannot_be_read_now_is_not_lost(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.refusing = True
    asyncio.run(site.desk(site.post).tell(alarm("before")))
    after = site.desk(site.post)

    def busy(*_: object) -> None:
        raise StoreBusy("somebody writes")

    with monkeypatch.context() as patch:
        patch.setattr(site.store.secrets, "get", busy)
        assert asyncio.run(after.tell(alarm("meanwhile")))
    site.refusing = False
    asyncio.run(after.send_waiting())
    assert [one.key for one in recent(site.store, 9)] == ["meanwhile", "before"]
    assert site.mailed == ["before", "meanwhile"]
    site.now += 1
    for key in ("before", "meanwhile"):
        assert not asyncio.run(site.desk().tell(alarm(key))), "its series goes on"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"alarms": 1}', b"\xff"])
def test_a_damaged_memory_begins_anew(site: Site, content: bytes) -> None:
    site.store.secrets.put("watch/alarms", content, BEGIN)
    with pytest.raises(StoreCorrupt):
        recent(site.store, 9)
    assert asyncio.run(site.desk().tell(ALARM))
    assert [one.key for one in recent(site.store, 9)] == ["k"]


def test_while_mail_cannot_be_queued_it_is_tried_by_the_clock_alone(site: Site) -> None:
    tried = []

    async def full(kept: KeptAlarm) -> bool:
        tried.append(kept.key)
        raise StoreUnavailable("no room")

    async def several() -> None:
        desk = site.desk(full)
        for number in range(20):
            await desk.tell(alarm(f"{number}"))
        assert tried == ["0"]
        await desk.send_waiting()
        assert tried == ["0", "0"]

    asyncio.run(several())


def test_of_what_waits_too_long_the_critical_ones_are_given_up_last(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "MOST_UNSENT", 3)
    site.refusing = True
    desk = site.desk(site.post)

    async def several() -> None:
        await desk.tell(alarm("worst", AlarmSeverity.CRITICAL))
        for number in range(4):
            await desk.tell(alarm(f"{number}"))
        site.refusing = False
        await desk.send_waiting()

    asyncio.run(several())
    assert site.mailed == ["worst", "2", "3"]
    given_up = [one for one in site.facts if isinstance(one, AlertWithheld)]
    assert [(one.name, one.recipient) for one in given_up] == [("rule", "")] * 2


def test_an_alarm_that_cannot_be_written_as_mail_is_not_in_the_way_of_others(site: Site) -> None:
    async def post(kept: KeptAlarm) -> bool:
        if kept.key == "poison":
            raise ValueError("no mail can be made of it")
        return await site.post(kept)

    desk = site.desk(post)
    with pytest.raises(ValueError, match="no mail"):
        asyncio.run(desk.tell(alarm("poison")))
    asyncio.run(desk.tell(alarm("good")))
    asyncio.run(site.desk(post).send_waiting())
    assert site.mailed == ["good"]


# --- very many ------------------------------------------------------------------------------------


def writes(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    put, count = site.store.secrets.put, []

    def counted(name: str, content: bytes, at: float) -> None:
        count.append(name)
        put(name, content, at)

    monkeypatch.setattr(site.store.secrets, "put", counted)
    return lambda: len(count)


def test_a_storm_of_alarms_is_written_a_few_times_and_not_once_for_each(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = writes(site, monkeypatch)

    async def storm() -> None:
        desk = site.desk(site.post)
        await asyncio.gather(*(desk.tell(alarm(f"{number}")) for number in range(150)))

    asyncio.run(storm())
    assert len(site.told()) == len(site.mailed) == 150
    assert written() <= 5
    assert len(recent(site.store, 500)) == 150
    asyncio.run(site.desk(site.post).send_waiting())
    assert len(site.mailed) == 150, "it is remembered that they went"


def test_what_comes_during_a_write_is_written_with_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = site.store.secrets.put
    begun, go_on = threading.Event(), threading.Event()

    def slow(name: str, content: bytes, at: float) -> None:
        begun.set()
        go_on.wait(PATIENCE)
        put(name, content, at)

    async def two() -> None:
        desk = site.desk()
        first = asyncio.create_task(desk.tell(alarm("first")))
        await asyncio.to_thread(begun.wait, PATIENCE)
        second = asyncio.create_task(desk.tell(alarm("second")))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, second)

    monkeypatch.setattr(site.store.secrets, "put", slow)
    asyncio.run(two())
    assert [one.key for one in recent(site.store, 9)] == ["second", "first"]


def test_what_is_only_counted_is_written_every_few_seconds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = site.desk()
    asyncio.run(desk.tell(ALARM))
    written = writes(site, monkeypatch)
    for _ in range(4):
        site.now += 1
        asyncio.run(desk.tell(ALARM))
    assert written() == 0
    asyncio.run(desk.send_waiting())
    asyncio.run(desk.send_waiting())
    assert written() == 1, "nothing has changed since"
    asyncio.run(desk.tell(ALARM))
    site.now += MAIL_SECONDS
    asyncio.run(site.desk().tell(ALARM))
    assert [one.suppressed for one in site.facts if isinstance(one, AlarmRaised)] == [0, 4]


def test_what_strangers_said_is_cut_in_the_key_too(site: Site) -> None:
    asyncio.run(site.desk().tell(alarm("x" * 100_000)))
    assert len(recent(site.store, 1)[0].key) <= 500
    assert len(site.store.secrets.get("watch/alarms") or b"") < 5_000


def test_an_alarm_that_comes_while_the_gateway_stops_is_told_and_kept(site: Site) -> None:
    async def stopping() -> None:
        desk = site.desk(site.post)
        task = asyncio.create_task(desk.tell(ALARM))
        await desk.close()
        task.cancel()

    asyncio.run(stopping())
    assert site.told() == ["k"]
    assert [one.key for one in recent(site.store, 9)] == ["k"]


def test_a_stop_does_not_fail_because_of_the_store(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.store.secrets, "put", refused)
    desk = site.desk()
    asyncio.run(desk.tell(ALARM))
    asyncio.run(desk.close())
