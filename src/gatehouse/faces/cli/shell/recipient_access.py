# SPDX-License-Identifier: Apache-2.0
"""listenerconfig > edit > rcptaccess: whom mail is taken for, in order."""

from typing import Any

from gatehouse.config import format
from gatehouse.faces.cli.shell.access_texts import RECIPIENT_TEXTS
from gatehouse.faces.cli.shell.candidate_edit import Draft, attempt, keep
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    menu,
    say,
    something,
    words_of,
)

_ALL = "ALL"
_ACCESS = ("accept", "reject")
Entry = dict[str, Any]


def recipient_access(draft: Draft, listener: str) -> Talk[None]:
    """The menu of the recipient access table."""
    while True:
        yield from say("", f"{len(_entries(draft, listener))} entries; all others are refused.")
        word = yield from menu(
            ("NEW", "Add recipients."),
            ("EDIT", "Change an entry."),
            ("DELETE", "Remove an entry."),
            ("PRINT", "Show the table."),
            ("IMPORT", "Replace the table from a file."),
            ("EXPORT", "Write the table into a file."),
            ("CLEAR", "Remove all entries."),
        )
        if word is None:
            return
        yield from attempt(_OPERATIONS[word](draft, listener))
        draft.revert()


def _new(draft: Draft, listener: str) -> Talk[None]:
    answer = yield from ask(
        "Recipients: domain, .domain, user@, user@domain, [address] or ALL", check=something
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


def _clear(draft: Draft, listener: str) -> Talk[None]:
    if (yield from confirm("Remove all entries, so that every recipient is refused?")):
        yield from _put(draft, listener, [])


_OPERATIONS = {
    "NEW": _new,
    "EDIT": _edit,
    "DELETE": _delete,
    "PRINT": RECIPIENT_TEXTS.print,
    "IMPORT": RECIPIENT_TEXTS.read,
    "EXPORT": RECIPIENT_TEXTS.write,
    "CLEAR": _clear,
}


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


def _decision(default: str, old: Entry) -> Talk[Entry]:
    place = yield from choose("Mail for them is", ("Accepted", "Refused"), _ACCESS.index(default))
    found: Entry = {"access": _ACCESS[place]}
    if place and (yield from confirm("Give a reply of your own?", "code" in old)):
        found["code"] = yield from ask_number("Code", old.get("code", 550), 400, 599)
        found["text"] = yield from ask("Text", old.get("text", ""), check=something)
    return found
