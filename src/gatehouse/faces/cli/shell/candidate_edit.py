# SPDX-License-Identifier: Apache-2.0
"""How a dialogue changes the operator's candidate.

A dialogue works on a draft: the plain values of the candidate, or of what is in force where there
is none. What it changed is found field by field and made to the candidate's text as it is then, so
that comments stay and what was loaded meanwhile is not overwritten. The candidate is checked as any
file is; what is refused leaves candidate and draft as they were.
"""

import copy
from collections.abc import Mapping
from typing import Any

from gatehouse.config import changes, document, edit_changes, schema, text
from gatehouse.config.findings import Finding
from gatehouse.faces.actions import configuration
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.dialogue import NOTHING, Talk, ask, do, say
from gatehouse.journal.escape import clean

Values = dict[str, Any]
_NO_CANDIDATE = "no-candidate"


class Draft:
    """Plain values, as in the text form, and the document that they were."""

    def __init__(self, document: schema.Document, values: Values) -> None:
        self.document = document
        self.values = copy.deepcopy(values)
        self._before = values

    def get(self, *path: str) -> Any:  # noqa: ANN401
        """What is written at a path; None where nothing is."""
        here: Any = self.values
        for name in path:
            here = here.get(name) if isinstance(here, dict) else None
        return here

    def table(self, *path: str) -> Values:
        """A section, made if it is not there."""
        here = self.values
        for name in path:
            here = here.setdefault(name, {})
        return here

    def names(self, *path: str) -> tuple[str, ...]:
        """What is named in a section."""
        found = self.get(*path)
        return tuple(found) if isinstance(found, dict) else ()

    def put(self, path: tuple[str, ...], value: object) -> None:
        """Write a value; None takes it away."""
        if value is not None:
            self.table(*path[:-1])[path[-1]] = value
            return
        here = self.get(*path[:-1])
        if isinstance(here, dict):
            here.pop(path[-1], None)

    def revert(self) -> None:
        """Forget what was not kept."""
        self.values = copy.deepcopy(self._before)

    def take(self, other: "Draft") -> None:
        """Be that one."""
        self.__init__(other.document, other._before)  # type: ignore[misc]


def open_draft() -> Talk[Draft]:
    """The candidate as it is now, or what is in force."""
    return _read((yield from _text()))


def reload(draft: Draft) -> Talk[None]:
    """After an action that changed the candidate itself."""
    draft.take((yield from open_draft()))


def keep(draft: Draft) -> Talk[bool]:
    """Make the draft the candidate; False: it was refused, said why, and is as before."""
    wanted = document.read(draft.values)
    if not isinstance(wanted, schema.Document):
        yield from _refused(draft, wanted)
        return False
    made = changes.diff(draft.document, wanted)
    if not made:
        return True
    edited = edit_changes.apply((yield from _text()), made)
    if not isinstance(edited, bytes):
        yield from _refused(draft, edited)
        return False
    try:
        yield from do(
            configuration.LOAD, configuration.LoadInput(file=edited), configuration.Loaded
        )
    except OperatorError as error:
        found = [one.text for one in error.fault.findings if one.severity == "error"]
        yield from say(*map(clean, found), clean(error.fault.message), "Nothing was changed.")
        draft.revert()
        return False
    yield from reload(draft)
    return True


def _text() -> Talk[bytes]:
    try:
        shown = yield from do(
            configuration.SHOW, configuration.ShowInput(candidate=True), configuration.Text
        )
    except OperatorError as error:
        if error.fault.reference != _NO_CANDIDATE:
            raise
        shown = yield from do(configuration.SHOW, configuration.ShowInput(), configuration.Text)
    return shown.text.encode()


def _read(data: bytes) -> Draft:
    parsed = text.parse(data)
    faults: tuple[Finding, ...] = ()
    if isinstance(parsed, text.Parsed):
        read = document.read(parsed.values)
        if isinstance(read, schema.Document):
            return Draft(read, parsed.values)
        faults = read
    else:
        faults = parsed.findings
    raise OperatorError(
        "candidate-unreadable",
        "The candidate cannot be read by this version.",
        str(faults[0]) if faults else "",
        "Drop it with `clear`, or load another with `loadconfig`.",
    )


def _refused(draft: Draft, faults: tuple[Finding, ...]) -> Talk[None]:
    yield from say(*(clean(str(one)) for one in faults), "Nothing was changed.")
    draft.revert()


# --- questions about one value --------------------------------------------------------------------


def ask_field(draft: Draft, path: tuple[str, ...], question: str) -> Talk[None]:
    """A text that may be taken away by the word `none`."""
    old = draft.get(*path)
    default = "" if old is None else str(old)
    hint = f" ({NOTHING}: not set)" if old is not None else ""
    answer = yield from ask(f"{question}{hint}", default)
    put_answer(draft, path, answer, default)


def put_answer(draft: Draft, path: tuple[str, ...], answer: str, default: str) -> None:
    """Write what was answered; the default changes nothing."""
    if answer.lower() == NOTHING:
        draft.put(path, None)
    elif answer != default:
        draft.put(path, answer)


def value_of(view: Mapping[str, Any], field: str, otherwise: object) -> Any:  # noqa: ANN401
    """A value from a mapping where None stands for nothing."""
    found = view.get(field)
    return otherwise if found is None else found
