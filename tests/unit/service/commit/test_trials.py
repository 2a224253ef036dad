# SPDX-License-Identifier: Apache-2.0
"""What is tried and does not stay leads back to what was good, whenever it breaks off."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.policy.alarms import Alarm
from gatehouse.service.base.clock import Clock
from gatehouse.service.commit import trials
from gatehouse.service.commit.conductor import ApplyFailed, WrongMachine
from gatehouse.service.commit.trials import Trials, TrialTools
from gatehouse.store.errors import StoreMoved
from gatehouse.store.people_values import AuditFilter
from gatehouse.store.revision_values import Candidate, NewRevision, Revision
from gatehouse.store.sqlite.store import SqliteStore


@dataclass
class Site:
    """A store, and a gateway that notes what it is told; it refuses some texts."""

    store: SqliteStore
    refuses: set[str] = field(default_factory=set)
    now: float = 100.0
    ticks: float = 0.0
    ran: list[tuple[int, bool]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def current(self) -> Revision:
        found = self.store.revisions.current()
        assert found is not None
        return found

    async def start(self, revision: int, tried: bool) -> None:
        found = self.store.revisions.get(revision)
        assert found is not None
        if found.text in self.refuses:
            raise ApplyFailed("it cannot.")
        self.ran.append((revision, tried))

    async def apply(self, revision: int, operator: str, comment: str) -> None:
        await self.start(revision, False)

    async def tell(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)

    def trials(self) -> Trials:
        return Trials(
            TrialTools(
                store=self.store,
                clock=Clock(wall=lambda: self.now, monotonic=lambda: self.ticks),
                committing=asyncio.Lock(),
                start=self.start,
                apply=self.apply,
                tell=self.tell,
            )
        )

    def begin(self, text: str, confirm_by: float | None = None) -> int:
        new = NewRevision(
            text=text,
            operator="ann",
            comment="",
            committed_at=self.now,
            secrets={"certificate/mx": b"new", "pending/ann/certificate/mx": None},
            candidate="ann",
        )
        return trials.begin(self.store, new, self.current, confirm_by)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    _, store = open_house(tmp_path / "data")
    store.revisions.append(text="good", operator="ann", comment="", committed_at=1.0)
    store.secrets.put("certificate/mx", b"old", 1.0)
    store.secrets.put("pending/ann/certificate/mx", b"waits", 1.0)
    store.candidates.put(Candidate(operator="ann", base=2, text="new", changed_at=1.0))
    yield Site(store)
    store.close()


def as_before(site: Site) -> None:
    assert site.current.text == "good"
    assert site.store.secrets.get("certificate/mx") == b"old"
    assert site.store.secrets.get("pending/ann/certificate/mx") == b"waits"
    assert site.store.secrets.get(trials.UNDO) is None
    assert site.store.trials.current() is None
    kept = site.store.candidates.get("ann")
    assert kept is not None
    assert kept.text == "new"


def test_a_start_without_a_trial_is_just_a_start(site: Site) -> None:
    asyncio.run(site.trials().start())
    assert site.ran == [(2, False)]
    site.refuses = {"good"}
    with pytest.raises(ApplyFailed):
        asyncio.run(site.trials().start())


def test_a_start_on_another_machine_is_no_reason_to_give_a_revision_up(site: Site) -> None:
    number = site.begin("new")

    async def elsewhere(revision: int, tried: bool) -> None:
        raise WrongMachine("the cluster has gw1, and this machine (gw2) is none of them")

    site.start = elsewhere  # type: ignore[method-assign]
    with pytest.raises(WrongMachine):
        asyncio.run(site.trials().start())
    assert site.current.number == number
    assert site.alarms == []
    assert site.store.trials.current() is not None, "it is tried where it belongs"


def test_a_start_tries_what_nobody_has_seen_run_and_keeps_it(site: Site) -> None:
    number = site.begin("new")
    asyncio.run(site.trials().start())
    assert site.ran == [(number, True)]
    assert site.store.trials.current() is None
    assert site.store.secrets.get(trials.UNDO) is None
    assert site.store.secrets.get("certificate/mx") == b"new"
    assert site.alarms == []


def test_what_cannot_run_at_the_start_leads_back_with_an_alarm(site: Site) -> None:
    number = site.begin("new")
    site.refuses = {"new"}
    asyncio.run(site.trials().start())
    as_before(site)
    assert site.ran == [(number + 1, False)]
    assert (site.current.kind.value, site.current.operator) == ("restored", "system")
    assert [one.name for one in site.alarms] == [trials.ALARM]
    assert "it cannot" in site.alarms[0].text


def test_two_that_nobody_saw_run_lead_back_to_before_both(site: Site) -> None:
    site.begin("new")
    site.begin("newer")
    site.refuses = {"new", "newer"}
    asyncio.run(site.trials().start())
    assert site.current.text == "good"
    assert site.store.secrets.get("certificate/mx") == b"old"


def test_nobody_confirms_and_it_goes_back_by_itself(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    watch = site.trials()
    site.now = 199.0
    asyncio.run(watch.look())
    assert site.current.text == "new"
    site.now = 200.0
    asyncio.run(watch.look())
    as_before(site)
    assert site.current.kind.value == "confirm expired"
    assert site.ran == [(4, False)]
    assert len(site.alarms) == 1
    asyncio.run(watch.look())
    assert len(site.alarms) == 1


def test_a_clock_that_is_set_back_gives_nobody_more_time(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    watch = site.trials()
    asyncio.run(watch.look())
    site.now, site.ticks = -86_300.0, 99.0
    asyncio.run(watch.look())
    assert site.current.text == "new"
    site.ticks = 100.0
    asyncio.run(watch.look())
    as_before(site)
    assert len(site.alarms) == 1


def test_each_trial_has_its_own_time(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    watch = site.trials()
    asyncio.run(watch.look())
    waiting = trials.awaiting(site.store)
    assert waiting is not None
    trials.confirm(site.store, waiting, site.now)
    site.now, site.ticks = 150.0, 50.0
    site.begin("newer", confirm_by=250.0)
    trials.ran(site.store, site.now)
    site.now, site.ticks = 249.0, 149.0
    asyncio.run(watch.look())
    assert site.current.text == "newer"


def test_what_was_confirmed_stays(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    waiting = trials.awaiting(site.store)
    assert waiting is not None
    trials.confirm(site.store, waiting, site.now)
    site.now = 300.0
    asyncio.run(site.trials().look())
    assert site.current.text == "new"
    assert site.store.secrets.get(trials.UNDO) is None


@pytest.mark.parametrize(("now", "text"), [(150.0, "new"), (250.0, "good")])
def test_the_deadline_outlives_a_restart(site: Site, now: float, text: str) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    site.now = now
    asyncio.run(site.trials().start())
    assert site.current.text == text
    assert (trials.awaiting(site.store) is None) == (text == "good")


def test_what_cannot_be_taken_back_runs_on_and_is_told(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    site.now, site.refuses = 200.0, {"good"}
    asyncio.run(site.trials().look())
    assert site.current.text == "new"
    assert site.store.secrets.get("certificate/mx") == b"new"
    assert "What runs goes on" in site.alarms[0].text
    assert site.store.trials.current() is None


def test_a_candidate_that_was_made_meanwhile_is_not_replaced(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now)
    site.store.candidates.put(Candidate(operator="ann", base=3, text="next", changed_at=1.0))
    site.now = 200.0
    asyncio.run(site.trials().look())
    kept = site.store.candidates.get("ann")
    assert kept is not None
    assert kept.text == "next"


def test_who_comes_second_is_refused(site: Site) -> None:
    before = site.current
    site.store.revisions.append(text="theirs", operator="bob", comment="", committed_at=1.0)
    new = NewRevision(text="new", operator="ann", comment="", committed_at=1.0)
    with pytest.raises(StoreMoved):
        trials.begin(site.store, new, before, None)
    assert site.store.trials.current() is None


def test_what_nobody_confirmed_is_in_the_audit_log_with_its_revision(site: Site) -> None:
    number = site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now, 100)
    site.now = 201.0
    asyncio.run(site.trials().look())
    (entry,) = site.store.audit.list(AuditFilter(), 10)
    assert (entry.operator, entry.way, entry.action) == ("system", "clock", "config restore")
    assert entry.revision == site.current.number
    assert json.loads(entry.arguments) == {
        "revision": number,
        "reason": f"revision {number} was not confirmed in time",
    }
    assert entry.diff == "--- before\n+++ after\n@@ -1 +1 @@\n-new\n+good\n"


def test_the_audit_log_says_what_changed_when_the_way_back_was_blocked(site: Site) -> None:
    site.begin("new", confirm_by=200.0)
    trials.ran(site.store, site.now, 100)
    site.now, site.refuses = 201.0, {"good"}
    asyncio.run(site.trials().look())
    newest, first = site.store.audit.list(AuditFilter(), 10)
    assert [one.revision for one in (first, newest)] == [4, 5]
    assert first.diff.endswith("-new\n+good\n")
    assert newest.diff.endswith("-good\n+new\n")


def test_the_audit_log_says_what_a_start_took_back_over_two_revisions(site: Site) -> None:
    site.begin("new")
    site.begin("newer")
    site.refuses = {"new", "newer"}
    asyncio.run(site.trials().start())
    (entry,) = site.store.audit.list(AuditFilter(), 10)
    assert entry.diff.endswith("-newer\n+good\n")
