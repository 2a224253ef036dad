# SPDX-License-Identifier: Apache-2.0
"""What every change of single fields goes through: into the candidate's text, if it can run."""

from collections.abc import Callable, Sequence

from gatehouse.config import changes, edit_changes, findings, level_changes, places, schema
from gatehouse.config.changes import Change, Path
from gatehouse.config.places import Level
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import CommitInput, CommitView
from gatehouse.faces.actions.configuration_commit_work import commit
from gatehouse.faces.actions.configuration_edit import Edited
from gatehouse.faces.actions.configuration_examine import examine, in_force, read, view
from gatehouse.faces.actions.configuration_merge import field_changes
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean

# From the candidate's text and what it says to the new text.
Edit = Callable[[bytes, schema.Document], bytes]


async def change(house: House, edit: Edit, comment: str | None) -> Edited:
    """The candidate is edited; where there is none, it is made from what is in force."""
    async with house.committing:
        content = Candidate(house).read() or in_force(house).text.encode()
        before = read(content, "candidate")
        edited = edit(content, before)
        warnings = await examine(house, edited, "candidate")
        if edited != content:
            Candidate(house).write(edited)
        made = changes.diff(before, read(edited, "candidate"))
    done: CommitView | None = None
    if comment is not None:
        done = await commit(house, CommitInput(comment=comment))
    return Edited(changes=field_changes(made), warnings=warnings, commit=done)


def written(content: bytes, made: Sequence[Change]) -> bytes:
    """The text with changes that fit together; OperatorError where they do not."""
    edited = edit_changes.apply(content, made)
    if isinstance(edited, bytes):
        return edited
    raise refused(edited)


def refused(found: Sequence[findings.Finding]) -> OperatorError:
    """What would come of it is no configuration."""
    return OperatorError(
        "cannot-be", "The configuration cannot be like this.", findings=tuple(map(view, found))
    )


def agreed(outcome: level_changes.Changed | level_changes.Refused) -> tuple[Change, ...]:
    """The changes, or why they cannot be."""
    if isinstance(outcome, level_changes.Refused):
        raise refused(outcome.findings)
    return outcome.changes


def level_of(whole: schema.Document, text: str | None) -> Level:
    """The level that somebody named; nothing said means the cluster's."""
    if text is None:
        return places.CLUSTER
    level = places.parse_level(text)
    if level is None:
        raise OperatorError(
            "bad-level",
            "This is no level.",
            clean(text[:80]),
            "Allowed: cluster, group:NAME, machine:NAME.",
        )
    if not level_changes.exists(whole, level):
        kind = level.kind.value
        add = "cluster group add" if kind == "group" else "cluster join"
        raise OperatorError(
            f"no-such-{kind}",
            f"There is no such {kind}.",
            level.name,
            f"`gatehouse cluster show` lists them, `gatehouse {add}` adds one.",
        )
    return level


def named_path(place: str, pieces: changes.Parts | None = None, prefix: Path = ()) -> Path:
    """The path that was typed; a number in brackets is a place in a list, counted from one.

    `prefix`: where in `pieces` the path begins.
    """
    parsed = places.parse(place)
    if parsed is None:
        raise _bad_path(place, "Names with dots between them, in quotes where they hold dots.")
    found: list[str] = []
    for part in parsed:
        if isinstance(part, str):
            found.append(part)
            continue
        names = [] if pieces is None else pieces.orders.get((*prefix, *found), [])
        if not 1 <= part <= len(names):
            raise _bad_path(place, f"There are {len(names)} there.")
        found.append(names[part - 1])
    return tuple(found)


def _bad_path(place: str, hint: str) -> OperatorError:
    return OperatorError("bad-path", "This is no path of a field.", clean(place[:120]), hint)
