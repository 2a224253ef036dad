# SPDX-License-Identifier: Apache-2.0
"""The work: single fields of the candidate, everybody's candidates, and settling conflicts."""

import asyncio
import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gatehouse.config import changes, edit_changes, findings, level_changes, places, schema
from gatehouse.config.changes import Change, Mark, Path
from gatehouse.config.places import CLUSTER, Level
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration_change import (
    agreed,
    change,
    level_of,
    named_path,
    written,
)
from gatehouse.faces.actions.configuration_commit_work import no_candidate
from gatehouse.faces.actions.configuration_edit import (
    CandidateLine,
    Candidates,
    Edited,
    Rebased,
    RebaseInput,
    SetInput,
    UnsetInput,
)
from gatehouse.faces.actions.configuration_examine import in_force, read, revision, view
from gatehouse.faces.actions.configuration_levels_work import at
from gatehouse.faces.actions.configuration_merge import (
    conflict,
    documents,
    field_changes,
)
from gatehouse.faces.actions.configuration_merge import written as merged
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.service.trust import pending


async def set_field(house: House, given: SetInput) -> Edited:
    """One field of the candidate has a value."""

    def edit(content: bytes, before: schema.Document) -> bytes:
        level = level_of(before, given.level)
        here = at(before, level)
        path = named_path(given.path, changes.parts(here))
        return _set(content, _Place(before, level, here, path), given.value)

    return await change(house, edit, given.commit)


