# SPDX-License-Identifier: Apache-2.0
"""The work: commit, go back, confirm.

A commit that cannot be made to run must not be what the next start uses: the revision is tried
first (`service/commit/trials.py`). Revisions are never taken back, so the text that runs is
appended again, with the reason as its comment.

Pending certificates and trust entries take effect in the transaction that keeps the revision, and
go back in the one that restores the text before it. After a commit each TLS listener is looked at
from outside, so that the answer says what clients meet, and not what should be.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from gatehouse.config import units
from gatehouse.config.running import Running
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.configuration import CommitInput, Committed, ServedView
from gatehouse.faces.actions.configuration_commit import Confirmed, RollbackInput
from gatehouse.faces.actions.configuration_examine import MERGED, approve, in_force, revision
from gatehouse.faces.actions.configuration_machine import offers_tls
from gatehouse.faces.actions.configuration_merge import prepared, refuse_overtaken
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.policy.people import Role
from gatehouse.service.commit import trials
from gatehouse.service.commit.conductor import ApplyFailed
from gatehouse.service.trust import keyring, pending, people_waiting, served
from gatehouse.store.errors import StoreMoved
from gatehouse.store.revision_values import Arriving, NewRevision, Revision, RevisionKind

_LONGEST_COMMENT = 500  # characters; the history shows one line for each
_LONGEST_WAIT = 7 * 86_400  # seconds; whoever needs more than a week needs no confirmation


async def commit(house: House, given: CommitInput) -> Committed:
    """The candidate becomes what runs."""
    comment = clean(given.comment.strip())[:_LONGEST_COMMENT]
    if not comment:
        raise OperatorError("no-comment", "Say in a few words why the configuration is changed.")
    wait = _wait(house, given.confirm_within)
    async with house.committing:
        _refuse_unconfirmed(house)
        before = in_force(house)
        wanted = await asyncio.to_thread(prepared, house, before)
        await asyncio.to_thread(refuse_overtaken, house)
        waiting = pending.names(house.store, house.operator)
        if wanted is None and not waiting:
            raise no_candidate()
        text = before.text.encode() if wanted is None else wanted.text
        async with _standing_by(house):
            source = MERGED if wanted is not None and wanted.merged else "candidate"
            approved = await approve(house, text, source, machine=True)
            new = NewRevision(
                text=text.decode("utf-8"),
                operator=house.operator,
                comment=comment,
                committed_at=house.clock.wall(),
                secrets=await asyncio.to_thread(pending.promotion, house.store, house.operator),
                candidate=house.operator,
                arriving=await asyncio.to_thread(_arriving, house, waiting),
            )
            number, confirm_by = await _run(house, _Step(new, before, approved.running), wait)
        return Committed(
            revision=number,
            running=house.gateway is not None,
            warnings=approved.warnings,
            served=await look_at_listeners(house),
            merged=wanted is not None and wanted.merged,
            confirm_by=confirm_by,
            secrets=waiting,
        )


async def rollback(house: House, given: RollbackInput) -> Committed:
    """The text of an older revision becomes what runs."""
    comment = clean((given.comment or "").strip())[:_LONGEST_COMMENT]
    wait = _wait(house, given.confirm_within)
    async with house.committing:
        _refuse_unconfirmed(house)
        before, wanted = in_force(house), revision(house, given.revision)
        if wanted.text == before.text:
            raise OperatorError(
                "nothing-to-roll-back",
                f"Revision {wanted.number} says what is in force.",
                hint="`gatehouse config history` lists the others.",
            )
        text = wanted.text.encode()
        async with _standing_by(house):
            approved = await approve(house, text, f"revision {wanted.number}", machine=True)
            new = NewRevision(
                text=wanted.text,
                operator=house.operator,
                comment=comment or f"rollback to revision {wanted.number}",
                committed_at=house.clock.wall(),
                kind=RevisionKind.ROLLBACK,
            )
            number, confirm_by = await _run(house, _Step(new, before, approved.running), wait)
        return Committed(
            revision=number,
            running=house.gateway is not None,
            warnings=approved.warnings,
            served=await look_at_listeners(house),
            confirm_by=confirm_by,
        )


async def confirm(house: House, given: Nothing) -> Confirmed:
    """What was committed with a deadline is kept."""
    async with house.committing:
        trial = trials.awaiting(house.store)
        if trial is None:
            raise OperatorError("nothing-to-confirm", "No configuration waits for a confirmation.")
        if house.gateway is None:
            raise OperatorError(
                "not-running",
                "Nothing runs by it, so nobody can tell whether it is good.",
                hint="Start the gateway with `gatehouse run`.",
            )
        await asyncio.to_thread(trials.confirm, house.store, trial, house.clock.wall())
        return Confirmed(revision=trial.revision)


def _standing_by(house: House) -> AbstractAsyncContextManager[None]:
    """The gateway's new processes load while we look at what they will run by."""
    return nullcontext() if house.gateway is None else house.gateway.standing_by()


