# SPDX-License-Identifier: Apache-2.0
"""The work: load, show, check and compare configurations. Committing is in its own module."""

import asyncio
from datetime import UTC, datetime

from gatehouse.config import changes, line_diff
from gatehouse.config.running import Running
from gatehouse.faces.actions import configuration_open
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import (
    Checked,
    CheckInput,
    Cleared,
    CommitInput,
    Difference,
    DiffInput,
    History,
    HistoryInput,
    Loaded,
    LoadInput,
    RevisionLine,
    ShowInput,
    Text,
)
from gatehouse.faces.actions.configuration_commit_work import commit, no_candidate
from gatehouse.faces.actions.configuration_examine import (
    approve,
    examine,
    in_force,
    read,
    revision,
)
from gatehouse.faces.actions.configuration_levels_work import holding
from gatehouse.faces.actions.configuration_merge import field_changes, prepared
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.policy.smart_hosts import secret_name
from gatehouse.service.trust import pending, people_waiting, saved_secrets


async def load(house: House, given: LoadInput) -> Loaded:
    """A file, or sections of it, become the candidate; its secrets wait with it."""
    wanted = given.section, given.passphrase
    async with house.committing:
        file = await configuration_open.opened(given.file, *wanted, closed=given.without_secrets)
        content = file.file.text
        if file.parts:
            base = Candidate(house).read() or in_force(house).text.encode()
            content = await asyncio.to_thread(configuration_open.in_place, base, file.parts)
        arriving = saved_secrets.certificate_names(file.secrets.stored)
        approved = await approve(house, content, "file", arriving=arriving)
        content = await asyncio.to_thread(configuration_open.newest, content)
        waits = await asyncio.to_thread(_waits, house, file.secrets)
        older = _older(house)
        Candidate(house).write(content, secrets=pending.staging(house.store, house.operator, waits))
    changed = content.decode() != in_force(house).text
    missing = await asyncio.to_thread(_missing, house, approved.running)
    done = None
    if given.commit is not None:
        done = await commit(house, CommitInput(comment=given.commit))
    return Loaded(
        changed=changed,
        warnings=approved.warnings,
        revision=None if done is None else done.revision,
        running=done is not None and done.running,
        served=() if done is None else done.served,
        secrets=tuple(waits),
        missing=missing,
        notes=(*file.notes, *older),
    )


def _older(house: House) -> tuple[str, ...]:
    """A file that takes the place of an older candidate is merged as that would have been."""
    kept, last = Candidate(house).kept(), in_force(house).number
    if kept is None or kept.base == last:
        return ()
    return (
        f"Your candidate was begun on revision {kept.base}, and {last} is in force: what was"
        " changed in between stays where this says the same as then; `gatehouse config diff` shows"
        " what comes of it, and `gatehouse config clear` before loading begins anew.",
    )


def _waits(house: House, secrets: saved_secrets.Secrets) -> dict[str, bytes | None]:
    """What the commit has to change so that these are here; what is here already is left out."""
    store = house.store
    staged = pending.staged(store, house.operator)
    waits: dict[str, bytes | None] = {
        name: content
        for name, content in secrets.stored.items()
        if name in staged or store.secrets.get(name) != content
    }
    return waits | people_waiting.staging(store, secrets.accounts, secrets.smtp_users)


def _missing(house: House, running: Running) -> tuple[str, ...]:
    """Passwords that the text needs and that will not be there after the commit."""
    there = {one.name for one in house.store.secrets.names()}
    for name, content in pending.staged(house.store, house.operator, secret_name("")).items():
        there = there - {name} if content is None else there | {name}
    hosts = running.smart_hosts.values()
    needed = [one.secret_name for one in hosts if one.username is not None]
    return tuple(name for name in needed if name not in there)


async def show(house: House, given: ShowInput) -> Text:
    """One configuration."""
    found = await _shown(house, given)
    if given.machine is None and given.level is None and not given.origins:
        return found
    return await asyncio.to_thread(holding, found, given, house.machine)


