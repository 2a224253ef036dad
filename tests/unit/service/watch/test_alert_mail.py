# SPDX-License-Identifier: Apache-2.0
"""Alarms become mail for those who want them, once they can, and never a loop."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gatehouse.config.checks import Loaded, load
from gatehouse.config.running import Running
from gatehouse.journal.facts import AlarmRaised, AlertQueued, AlertWithheld, Fact
from gatehouse.mail.envelope import Notify
from gatehouse.policy.alarms import MOST_AN_HOUR, Alarm, AlarmClass, AlarmSeverity, Pacing
from gatehouse.service.base.clock import Clock
from gatehouse.service.watch.alarms import AlarmDesk
from gatehouse.service.watch.alert_mail import AlertPost, AlertTools
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreFull
from gatehouse.store.interface import BodyWriter
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import (
    Cursor,
    Failed,
    MessageKind,
    Operation,
    QueuedMessage,
    QueueFilter,
    Result,
)

BEGIN = 1_800_000_000.0
TEXT = """\
format = 1
[system]
hostname = "gw1.us.example"
[smtp_routes]
".routed.example" = ["smarthost:ses"]
[smart_hosts.ses]
host = "email.ses.example"
[alerts.recipients."ops@us.example"]
[alerts.recipients."boss@boss.example"]
severities = ["critical"]
[alerts.recipients."far@a.routed.example"]
classes = ["Directory Harvest Attack Prevention"]
"""


def running(text: str = TEXT) -> Running:
    loaded = load(text.encode())
    assert isinstance(loaded, Loaded), loaded
    return loaded.running


class Site:
    """A store, a clock that is set by hand, and all that was recorded."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.now = BEGIN
        self.facts: list[Fact] = []
        self.woken = 0
        self.hostname = "gw1.us.example"
        self.running: Running | None = running()
        self.desk = self.anew()

    def anew(self) -> AlarmDesk:
        """The desk of a process that has just been started."""
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        post = AlertPost(
            AlertTools(
                store=self.store,
                clock=clock,
                running=lambda: self.running,
                record=self.facts.append,
                wake=self.wake,
                serial="S-1",
            )
        )
        self.desk = AlarmDesk(
            self.store, self.facts.append, clock, lambda: self.hostname, Pacing, post.post
        )
        return self.desk

    def wake(self) -> None:
        self.woken += 1

    def tell(
        self, severity: AlarmSeverity = AlarmSeverity.WARNING, text: str = "Odd.", **more: object
    ) -> bool:
        alarm = Alarm(name="rule", severity=severity, text=text, key=f"rule/{severity}", **more)  # type: ignore[arg-type]
        return asyncio.run(self.desk.tell(alarm))

    def queued(self) -> list[QueuedMessage]:
        mids = [one.mid for one in self.store.queue.list(QueueFilter(), 500)]
        return sorted(self.store.queue.load_many(mids), key=lambda one: one.mid)

    def to(self) -> list[str]:
        return [one.recipients[0].recipient.address.text for one in self.queued()]

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if type(fact) is kind]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = open_store(DataDirectory(tmp_path / "data"))
    yield Site(store, tmp_path)
    store.close()


def test_an_alarm_goes_to_everybody_subscribed_to_its_class_and_severity(site: Site) -> None:
    site.tell()
    assert site.to() == ["ops@us.example"]
    site.tell(AlarmSeverity.CRITICAL)
    assert site.to()[1:] == ["ops@us.example", "boss@boss.example"]
    site.tell(AlarmSeverity.INFORMATION, alarm_class=AlarmClass.HARVEST)
    assert site.to()[3:] == ["ops@us.example", "far@a.routed.example"]
    assert site.woken == 3


def test_it_is_a_message_that_nobody_ever_answers(site: Site) -> None:
    site.tell()
    (one,) = site.queued()
    assert one.sender is None and one.kind is MessageKind.ALERT
    assert one.recipients[0].recipient.notify == frozenset({Notify.NEVER})
    content = site.store.spool.read_small(one.body)
    assert b"Auto-Submitted: auto-generated\r\n" in content
    assert b"serial number S-1" in content
    (fact,) = site.of(AlertQueued)
    assert isinstance(fact, AlertQueued) and fact.mid == one.mid


def test_the_mail_says_how_many_were_held_back(site: Site) -> None:
    site.tell()
    for _ in range(3):
        site.now += 1
        assert not site.tell()
    site.now += 300
    assert site.tell()
    content = site.store.spool.read_small(site.queued()[-1].body)
    assert b"3 equal alarms came" in content
    assert len(site.queued()) == 2


def test_nobody_subscribed_is_nobody_told_and_nothing_kept(site: Site) -> None:
    site.running = running("format = 1\n")
    site.tell()
    site.running = running()
    asyncio.run(site.desk.send_waiting())
    assert site.to() == []


# --- nothing is lost ------------------------------------------------------------------------------


def test_what_is_told_before_a_configuration_runs_is_mailed_when_one_does(site: Site) -> None:
    site.running = None
    site.tell()
    assert site.to() == []
    site.running = running()
    asyncio.run(site.desk.send_waiting())
    assert site.to() == ["ops@us.example"]