async def unset_field(house: House, given: UnsetInput) -> Edited:
    """One field or section of the candidate is gone, or one that a higher level has is hidden."""

    def edit(content: bytes, before: schema.Document) -> bytes:
        level = level_of(before, given.level)
        if given.without:
            path = named_path(given.path, changes.parts(at(before, level)))
            return written(content, agreed(level_changes.take_away(before, level, path)))
        pieces = changes.parts(before)
        path = named_path(given.path, pieces, level.prefix)
        if level == CLUSTER:
            return _unset(content, pieces, path)
        if (*level.prefix, *path) not in pieces.at:
            raise _not_said(path, level)
        return written(content, agreed(level_changes.unsay(before, path, level)))

    return await change(house, edit, given.commit)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a field is to be set."""

    whole: schema.Document
    level: Level
    here: schema.Document  # what holds at the level
    path: Path


def _set(content: bytes, place: _Place, value: str) -> bytes:
    """The first reading of the value that fits: as TOML, as a text, as a list of texts."""
    first: tuple[findings.Finding, ...] = ()
    for reading in _readings(value):
        edited = _tried(content, place, _made(place.here, place.path, reading))
        if isinstance(edited, bytes):
            return edited
        first = first or edited
    _refuse_unknown(place.here, place.path, first)
    raise OperatorError(
        "bad-value",
        "The field cannot have this value.",
        findings.place_text(place.path),
        findings=tuple(map(view, first)),
    )


def _tried(
    content: bytes, place: _Place, made: list[Change]
) -> bytes | tuple[findings.Finding, ...]:
    if place.level == CLUSTER:
        return edit_changes.apply(content, made)
    outcome = level_changes.at_level(place.whole, place.level, made)
    if isinstance(outcome, level_changes.Refused):
        return outcome.findings
    return edit_changes.apply(content, outcome.changes)


def _readings(value: str) -> Sequence[Any]:
    found: list[Any] = []
    try:
        found.append(tomllib.loads(f"value = {value}")["value"])
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        pass
    found.append(value)
    found.append([one.strip() for one in value.split(",") if one.strip()])
    return found


def _made(before: schema.Document, path: Path, value: object) -> list[Change]:
    """The change, with the sections above it that are not there yet."""
    pieces = changes.parts(before)
    made = [
        Change(path[:size], Mark.ABSENT, Mark.PRESENT)
        for size in range(1, len(path))
        if path[:size] not in pieces.at
    ]
    if changes.keyed(path):
        # In place of all that stands there, so that nothing is left of it.
        made += [Change(one, Mark.PRESENT, Mark.ABSENT) for one in pieces.at if one[:-1] == path]
    return [*made, Change(path, pieces.at.get(path, Mark.ABSENT), value)]


def _refuse_unknown(
    before: schema.Document, path: Path, found: tuple[findings.Finding, ...]
) -> None:
    """A misspelt name of a listener or policy is better told than that its fields are missing."""
    pieces = changes.parts(before)
    for size in range(1, len(path)):
        if path[:size] in pieces.at:
            continue
        siblings = sorted(one[-1] for one in pieces.at if one[:-1] == path[: size - 1] and one)
        if siblings and any(one.what == "is missing" for one in found):
            raise _no_such(path[:size], siblings)
        return


def _unset(content: bytes, pieces: changes.Parts, path: Path) -> bytes:
    if path not in pieces.at:
        raise _no_such(path, sorted(one[-1] for one in pieces.at if one and one[:-1] == path[:-1]))
    gone = [
        Change(one, value, Mark.ABSENT)
        for one, value in pieces.at.items()
        if one[: len(path)] == path
    ]
    edited = edit_changes.apply(content, gone)
    if isinstance(edited, bytes):
        return edited
    raise OperatorError(
        "cannot-unset",
        "The configuration cannot be without it.",
        findings.place_text(path),
        findings=tuple(map(view, edited)),
    )


def _not_said(place: Path, level: Level) -> OperatorError:
    return OperatorError(
        "no-such-field",
        f"{level.words()[:1].upper()}{level.words()[1:]} says nothing at this place.",
        places.text(place),
        "`gatehouse config show --machine NAME --origins` shows who does; with --without the level"
        " is without what stands above it.",
    )


def _no_such(path: Path, siblings: Sequence[str]) -> OperatorError:
    near = difflib.get_close_matches(path[-1], siblings, n=3, cutoff=0.5)
    known = ", ".join(map(clean, near or siblings[:10]))
    return OperatorError(
        "no-such-field",
        "There is nothing at this place.",
        findings.place_text(path),
        f"Did you mean {known}?" if near else f"There are: {known or 'none'}.",
    )


# --- candidates of all, and conflicts -----------------------------------------------------------


async def candidates(house: House, given: Nothing) -> Candidates:
    """Who has uncommitted changes."""
    current = in_force(house)
    Candidate(house).kept()
    found = await asyncio.to_thread(
        lambda: [
            CandidateLine(
                operator=one.operator,
                changed_at=datetime.fromtimestamp(one.changed_at, UTC),
                base=one.base,
                changes=_count(revision(house, one.base).text, one.text),
                secrets=len(pending.names(house.store, one.operator)),
                mine=one.operator == house.operator,
            )
            for one in house.store.candidates.all()
        ]
    )
    return Candidates(
        at=datetime.fromtimestamp(house.clock.wall(), UTC),
        revision=current.number,
        candidates=tuple(found),
    )


def _count(old: str, new: str) -> int:
    if old == new:
        return 0
    return len(changes.diff(read(old.encode(), "revision"), read(new.encode(), "candidate")))


async def rebase(house: House, given: RebaseInput) -> Rebased:
    """The candidate is made from what is in force now."""
    async with house.committing:
        return await asyncio.to_thread(_rebase, house, given)


def _rebase(house: House, given: RebaseInput) -> Rebased:
    kept, current = Candidate(house).kept(), in_force(house)
    overtaken = _wanted(given, pending.overtaken(house.store, house.operator))
    if overtaken and given.take == "mine":
        pending.insist(house.store, house.operator, overtaken, house.clock.wall())
    elif overtaken and given.take == "theirs":
        pending.drop(house.store, house.operator, house.clock.wall(), overtaken)
    left = pending.overtaken(house.store, house.operator)
    if kept is None:
        if not overtaken:
            raise no_candidate()
        return Rebased(revision=current.number, changes=(), left=left)
    base, mine, theirs = documents(kept, revision(house, kept.base), current)
    first = changes.merge(base, mine, theirs)
    clashes = first.clashes if isinstance(first, changes.Conflict) else ()
    places = {findings.place_text(one.path): one.path for one in clashes}
    chosen = [places[one] for one in _wanted(given, tuple(places))]
    found = changes.resolve(
        base,
        mine,
        theirs,
        take_mine=chosen if given.take == "mine" else (),
        take_theirs=chosen if given.take == "theirs" else (),
    )
    if isinstance(found, changes.Merged):
        Candidate(house).write(merged(current, found.changes), current.number)
        return Rebased(revision=current.number, changes=field_changes(found.changes), left=left)
    if given.take != "theirs" or not chosen:
        raise conflict(found.clashes, left)
    # Theirs can be taken one by one: the candidate then wants what is in force there.
    taken = [Change(one.path, one.mine, one.theirs) for one in clashes if one.path in chosen]
    edited = edit_changes.apply(kept.text.encode(), taken)
    if not isinstance(edited, bytes):
        raise conflict(found.clashes, left)
    Candidate(house).write(edited)
    more = tuple(findings.place_text(one.path) for one in found.clashes)
    return Rebased(revision=current.number, changes=(), left=(*more, *left))


def _wanted(given: RebaseInput, places: tuple[str, ...]) -> tuple[str, ...]:
    """Which of these places the operator speaks of."""
    if given.take is None:
        return ()
    named = set(given.path)
    return tuple(
        one for one in places if not named or one in named or one.replace("/", ".") in named
    )
