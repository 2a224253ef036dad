# SPDX-License-Identifier: Apache-2.0
"""How the configuration, its candidates and its history look to a person."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import (
    configuration,
    configuration_commit,
    configuration_edit,
    configuration_files,
)
from gatehouse.faces.cli.shown_commit import committed, findings
from gatehouse.faces.cli.terminal import Column, Screen, moment, size, table
from gatehouse.journal.escape import clean

_LISTED = 20  # secrets of a file that are named
_ONLY_A_LEVEL = re.compile(r"(?:groups|machines)\..+\.settings(?:\.[a-z_]+)?")
_NO_CANDIDATE = "There is no candidate."
_COMMIT = "To make it run: gatehouse config commit COMMENT"


def _text(one: configuration.Text, to: Screen) -> str:
    """As it is, so that it can be loaded again; only a terminal is protected from it."""
    text = one.text.removesuffix("\n")
    return text if to.width is None else _clean_lines(text)


def _checked(one: configuration.Checked, to: Screen) -> str:
    verdict = f"The configuration can run ({clean(one.source)})."
    return "\n".join([*findings(one.warnings, to), *map(clean, one.notes), verdict])


def _loaded(one: configuration.Loaded, to: Screen) -> str:
    lines = [*findings(one.warnings, to), *map(clean, one.notes)]
    lines += [f"From the file, with the commit: {clean(name)}" for name in one.secrets[:_LISTED]]
    if len(one.secrets) > _LISTED:
        lines.append(f"And {len(one.secrets) - _LISTED} more: `gatehouse config diff` names all.")
    lines += [
        to.warn(f"No password is kept for {clean(name)}: `gatehouse smart-host password`.")
        for name in one.missing
    ]
    if one.revision is not None:
        view = configuration.CommitView(
            revision=one.revision, running=one.running, warnings=(), served=one.served
        )
        lines.append(committed(view, to))
    elif one.changed:
        lines.append("The file is your candidate now. To make it run: gatehouse config commit")
    elif one.secrets:
        lines.append("The text is what is in force; what came with it waits for your commit.")
    else:
        lines.append("The file is your candidate now; it does not differ from what is in force.")
    return "\n".join(lines)


def _saved(one: configuration_files.SavedFile, to: Screen) -> str:
    lines = [f"Saved: {clean(one.source)}, {size(one.octets)}."]
    if one.sections:
        lines.append(f"Only these sections: {', '.join(map(clean, one.sections))}.")
    return "\n".join([*lines, *_secrets_of(one)])


def _mailed(one: configuration_files.MailedFile, to: Screen) -> str:
    mids = ", ".join(f"MID {mid}" for mid in one.queued)
    return "\n".join(
        [f"Queued: {clean(one.source)}, {size(one.octets)}, {mids}.", *_secrets_of(one)]
    )


def _secrets_of(one: configuration_files.SavedFile | configuration_files.MailedFile) -> list[str]:
    lines = []
    if one.masked:
        lines.append(f"Masked, so not in the file: {', '.join(map(clean, one.masked))}.")
    if one.holds:
        lines.append(f"Sealed in it: {', '.join(map(clean, one.holds))}.")
    return lines


def _reset(one: configuration_files.ResetDone, to: Screen) -> str:
    if not one.changed:
        return "Your candidate is the configuration of a new gateway, which is in force."
    return f"Your candidate is the configuration of a new gateway. {_COMMIT}"


def _difference(one: configuration.Difference, to: Screen) -> str:
    if not one.candidate:
        return _NO_CANDIDATE
    lines = _changes(one.changes)
    if one.diff:
        lines += (
            ["", _clean_lines(one.diff.removesuffix("\n"))]
            if lines
            else [_clean_lines(one.diff.removesuffix("\n"))]
        )
    lines += [f"Changes with the commit: {name}" for name in map(clean, one.secrets)]
    if one.behind:
        lines.append(
            f"Others have committed since the candidate was made; this is what it would change in "
            f"revision {one.revision}."
        )
    return "\n".join(lines) or f"There is no difference from revision {one.revision}."


def _changes(found: tuple[configuration.FieldChange, ...]) -> list[str]:
    """Section by section: + what comes, - what goes, ~ what becomes something else."""
    lines: list[str] = []
    section = None
    for one in found:
        if not (one.old or one.new) and _ONLY_A_LEVEL.fullmatch(one.place):
            continue  # what is said there follows
        above, dot, name = one.place.rpartition(".")
        if one.place.endswith("'") and dot:
            above, _, name = one.place.rpartition(".'")
            name = f"'{name}"
        if above != section:
            section = above
            lines.append(f"[{clean(above)}]" if above else "(top)")
        lines.append(f"  {_change(one, clean(name))}")
    return lines


def _change(one: configuration.FieldChange, name: str) -> str:
    old, new = clean(one.old), clean(one.new)
    match one.kind:
        case "added":
            return f"+ {name} = {new}" if new else f"+ {name}"
        case "removed":
            return f"- {name} = {old}" if old else f"- {name}"
        case "moved":
            return f"~ order: {old} -> {new}"
        case _:
            return f"~ {name}: {old} -> {new}"


def _committed(one: configuration.Committed, to: Screen) -> str:
    return committed(one, to)


def _cleared(one: configuration.Cleared, to: Screen) -> str:
    if not one.cleared:
        return "There was no candidate."
    gone = [f"Forgotten with it: {clean(name)}." for name in one.secrets]
    return "\n".join(["The candidate is gone.", *gone])


def _history(one: configuration.History, to: Screen) -> str:
    columns = (
        Column("REVISION", right=True),
        Column("WHEN"),
        Column("WHO", flexible=True),
        Column("KIND"),
        Column("WHY", flexible=True),
    )
    rows = [
        (
            f"{'*' if each.in_force else ''}{each.revision}",
            moment(each.committed_at),
            each.operator,
            each.kind,
            each.comment,
        )
        for each in one.revisions
    ]
    return table(columns, rows, to)


def _confirmed(one: configuration_commit.Confirmed, to: Screen) -> str:
    return f"Revision {one.revision} is kept."


def _edited(one: configuration_edit.Edited, to: Screen) -> str:
    lines = [*findings(one.warnings, to), *_changes(one.changes)]
    if one.commit is not None:
        return "\n".join([*lines, committed(one.commit, to)])
    return "\n".join([*lines, _COMMIT] if one.changes else [*lines, "It was so already."])


def _candidates(one: configuration_edit.Candidates, to: Screen) -> str:
    if not one.candidates:
        return "Nobody has uncommitted changes."
    columns = (
        Column("WHO", flexible=True),
        Column("SINCE"),
        Column("MADE FROM", right=True),
        Column("FIELDS", right=True),
        Column("CERTIFICATES", right=True),
    )
    rows = [
        (
            f"{each.operator}{' (you)' if each.mine else ''}",
            moment(each.changed_at),
            str(each.base),
            str(each.changes),
            str(each.secrets),
        )
        for each in one.candidates
    ]
    return table(columns, rows, to)


def _rebased(one: configuration_edit.Rebased, to: Screen) -> str:
    if one.left:
        left = [f"Still in conflict: {clean(place)}" for place in one.left]
        return "\n".join(left)
    lines = _changes(one.changes) or ["It changes nothing there any more."]
    return "\n".join([f"Your candidate stands on revision {one.revision} now:", *lines])


def _clean_lines(text: str) -> str:
    return "\n".join(clean(line.expandtabs()) for line in text.split("\n"))


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    configuration.Text: _text,
    configuration.Checked: _checked,
    configuration.Loaded: _loaded,
    configuration_files.SavedFile: _saved,
    configuration_files.MailedFile: _mailed,
    configuration_files.ResetDone: _reset,
    configuration.Difference: _difference,
    configuration.Committed: _committed,
    configuration.Cleared: _cleared,
    configuration.History: _history,
    configuration_commit.Confirmed: _confirmed,
    configuration_edit.Edited: _edited,
    configuration_edit.Candidates: _candidates,
    configuration_edit.Rebased: _rebased,
}
