# SPDX-License-Identifier: Apache-2.0
"""listenerconfig > edit > rcptaccess: whom mail is taken for, in order."""

from functools import partial
from typing import Any

from gatehouse.config import format, schema
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.access_texts import RECIPIENT_TEXTS
from gatehouse.faces.cli.shell.candidate_edit import Draft, keep
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    say,
    something,
    words_of,
)
from gatehouse.faces.cli.shell.section_questions import Question, ask_values, fits
from gatehouse.journal.escape import clean
from gatehouse.policy import recipients

_ALL = "ALL"
_ACCESS = ("accept", "reject")
_COMMENT = Question(field="comment", text="Comment")
Entry = dict[str, Any]


def recipient_access(draft: Draft, listener: str) -> Talk[None]:
    """The menu of the recipient access table."""
    rows = ((word, what, partial(talk, listener=listener)) for word, what, talk in _OPERATIONS)
    yield from menus.edit(draft, partial(_count, listener=listener), *rows)


def _count(draft: Draft, listener: str) -> Talk[None]:
    entries = _entries(draft, listener)
    closed = entries and entries[-1]["recipient"].upper() == _ALL
    others = "the last is for all others" if closed else "all others are refused"
    yield from say("", f"{len(entries)} entries; {others}.")


def _new(draft: Draft, listener: str) -> Talk[None]:
    answer = yield from ask(
        "Recipients: domain, .domain, user@, user@domain, [address] or ALL", check=recipients_check
    )
    decision = yield from _decision("accept", {})
    entries = _entries(draft, listener)
    last = len(entries)
    if entries and entries[-1]["recipient"].upper() == _ALL:
        last -= 1  # what stands behind ALL would never decide
    entries[last:last] = [{"recipient": one, **decision} for one in words_of(answer)]
    yield from _put(draft, listener, entries)


def _edit(draft: Draft, listener: str) -> Talk[None]:
    place = yield from _which(draft, listener)
    if place is None:
        return
    entries = _entries(draft, listener)
    old = entries[place]
    decision = yield from _decision(old["access"], old)
    kept = {key: value for key, value in old.items() if key in ("recipient", "comment")}
    entries[place] = kept | decision
    yield from _put(draft, listener, entries)


def _delete(draft: Draft, listener: str) -> Talk[None]:
    place = yield from _which(draft, listener)
    if place is not None:
        entries = _entries(draft, listener)
        del entries[place]
        yield from _put(draft, listener, entries)


def _comment(draft: Draft, listener: str) -> Talk[None]:
    place = yield from _which(draft, listener)
    if place is not None:
        entries = _entries(draft, listener)
        yield from ask_values(draft, schema.RecipientAccess, entries[place], (_COMMENT,))
        yield from _put(draft, listener, entries)


def _clear(draft: Draft, listener: str) -> Talk[None]:
    if (yield from confirm("Remove all entries, so that every recipient is refused?")):
        yield from _put(draft, listener, [])


def recipients_check(answer: str) -> str | None:
    """Why these are no recipients; None: they are, one at least."""
    for one in words_of(answer):
        found = recipients.parse_recipient(one)
        if isinstance(found, recipients.PatternFault):
            return f"{clean(one)}: {found.reason}."
    return None if words_of(answer) else "An answer is needed."


_OPERATIONS = (
    ("NEW", "Add recipients.", _new),
    ("EDIT", "Change an entry.", _edit),
    ("DELETE", "Remove an entry.", _delete),
    ("PRINT", "Show the table.", RECIPIENT_TEXTS.print),
    ("IMPORT", "Replace the table from a file.", RECIPIENT_TEXTS.read),
    ("EXPORT", "Write the table into a file.", RECIPIENT_TEXTS.write),
    ("CLEAR", "Remove all entries.", _clear),
    ("COMMENT", "Say what an entry is for.", _comment),
)


def _entries(draft: Draft, listener: str) -> list[Entry]:
    return [format.plain(one) for one in draft.document.listeners[listener].recipient_access]


def _put(draft: Draft, listener: str, entries: list[Entry]) -> Talk[None]:
    draft.put(("listeners", listener, "recipient_access"), entries)
    yield from keep(draft)


def _which(draft: Draft, listener: str) -> Talk[int | None]:
    entries = _entries(draft, listener)
    if not entries:
        yield from say("There is no entry.")
        return None
    shown = [f"{one['recipient']} {one['access'].upper()}" for one in entries]
    return (yield from choose("Which entry?", shown))


def _text(answer: str) -> str | None:
    return something(answer) or fits(schema.RecipientAccess, "text")(answer)


def _decision(default: str, old: Entry) -> Talk[Entry]:
    place = yield from choose("Mail for them is", ("Accepted", "Refused"), _ACCESS.index(default))
    found: Entry = {"access": _ACCESS[place]}
    if place and (yield from confirm("Give a reply of your own?", "code" in old)):
        found["code"] = yield from ask_number("Code", old.get("code", 550), 400, 599)
        found["text"] = yield from ask("Text", old.get("text", ""), check=_text)
    return found
