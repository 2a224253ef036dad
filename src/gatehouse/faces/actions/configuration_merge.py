# SPDX-License-Identifier: Apache-2.0
"""What the candidate of an operator becomes when others have committed since it was made.

His changes are made to the text in force, so that nothing of the others is lost; where both changed
the same, the operator has to say what it shall be.
"""

from dataclasses import dataclass

from gatehouse.config import changes, edit_changes, findings, format, schema
from gatehouse.config.changes import Change, Clash, Mark
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import FieldChange
from gatehouse.faces.actions.configuration_examine import read, revision, view
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.service.trust import pending
from gatehouse.store import revision_values as values
from gatehouse.store.revision_values import Revision

_LONGEST = 300  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a commit would put in force."""

    text: bytes
    behind: bool  # others have committed something else since the candidate was made
    merged: bool  # what they committed is in the text, and what the candidate changes


def prepared(house: House, before: Revision) -> Prepared | None:
    """The text to commit, None without a candidate; raises OperatorError for a conflict."""
    kept = Candidate(house).kept()
    if kept is None:
        return None
    base = revision(house, kept.base)
    if base.text == before.text or kept.text in (base.text, before.text):
        # Nobody has changed anything meanwhile, or nothing is to be changed.
        same = base.text == before.text or kept.text == before.text
        text = kept.text if same else before.text
        return Prepared(text.encode(), behind=not same, merged=False)
    found = changes.merge(*documents(kept, base, before))
    if isinstance(found, changes.Conflict):
        raise conflict(found.clashes, ())
    return Prepared(written(before, found.changes), behind=True, merged=True)


def documents(
    kept: values.Candidate, base: Revision, before: Revision
) -> tuple[schema.Document, schema.Document, schema.Document]:
    """What the candidate was made from, what it says, and what is in force."""
    return (
        read(base.text.encode(), f"revision {base.number}"),
        read(kept.text.encode(), "candidate"),
        read(before.text.encode(), f"revision {before.number}"),
    )


def written(before: Revision, made: tuple[Change, ...]) -> bytes:
    """The text in force with changes made to it."""
    text = edit_changes.apply(before.text.encode(), made)
    if isinstance(text, bytes):
        return text
    raise OperatorError(
        "merge-refused",
        "Your changes and those of others do not make a configuration together.",
        hint="`gatehouse config rebase` and `gatehouse config set` mend the candidate.",
        findings=tuple(map(view, text)),
    )


def refuse_overtaken(house: House) -> None:
    """Certificates and trust entries that somebody else has changed meanwhile."""
    overtaken = pending.overtaken(house.store, house.operator)
    if overtaken:
        raise conflict((), overtaken)


def conflict(clashes: tuple[Clash, ...], secrets: tuple[str, ...]) -> OperatorError:
    """Everything that both have changed, with all three values."""
    found = [
        view(
            findings.error(
                one.path,
                f"was {shown(one.base)}; yours is {shown(one.mine)}, in force is "
                f"{shown(one.theirs)}",
            )
        )
        for one in clashes
    ]
    found += [
        view(findings.error(tuple(name.split("/")), "was changed by somebody else meanwhile"))
        for name in secrets
    ]
    many = "field" if len(found) == 1 else "fields"
    return OperatorError(
        "conflict",
        f"Others have committed different values for {len(found)} {many} that you changed.",
        hint="Settle it with `gatehouse config rebase --take mine` or `--take theirs` and the "
        "fields, or change them in the candidate. Nothing was committed.",
        findings=tuple(found),
    )


def field_changes(made: tuple[Change, ...]) -> tuple[FieldChange, ...]:
    """Changes as faces get them, section by section."""
    return tuple(
        FieldChange(
            place=findings.place_text(one.path),
            kind=_kind(one),
            old=_written(one.old),
            new=_written(one.new),
        )
        for one in made
    )


def shown(value: object) -> str:
    """A value in a sentence."""
    if isinstance(value, Mark):
        return value.value
    return _written(value)


def _kind(one: Change) -> str:
    if one.path[-1] == changes.ORDER:
        return "moved"
    if one.old is Mark.ABSENT:
        return "added"
    return "removed" if one.new is Mark.ABSENT else "changed"


def _written(value: object) -> str:
    if isinstance(value, Mark):
        return ""
    if isinstance(value, tuple):
        value = list(value)  # an order
    text = clean(format.literal(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
