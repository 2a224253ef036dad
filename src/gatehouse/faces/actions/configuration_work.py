# SPDX-License-Identifier: Apache-2.0
"""The work: load, check and commit configurations.

A commit that cannot be made to run must not be what the next start uses. Revisions are never
taken back, so the text that runs is appended again, with the reason as its comment.

Pending certificates and trust entries take effect in the transaction that keeps the revision, and
go back in the one that restores the text before it. After a commit each TLS listener is looked at
from outside, so that the answer says what clients meet, and not what should be.
"""

import asyncio
import difflib
from datetime import UTC, datetime

from gatehouse.config import checks, findings
from gatehouse.config.running import Listener, TlsMode
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import (
    Checked,
    CheckInput,
    Cleared,
    CommitInput,
    Committed,
    Difference,
    History,
    HistoryInput,
    Loaded,
    LoadInput,
    RevisionLine,
    ServedView,
    ShowInput,
    Text,
)
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.policy.mail_flow import TlsDemand
from gatehouse.service.commit.conductor import ApplyFailed
from gatehouse.service.trust import keyring, pending, served
from gatehouse.store.values import NewRevision, Revision

_LONGEST_COMMENT = 500  # characters; the history shows one line for each


async def load(house: House, given: LoadInput) -> Loaded:
    """A file becomes the candidate."""
    warnings = await examine(house, given.file, "file")
    text = given.file.decode("utf-8")
    Candidate(house.directory).write(given.file)
    changed = text != _in_force(house).text
    if given.commit is None:
        return Loaded(changed=changed, warnings=warnings, revision=None, running=False)
    done = await commit(house, CommitInput(comment=given.commit))
    return Loaded(
        changed=changed,
        warnings=warnings,
        revision=done.revision,
        running=done.running,
        served=done.served,
    )


async def show(house: House, given: ShowInput) -> Text:
    """One configuration."""
    if given.candidate:
        if given.revision is not None:
            raise OperatorError(
                "two-sources", "Name a revision or the candidate.", hint="Not both."
            )
        return Text(source="candidate", revision=None, text=_candidate(house).decode("utf-8"))
    if given.revision is None:
        found: Revision | None = _in_force(house)
    else:
        found = house.store.revisions.get(given.revision)
    if found is None:
        raise OperatorError(
            "no-such-revision",
            f"There is no revision {given.revision}.",
            hint="`gatehouse config history` lists them.",
        )
    return Text(source=f"revision {found.number}", revision=found.number, text=found.text)


async def check(house: House, given: CheckInput) -> Checked:
    """What is wrong or odd."""
    source, text = "file", given.file
    if text is None:
        source, text = "candidate", Candidate(house.directory).read()
    if text is None:
        current = _in_force(house)
        source, text = f"revision {current.number}", current.text.encode()
    return Checked(source=source, warnings=await examine(house, text, source))


async def diff(house: House, given: Nothing) -> Difference:
    """What a commit would change."""
    current = _in_force(house)
    wanted = Candidate(house.directory).read()
    waiting = pending.names(house.store)
    if wanted is None:
        return Difference(
            revision=current.number, candidate=bool(waiting), diff="", secrets=waiting
        )
    lines = await asyncio.to_thread(
        _unified, current.text, wanted.decode("utf-8", "replace"), f"revision {current.number}"
    )
    return Difference(revision=current.number, candidate=True, diff=lines, secrets=waiting)


async def commit(house: House, given: CommitInput) -> Committed:
    """The candidate becomes what runs."""
    comment = clean(given.comment.strip())[:_LONGEST_COMMENT]
    if not comment:
        raise OperatorError("no-comment", "Say in a few words why the configuration is changed.")
    async with house.committing:
        before = _in_force(house)
        changes = pending.promotion(house.store)
        waiting = pending.names(house.store)
        text = _to_commit(house, before, changes)
        warnings = await examine(house, text, "candidate")
        undo = pending.reversal(house.store, changes)
        number = _append(house, text.decode("utf-8"), comment, changes)
        if house.gateway is not None:
            try:
                await house.gateway.apply(number, house.operator, comment)
            except ApplyFailed as failed:
                raise _restore(house, before, number, str(failed), undo) from failed
        Candidate(house.directory).clear()
        return Committed(
            revision=number,
            running=house.gateway is not None,
            warnings=warnings,
            served=await look_at_listeners(house),
            secrets=waiting,
        )