def test_what_is_told_before_a_configuration_runs_names_the_gateway_all_the_same(
    site: Site,
) -> None:
    site.hostname = ""
    site.running = None
    site.tell(text="Low on space.")
    (fact,) = site.of(AlarmRaised)
    assert isinstance(fact, AlarmRaised)
    assert fact.subject == "Warning <System>: Low on space."
    site.running = running()
    asyncio.run(site.desk.send_waiting())
    (one,) = site.queued()
    said = "Warning <System> gw1.us.example: Low on space."
    assert one.subject == said
    assert f"Subject: {said}\r\n".encode() in site.store.spool.read_small(one.body)


def test_what_a_full_disk_refused_is_mailed_after_a_restart(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(writer: BodyWriter, batch: Sequence[Operation]) -> tuple[Result, ...]:
        return (Failed(StoreFull("no room")),)

    with monkeypatch.context() as patch:
        patch.setattr(site.store, "commit_batch", refuse)
        assert site.tell()
    assert len(site.of(AlarmRaised)) == 1 and site.to() == []
    asyncio.run(site.anew().send_waiting())
    assert site.to() == ["ops@us.example"]
    asyncio.run(site.anew().send_waiting())
    assert site.to() == ["ops@us.example"], "once is enough"


def test_what_a_full_disk_refuses_again_and_again_does_not_use_up_the_hour(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(writer: BodyWriter, batch: Sequence[Operation]) -> tuple[Result, ...]:
        return (Failed(StoreFull("no room")),)

    async def long() -> None:
        for _ in range(2 * MOST_AN_HOUR + 5):
            await site.desk.send_waiting()

    with monkeypatch.context() as patch:
        patch.setattr(site.store, "commit_batch", refuse)
        site.tell()
        asyncio.run(long())
    asyncio.run(site.desk.send_waiting())
    assert site.to() == ["ops@us.example"]
    assert site.of(AlertWithheld) == []


# --- loops ----------------------------------------------------------------------------------------


def test_an_alarm_about_alert_mail_is_kept_and_mailed_to_nobody(site: Site) -> None:
    assert site.tell(AlarmSeverity.CRITICAL, mailed=False)
    assert site.to() == [] and len(site.of(AlarmRaised)) == 1
    assert len(site.of(AlertWithheld)) == 2


def test_an_alarm_about_a_destination_is_not_mailed_there(site: Site) -> None:
    site.tell(AlarmSeverity.CRITICAL, stuck="us.example")
    assert site.to() == ["boss@boss.example"]
    (held,) = site.of(AlertWithheld)
    assert isinstance(held, AlertWithheld) and held.recipient == "ops@us.example"


def test_an_alarm_about_a_relay_is_not_mailed_by_it(site: Site) -> None:
    site.tell(alarm_class=AlarmClass.HARVEST, stuck="smarthost:ses")
    assert site.to() == ["ops@us.example"], "the other one's route leads there"
    site.running = running(TEXT + '[alerts]\nsmart_host = "ses"\n')
    site.tell(AlarmSeverity.CRITICAL, stuck="smarthost:ses")
    assert site.to() == ["ops@us.example"], "all alert mail goes by it"


# --- the way --------------------------------------------------------------------------------------


def test_with_a_smart_host_the_queue_holds_it_for_that_host(site: Site) -> None:
    site.running = running(TEXT + '[alerts]\nsmart_host = "ses"\n')
    site.tell()
    due = site.store.queue.due(site.now, 10, Cursor()).recipients
    assert [one.domain for one in due] == ["smarthost:ses"]
    assert site.to() == ["ops@us.example"], "the envelope says where it goes in the end"


def test_a_hostile_text_stays_in_its_place(site: Site) -> None:
    site.tell(text="no\r\nBcc: evil@example.com\r\n\r\n\x1b[31mbody")
    content = site.store.spool.read_small(site.queued()[0].body)
    head = content.partition(b"\r\n\r\n")[0]
    assert not any(line.startswith(b"Bcc") for line in head.split(b"\r\n"))
    assert b"\x1b" not in content


def test_the_advice_names_what_it_is_about(site: Site) -> None:
    for stuck, said in (
        ("bank.example", b"explain outbound bank.example --live"),
        ("smarthost:other", b"smart-host password other"),
    ):
        name = "required-tls-failed" if stuck == "bank.example" else "smart-host-login-failed"
        alarm = Alarm(
            name=name, severity=AlarmSeverity.WARNING, text="Odd.", key=stuck, stuck=stuck
        )
        asyncio.run(site.desk.tell(alarm))
        content = site.store.spool.read_small(site.queued()[-1].body)
        assert said in b" ".join(content.split())


def test_a_flood_is_cut_off_and_the_last_mail_says_so(site: Site) -> None:
    async def flood() -> None:
        for number in range(MOST_AN_HOUR + 5):
            key = f"rule/{number}"
            alarm = Alarm(name="rule", severity=AlarmSeverity.WARNING, text="Odd.", key=key)
            await site.desk.tell(alarm)

    asyncio.run(flood())
    assert len(site.of(AlarmRaised)) == MOST_AN_HOUR + 5
    queued = site.queued()
    assert len(queued) == MOST_AN_HOUR
    said = [b"Further:" in site.store.spool.read_small(one.body) for one in queued]
    assert said == [*[False] * (MOST_AN_HOUR - 1), True]
    assert len(site.of(AlertWithheld)) == 5
