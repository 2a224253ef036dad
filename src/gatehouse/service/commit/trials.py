# SPDX-License-Identifier: Apache-2.0
"""A revision is tried before it is kept: it has to run, and where asked for, to be confirmed.

Two steps make a commit: the revision is kept together with its certificates, as one that is tried,
and after it has been seen running the trial ends. Between the two, whatever happens (it cannot run,
nobody confirms it, the machine loses power) leads back to the last good one, with the certificates
that belonged to it: what undoes the change lies sealed in the store from the first step on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from gatehouse.config.line_diff import difference
from gatehouse.policy.alarms import Alarm, AlarmSeverity
from gatehouse.policy.people import Role, Way
from gatehouse.service.base.clock import Clock
from gatehouse.service.commit.conductor import ApplyFailed, WrongMachine
from gatehouse.service.trust import pending
from gatehouse.service.trust.acme import CannotInstall
from gatehouse.service.watch.schedule import Job
from gatehouse.store.interface import Store
from gatehouse.store.people_values import AuditEntry
from gatehouse.store.revision_values import (
    Candidate,
    NewRevision,
    NewTrial,
    Revision,
    RevisionKind,
    Trial,
)

UNDO = "trial/undo"
# How often the deadline of a confirmation is looked at.
LOOK_SECONDS = 1.0
ALARM = "configuration-restored"
_OPERATOR = "system"


class _Undo(msgspec.Struct, frozen=True):
    secrets: dict[str, bytes | None]


def begin(store: Store, new: NewRevision, good: Revision, confirm_by: float | None) -> int:
    """Keep a revision as one that is tried; raises StoreMoved if `good` is not the last one."""
    earlier = store.trials.current()
    undo = pending.reversal(store, new.secrets)
    back_to = good.number
    if earlier is not None:
        # Nobody has seen that one run either: the way back leads to what was before both.
        undo |= _undo(store)
        back_to = earlier.good
    return store.commit_revision(
        replace(
            new,
            secrets={**new.secrets, UNDO: msgspec.json.encode(_Undo(undo))},
            after=good.number,
            trial=NewTrial(good=back_to, confirm_by=confirm_by),
        )
    )


def ran(store: Store, now: float, wait: float | None = None) -> float | None:
    """What is tried was seen running; until when it has to be confirmed, None: it is kept.

    `wait`: the seconds to confirm it begin now, not when it was stored.
    """
    trial = store.trials.current()
    if trial is None:
        return None
    by = trial.confirm_by if wait is None else now + wait
    gone: dict[str, bytes | None] = {UNDO: None} if by is None else {}
    store.settle_trial(trial.revision, confirm_by=by, secrets=gone, at=now)
    return by


def confirm(store: Store, trial: Trial, now: float) -> None:
    """Somebody wants it kept."""
    store.settle_trial(trial.revision, confirm_by=None, secrets={UNDO: None}, at=now)


def awaiting(store: Store) -> Trial | None:
    """The revision that runs and waits for its confirmation."""
    trial = store.trials.current()
    return None if trial is None or trial.confirm_by is None else trial


def go_back(store: Store, trial: Trial, kind: RevisionKind, comment: str, now: float) -> int:
    """Put the last good text in force, with its certificates; the number of the new revision.

    Whoever committed what was tried finds it as a candidate again, unless there is another one.
    """
    good, tried = store.revisions.get(trial.good), store.revisions.get(trial.revision)
    assert good is not None, "revisions are never removed"
    assert tried is not None, "revisions are never removed"
    told = _remembered(now, "config restore", revision=trial.revision, reason=comment)
    mended = Candidate(operator=tried.operator, base=good.number, text=tried.text, changed_at=now)
    return store.commit_revision(
        NewRevision(
            text=good.text,
            operator=_OPERATOR,
            comment=comment,
            committed_at=now,
            secrets={**_undo(store), UNDO: None},
            kind=kind,
            ends_trial=True,
            gives_back=mended if tried.kind is RevisionKind.COMMIT else None,
            audit=replace(told, diff=difference(tried.text, good.text)),
        )
    )


def _remembered(now: float, action: str, **arguments: object) -> AuditEntry:
    """What the audit log keeps of what nobody asked for."""
    return AuditEntry(
        at=now,
        operator=_OPERATOR,
        role=Role.ADMINISTRATOR.value,
        way=Way.CLOCK.value,
        address="",
        action=action,
        arguments=msgspec.json.encode(arguments).decode(),
        outcome="done",
    )


def _undo(store: Store) -> dict[str, bytes | None]:
    content = store.secrets.get(UNDO)
    return {} if content is None else msgspec.json.decode(content, type=_Undo).secrets


# --- renewals ------------------------------------------------------------------------------------

Apply = Callable[[int, str, str], Awaitable[None]]  # makes a revision run: its operator, comment


class Renewals:
    """Other certificates under the same text: a new number is a new generation of receivers.

    Who asked is in the audit log already; for the clock the entry comes with the revision.
    """

    def __init__(self, store: Store, clock: Clock, apply: Apply, operator: str = _OPERATOR) -> None:
        self._store, self._clock, self._apply, self._operator = store, clock, apply, operator

    def postponed(self) -> str:
        """A trial leads back to one text with one set of certificates: it ends first."""
        trial = awaiting(self._store)
        return "" if trial is None else f"revision {trial.revision} waits for its confirmation"

    async def install(self, secrets: Mapping[str, bytes | None], certificate: str) -> None:
        """Try them, and keep them if they run; raises CannotInstall."""
        store, now, operator = self._store, self._clock.wall(), self._operator
        if reason := self.postponed():
            raise CannotInstall(reason)
        current = store.revisions.current()
        assert current is not None, "a gateway runs by a revision"
        new = NewRevision(
            text=current.text,
            operator=operator,
            comment=f"certificate {certificate} renewed by ACME",
            committed_at=now,
            secrets=secrets,
            kind=RevisionKind.RENEWAL,
            audit=_remembered(now, "certificate renew", name=certificate)
            if operator == _OPERATOR
            else None,
        )
        number = await asyncio.to_thread(begin, store, new, current, None)
        try:
            await self._apply(number, operator, new.comment)
        except ApplyFailed as failed:
            trial = store.trials.current()
            assert trial is not None, "it was begun a moment ago"
            reason = str(failed).rstrip(".")
            comment = f"revision {number} could not be applied: {reason}"[:500]
            await asyncio.to_thread(go_back, store, trial, RevisionKind.RESTORED, comment, now)
            raise CannotInstall(reason) from failed
        await asyncio.to_thread(ran, store, self._clock.wall())


# --- in the supervisor -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTools:
    """What the supervisor has at hand."""

    store: Store
    clock: Clock
    committing: asyncio.Lock
    start: Callable[[int, bool], Awaitable[None]]  # a revision; whether it is tried
    apply: Apply
    tell: Callable[[Alarm], Awaitable[object]]


class Trials:
    """Starts the gateway under what is tried or under what is good, and watches the deadline."""

    def __init__(self, tools: TrialTools) -> None:
        self._tools = tools
        self._ends: tuple[Trial, float] | None = None  # what waits, and until when, monotonic

    def job(self) -> Job:
        """For a schedule of its own: no other job may hold the way back up."""
        return Job("confirmation", LOOK_SECONDS, self.look)

    async def start(self) -> None:
        """Start under the last revision, or if it is only tried and cannot run, the good one."""
        store, now = self._tools.store, self._tools.clock.wall()
        trial = store.trials.current()
        if trial is not None and _expired(trial, now):
            await self._start(go_back(store, trial, *_nobody(trial), now), False)
            await self._tools.tell(_told(trial, "nobody confirmed it in time"))
            return
        current = store.revisions.current()
        assert current is not None, "a new data directory has its first revision"
        try:
            await self._start(current.number, trial is not None)
        except ApplyFailed as failed:
            if trial is None or isinstance(failed, WrongMachine):
                raise  # for another machine it may be good
            reason = str(failed).rstrip(".")
            comment = f"revision {trial.revision} could not run: {reason}"[:500]
            await self._start(go_back(store, trial, RevisionKind.RESTORED, comment, now), False)
            await self._tools.tell(_told(trial, f"it could not run: {reason}"))
            return
        ran(store, now)

    async def look(self) -> None:
        """Go back if the time to confirm is over."""
        async with self._tools.committing:
            store, now = self._tools.store, self._tools.clock.wall()
            trial = store.trials.current()
            if trial is None or not self._is_over(trial, now):
                return
            kept = store.revisions.current()
            assert kept is not None, "something is tried"
            again = {name: store.secrets.get(name) for name in _undo(store)}
            kind, comment = _nobody(trial)
            number = await asyncio.to_thread(go_back, store, trial, kind, comment, now)
            try:
                await self._tools.apply(number, _OPERATOR, comment)
            except ApplyFailed as failed:
                reason = str(failed).rstrip(".")
                text = f"revision {number} could not be applied: {reason}"[:500]
                told = _remembered(now, "config restore", revision=number, reason=text)
                good = store.revisions.get(number)
                assert good is not None, "it was kept a moment ago"
                diff = await asyncio.to_thread(difference, good.text, kept.text)
                store.commit_revision(
                    NewRevision(
                        text=kept.text,
                        operator=_OPERATOR,
                        comment=text,
                        committed_at=now,
                        secrets=again,
                        kind=RevisionKind.RESTORED,
                        audit=replace(told, diff=diff),
                    )
                )
                await self._tools.tell(_stuck(trial, reason))
                return
        await self._tools.tell(_told(trial, "nobody confirmed it in time"))

    def _is_over(self, trial: Trial, now: float) -> bool:
        """By the wall clock, or by one that nobody sets.

        Whoever has locked himself out is not to wait a day because the clock was put right.
        """
        if trial.confirm_by is None:
            return False
        ticks = self._tools.clock.monotonic()
        if self._ends is None or self._ends[0] != trial:
            self._ends = trial, ticks + trial.confirm_by - now
        return _expired(trial, now) or ticks >= self._ends[1]

    async def _start(self, number: int, tried: bool) -> None:
        await self._tools.start(number, tried)


def _expired(trial: Trial, now: float) -> bool:
    return trial.confirm_by is not None and now >= trial.confirm_by


def _nobody(trial: Trial) -> tuple[RevisionKind, str]:
    return (RevisionKind.CONFIRM_EXPIRED, f"revision {trial.revision} was not confirmed in time")


def _told(trial: Trial, reason: str) -> Alarm:
    return Alarm(
        name=ALARM,
        severity=AlarmSeverity.CRITICAL,
        text=f"Revision {trial.revision} of the configuration is not in force: {reason}. The text"
        f" of revision {trial.good} runs again; `gatehouse config history` has the details.",
        key=f"{ALARM}/{trial.revision}",
    )


def _stuck(trial: Trial, reason: str) -> Alarm:
    return Alarm(
        name=ALARM,
        severity=AlarmSeverity.CRITICAL,
        text=f"Revision {trial.revision} of the configuration was not confirmed in time, but the"
        f" text of revision {trial.good} cannot be applied: {reason}. What runs goes on.",
        key=f"{ALARM}/{trial.revision}",
    )