async def clear(house: House, given: Nothing) -> Cleared:
    """Forget the candidate, and the certificates and trust entries that wait with it."""
    async with house.committing:
        waiting = pending.drop(house.store, house.clock.wall())
        there = Candidate(house.directory).clear()
    return Cleared(cleared=there or bool(waiting), secrets=waiting)


async def history(house: House, given: HistoryInput) -> History:
    """The commits."""
    revisions = house.store.revisions.history(given.limit)
    newest = revisions[0].number if revisions else 0
    return History(
        revisions=tuple(
            RevisionLine(
                revision=one.number,
                committed_at=datetime.fromtimestamp(one.committed_at, UTC),
                operator=one.operator,
                comment=one.comment,
                in_force=one.number == newest,
            )
            for one in revisions
        )
    )


async def examine(house: House, text: bytes, source: str) -> tuple[FindingView, ...]:
    """The warnings; raises OperatorError with all findings if there is an error."""
    known = checks.DEMO_ONLY
    if house.opened is not None:
        in_force = source.startswith("revision")
        known = keyring.names(house.store) if in_force else keyring.names_to_be(house.store)
    result = await asyncio.to_thread(checks.load, text, certificates=known)
    if isinstance(result, checks.Loaded):
        return tuple(map(_view, result.warnings))
    errors = sum(one.severity is findings.Severity.ERROR for one in result.findings)
    raise OperatorError(
        "configuration-refused",
        f"The configuration has {errors} error{'' if errors == 1 else 's'} and cannot run.",
        source,
        "What is in force was not touched.",
        tuple(map(_view, result.findings)),
    )


def _view(one: findings.Finding) -> FindingView:
    return FindingView(
        severity=one.severity.value,
        place=one.place,
        line=one.line,
        what=one.what,
        found=one.found,
        hint=one.hint,
        text=str(one),
    )


def _in_force(house: House) -> Revision:
    current = None if house.opened is None else house.store.revisions.current()
    if current is None:
        raise OperatorError(
            "no-revision", "There is no configuration yet.", hint="`gatehouse run` makes the first."
        )
    return current


def _candidate(house: House) -> bytes:
    text = Candidate(house.directory).read()
    if text is None:
        raise OperatorError(
            "no-candidate", "There is no candidate.", hint="Make one with `gatehouse config load`."
        )
    return text


def _to_commit(house: House, before: Revision, changes: pending.Changes) -> bytes:
    """The candidate's text; where only certificates or trust change, the one in force."""
    text = Candidate(house.directory).read()
    if text is None and changes:
        return before.text.encode()
    return _candidate(house) if text is None else text


def _append(house: House, text: str, comment: str, secrets: pending.Changes) -> int:
    return house.store.commit_revision(
        NewRevision(
            text=text,
            operator=house.operator,
            comment=comment,
            committed_at=house.clock.wall(),
            secrets=secrets,
        )
    )


async def look_at_listeners(house: House) -> tuple[ServedView, ...]:
    """A handshake with every listener of the gateway that runs."""
    running = None if house.gateway is None else house.gateway.running
    if running is None:
        return ()
    held = {
        name: keyring.get(house.store, name)
        for name in frozenset().union(*(one.certificates for one in running.listeners))
    }
    looks = [
        served.look_at(one, held, hostname=running.hostname)
        for one in running.listeners
        if offers_tls(one)
    ]
    return tuple(_seen(one) for found in await asyncio.gather(*looks) for one in found)


def offers_tls(listener: Listener) -> bool:
    """Whether any client can get TLS there."""
    wanted = any(policy.tls is not TlsDemand.OFF for policy in listener.access.policies)
    return wanted or listener.tls_mode is TlsMode.IMPLICIT


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


def _restore(
    house: House, before: Revision, number: int, reason: str, undo: pending.Changes
) -> OperatorError:
    """Put the text that runs back in force, with its certificates; the error to report."""
    _append(house, before.text, f"revision {number} could not be applied: {clean(reason)}", undo)
    return OperatorError(
        "not-applied",
        f"Revision {number} could not be applied: {reason.rstrip('.')}.",
        hint=f"What ran before (revision {before.number}) goes on; the candidate is kept.",
    )


def _unified(old: str, new: str, name: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, "candidate"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
