# SPDX-License-Identifier: Apache-2.0
"""How a dialogue changes the operator's candidate.

A dialogue works on a draft: the plain values of the candidate, or of what is in force where there
is none. What it changed is found field by field and made to the candidate's text as it is then, so
that comments stay and what was loaded meanwhile is not overwritten. The candidate is checked as any
file is; what is refused leaves candidate and draft as they were.

In the mode of a group or of a machine the draft is what holds there, and what was changed is said
there: no dialogue has to know of levels.
"""

import copy
import re
from collections.abc import Sequence
from typing import Any

from gatehouse.config import (
    changes,
    document,
    edit_changes,
    format,
    level_changes,
    schema,
    text,
    upgrade,
)
from gatehouse.config.findings import Finding
from gatehouse.config.places import CLUSTER, Level
from gatehouse.faces.actions import configuration
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.dialogue import (
    NOTHING,
    Check,
    Talk,
    anything,
    ask,
    choose,
    do,
    mode,
    say,
)
from gatehouse.faces.cli.shell.wording import here
from gatehouse.journal.escape import clean

Values = dict[str, Any]
_NO_CANDIDATE = "no-candidate"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # as config.schema.Name


class Draft:
    """Plain values, as in the text form, and the document that they were."""

    def __init__(
        self,
        document: schema.Document,
        values: Values,
        *,
        candidate: bool,
        level: Level = CLUSTER,
    ) -> None:
        self.document = document
        self.level = level  # of which this is what holds there
        self.candidate = candidate  # it is one; else it is what is in force
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
        self.document, self.candidate = other.document, other.candidate
        self.level = other.level
        self._before = other._before
        self.revert()


def open_draft() -> Talk[Draft]:
    """The candidate as it is now, or what is in force."""
    level = yield from mode()
    text, candidate = yield from _text()
    return _at(level, _read(text, candidate=candidate))


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
    now, _ = yield from _text()
    edited = _edited(now, draft.level, made)
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


def _edited(
    now: bytes, level: Level, made: Sequence[changes.Change]
) -> bytes | tuple[Finding, ...]:
    if level == CLUSTER:
        return edit_changes.apply(now, made)
    whole = _read(now, candidate=True).document
    outcome = level_changes.at_level(whole, level, made)
    if isinstance(outcome, level_changes.Refused):
        return outcome.findings
    return edit_changes.apply(now, outcome.changes)


def _at(level: Level, whole: Draft) -> Draft:
    """What holds at the level of the session."""
    if level == CLUSTER:
        return whole
    here = level_changes.holding(whole.document, level)
    if isinstance(here, level_changes.Refused):
        raise OperatorError(
            "no-such-level",
            f"Nothing can be edited for {level.words()}.",
            str(here.findings[0]),
            "Choose another mode with `clustermode`.",
        )
    return Draft(here, format.plain(here), candidate=whole.candidate, level=level)


def attempt(talk: Talk[None]) -> Talk[None]:
    """Part of a menu: what an action refuses is said, and the menu goes on."""
    try:
        yield from talk
    except OperatorError as error:
        found = [one.text for one in error.fault.findings]
        yield from say(*map(clean, found), clean(here(error.fault.sentence())))


def _text() -> Talk[tuple[bytes, bool]]:
    """The text, and whether it is a candidate's."""
    try:
        wanted = configuration.ShowInput(candidate=True)
        shown = yield from do(configuration.SHOW, wanted, configuration.Text)
    except OperatorError as error:
        if error.fault.reference != _NO_CANDIDATE:
            raise
        shown = yield from do(configuration.SHOW, configuration.ShowInput(), configuration.Text)
        return shown.text.encode(), False
    return shown.text.encode(), True


def _read(data: bytes, *, candidate: bool) -> Draft:
    parsed = upgrade.parse(data)
    faults: tuple[Finding, ...] = ()
    if isinstance(parsed, text.Parsed):
        read = document.read(parsed.values)
        if isinstance(read, schema.Document):
            return Draft(read, parsed.values, candidate=candidate)
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


def ask_field(
    draft: Draft, path: tuple[str, ...], question: str, check: Check = anything, help: str = ""
) -> Talk[None]:
    """A text that may be taken away by the word `none`."""
    old = draft.get(*path)
    default = "" if old is None else str(old)
    hint = f" ({NOTHING}: not set)" if default else ""

    def taken(answer: str) -> str | None:
        return None if not answer or answer.lower() == NOTHING else check(answer)

    answer = yield from ask(f"{question}{hint}", default, check=taken, help=help)
    if answer.lower() == NOTHING:
        draft.put(path, None)
    elif answer != default:
        draft.put(path, answer)


def choose_name(question: str, names: Sequence[str], what: str) -> Talk[str | None]:
    """One of the names; None where there are none, which is said."""
    if not names:
        yield from say(f"There is no {what}.")
        return None
    place = yield from choose(question, names)
    return names[place]


def new_name(draft: Draft, path: tuple[str, ...], question: str) -> Talk[str]:
    """A name that nothing in this section has yet."""
    taken = draft.names(*path)

    def check(answer: str) -> str | None:
        return why_no_name(answer, taken)

    return (yield from ask(question, check=check, help="Letters, digits, '.', '_' and '-'."))


def why_no_name(answer: str, taken: Sequence[str], *, folded: bool = False) -> str | None:
    """Why this cannot be the name of something new; `folded`: `taken` is in capitals."""
    if not _NAME.fullmatch(answer):
        return "Letters, digits, '.', '_' and '-', at most 63, are needed."
    same = (answer.upper() if folded else answer) in taken
    return "There is one of this name already." if same else None