async def _shown(house: House, given: ShowInput) -> Text:
    if given.candidate:
        if given.revision is not None:
            raise OperatorError(
                "two-sources", "Name a revision or the candidate.", hint="Not both."
            )
        text = Candidate(house).read()
        if text is None:
            raise no_candidate()
        return Text(source="candidate", revision=None, text=text.decode("utf-8"))
    found = in_force(house) if given.revision is None else revision(house, given.revision)
    return Text(source=f"revision {found.number}", revision=found.number, text=found.text)


async def check(house: House, given: CheckInput) -> Checked:
    """What is wrong or odd."""
    if given.file is not None:
        return await _check_file(house, given.file)
    source, text = "candidate", Candidate(house).read()
    if text is None:
        current = in_force(house)
        source, text = f"revision {current.number}", current.text.encode()
    machine = house.opened is not None and source == "candidate"
    return Checked(source=source, warnings=await examine(house, text, source, machine=machine))


async def _check_file(house: House, content: bytes) -> Checked:
    """A plain or a saved file; single sections as they would be loaded."""
    file = await asyncio.to_thread(configuration_open.taken_apart, content)
    parts = await asyncio.to_thread(configuration_open.sections_in, file, ())
    text = file.text
    if parts:
        base = Candidate(house).read() or in_force(house).text.encode()
        text = await asyncio.to_thread(configuration_open.in_place, base, parts)
    arriving = await asyncio.to_thread(configuration_open.certificates_within, file)
    approved = await approve(house, text, "file", arriving=arriving)
    return Checked(source="file", warnings=approved.warnings, notes=configuration_open.told(file))


async def diff(house: House, given: DiffInput) -> Difference:
    """What a commit would change; or what differs between two revisions."""
    left = in_force(house) if given.old is None else revision(house, given.old)
    if given.old is not None:
        right = in_force(house) if given.new is None else revision(house, given.new)
        found, text = await asyncio.to_thread(
            _compared,
            left.text,
            right.text,
            (f"revision {left.number}", f"revision {right.number}"),
            given.text,
        )
        return Difference(
            revision=left.number,
            candidate=True,
            changes=field_changes(found),
            diff=text,
            behind=False,
        )
    waiting = pending.names(house.store, house.operator)
    wanted = await asyncio.to_thread(prepared, house, left)
    if wanted is None:
        return Difference(
            revision=left.number,
            candidate=bool(waiting),
            changes=(),
            diff="",
            behind=False,
            secrets=waiting,
        )
    names = f"revision {left.number}", "candidate"
    found, text = await asyncio.to_thread(
        _compared, left.text, wanted.text.decode(), names, given.text
    )
    return Difference(
        revision=left.number,
        candidate=True,
        changes=field_changes(found),
        diff=text,
        behind=wanted.behind,
        secrets=waiting,
    )


def _compared(
    old: str, new: str, names: tuple[str, str], text: bool
) -> tuple[tuple[changes.Change, ...], str]:
    """Field by field; line by line if that is asked for, or if it is comments that differ."""
    found = changes.diff(read(old.encode(), names[0]), read(new.encode(), names[1]))
    return found, line_diff.unified(old, new, names) if text or not found else ""


async def clear(house: House, given: Nothing) -> Cleared:
    """Forget the candidate, and the certificates and trust entries that wait with it."""
    async with house.committing:
        there = Candidate(house).clear()
        waiting = pending.drop(house.store, house.operator, house.clock.wall())
    return Cleared(cleared=there or bool(waiting), secrets=waiting)


async def history(house: House, given: HistoryInput) -> History:
    """The commits."""
    revisions = await asyncio.to_thread(house.store.revisions.history, given.limit)
    newest = revisions[0].number if revisions else 0
    return History(
        revisions=tuple(
            RevisionLine(
                revision=one.number,
                committed_at=datetime.fromtimestamp(one.committed_at, UTC),
                operator=one.operator,
                comment=one.comment,
                kind=one.kind.value,
                in_force=one.number == newest,
            )
            for one in revisions
        )
    )