def _arriving(house: House, waiting: tuple[str, ...]) -> Arriving | None:
    """The people of a loaded file; almost always there are none."""
    if not any(name.startswith(people_waiting.PREFIX) for name in waiting):
        return None
    accounts, users = people_waiting.arriving(house.store, house.operator, house.clock.wall())
    keep = Role.ADMINISTRATOR.value
    return Arriving(accounts=accounts, smtp_users=users, keep_role=keep)


def no_candidate() -> OperatorError:
    """Nothing was prepared."""
    return OperatorError(
        "no-candidate",
        "There is no candidate.",
        hint="Make one with `gatehouse config load` or `gatehouse config set`.",
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """From what is in force to what was approved."""

    new: NewRevision
    before: Revision
    running: Running  # compiled while it was checked: not once more


async def _run(house: House, step: _Step, wait: int | None) -> tuple[int, datetime | None]:
    """Try a revision; its number, and until when it has to be confirmed."""
    new, before = step.new, step.before
    by = None if wait is None else new.committed_at + wait
    store = house.store
    try:
        number = await asyncio.to_thread(trials.begin, store, new, before, by)
    except StoreMoved:
        raise OperatorError(
            "moved-on",
            "Another configuration was committed at the same time.",
            hint="Nothing was committed; try again.",
        ) from None
    if house.gateway is None:
        return number, None
    try:
        await house.gateway.apply(number, new.operator, new.comment, step.running)
    except ApplyFailed as failed:
        raise await asyncio.to_thread(_restore, house, before, number, str(failed)) from failed
    by = await asyncio.to_thread(trials.ran, store, house.clock.wall(), wait)
    return number, None if by is None else datetime.fromtimestamp(by, UTC)


def _restore(house: House, before: Revision, number: int, reason: str) -> OperatorError:
    """Put the text that runs back in force, with its certificates; the error to report."""
    trial = house.store.trials.current()
    assert trial is not None, "it was begun a moment ago"
    comment = f"revision {number} could not be applied: {clean(reason)}"[:_LONGEST_COMMENT]
    trials.go_back(house.store, trial, RevisionKind.RESTORED, comment, house.clock.wall())
    return OperatorError(
        "not-applied",
        f"Revision {number} could not be applied: {reason.rstrip('.')}.",
        hint=f"What ran before (revision {before.number}) goes on; the candidate is kept.",
    )


def _wait(house: House, text: str | None) -> int | None:
    """How long to wait for the confirmation, in seconds."""
    if text is None:
        return None
    try:
        seconds = units.parse_duration(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= _LONGEST_WAIT:
        raise OperatorError(
            "bad-time",
            "This is no time to wait for a confirmation.",
            clean(text[:40]),
            f"Allowed: {units.DURATION_FORM}, at most a week.",
        )
    if house.gateway is None:
        raise OperatorError(
            "not-running",
            "The gateway does not run, so there is nothing to be confirmed.",
            hint="Commit without --confirm-within, or start it with `gatehouse run`.",
        )
    return seconds


def _refuse_unconfirmed(house: House) -> None:
    trial = trials.awaiting(house.store)
    if trial is None or trial.confirm_by is None:
        return
    until = datetime.fromtimestamp(trial.confirm_by, UTC)
    raise OperatorError(
        "unconfirmed",
        f"Revision {trial.revision} waits for its confirmation until {until:%F %T} UTC.",
        hint="Keep it with `gatehouse config confirm`, or wait until it has gone back.",
    )


async def look_at_listeners(house: House) -> tuple[ServedView, ...]:
    """A handshake with every listener of the gateway that runs."""
    running = None if house.gateway is None else house.gateway.running
    if running is None:
        return ()
    suspended = {one.listener for one in house.store.suspensions.listeners()}
    offering = [one for one in running.listeners if offers_tls(one) and one.name not in suspended]
    held = {
        name: keyring.get(house.store, name)
        for name in frozenset().union(*(one.certificates for one in offering))
    }
    return tuple(map(_seen, await served.look_at(offering, held, hostname=running.hostname)))


def _seen(one: served.Served) -> ServedView:
    return ServedView(
        listener=one.listener,
        certificate=one.certificate,
        server_name=one.server_name,
        outcome=one.outcome.value,
        subject=one.subject,
        fingerprint=one.fingerprint,
        not_after=one.not_after,
        protocol=one.protocol,
        sent=one.sent,
        text=clean(one.text),
    )
