# SPDX-License-Identifier: Apache-2.0
"""deliveryconfig > SENDERTLS: other TLS for the mail of some senders; the first match decides."""

from gatehouse.config import schema
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, Values, keep
from gatehouse.faces.cli.shell.destination import LEVEL_NAMES
from gatehouse.faces.cli.shell.dialogue import Talk, ask_number, choose, confirm, say
from gatehouse.faces.cli.shell.section_questions import Question, ask_values
from gatehouse.journal.escape import clean

_LIST = "sender_tls_overrides"
_QUESTIONS = (
    Question(field="sender", text="Sender: user@domain, domain, .domain, <> (reports) or ALL"),
    Question(field="destination", text="Destination: domain, .domain or ALL"),
    Question(field="tls", text="TLS", choices=LEVEL_NAMES),
    Question(field="may_lower", text="May it demand less than the destination's setting, too?"),
)


def sender_tls(draft: Draft) -> Talk[None]:
    """The menu of overrides."""
    yield from menus.edit(
        draft,
        _now,
        ("NEW", "Say it for one more sender.", _new),
        ("EDIT", "Change an entry.", _edit),
        ("DELETE", "Remove an entry.", _delete),
        ("MOVE", "Put an entry in another place; the first that fits decides.", _move),
    )


def _now(draft: Draft) -> Talk[None]:
    found = _titles(draft)
    lines = [f"{place}. {one}" for place, one in enumerate(found, 1)]
    yield from say("", *(lines or ["No sender has TLS of its own."]))


def _new(draft: Draft) -> Talk[None]:
    yield from _ask(draft, len(_entries(draft)), {})


def _edit(draft: Draft) -> Talk[None]:
    place = yield from _which(draft)
    if place is not None:
        yield from _ask(draft, place, _entries(draft)[place])


def _delete(draft: Draft) -> Talk[None]:
    place = yield from _which(draft)
    if place is not None and (yield from confirm(f"Remove {_titles(draft)[place]}?")):
        entries = _entries(draft)
        del entries[place]
        yield from _put(draft, entries)


def _move(draft: Draft) -> Talk[None]:
    place = yield from _which(draft)
    if place is not None:
        entries = _entries(draft)
        to = yield from ask_number("New place", place + 1, 1, len(entries))
        entries.insert(to - 1, entries.pop(place))
        yield from _put(draft, entries)


def _ask(draft: Draft, place: int, entry: Values) -> Talk[None]:
    yield from ask_values(draft, schema.SenderTlsOverride, entry, _QUESTIONS)
    entries = _entries(draft)
    entries[place : place + 1] = [entry]
    yield from _put(draft, entries)


def _which(draft: Draft) -> Talk[int | None]:
    if not _entries(draft):
        yield from say("There is no entry.")
        return None
    return (yield from choose("Which entry?", _titles(draft)))


def _entries(draft: Draft) -> list[Values]:
    return [dict(one) for one in draft.get(_LIST) or ()]


def _put(draft: Draft, entries: list[Values]) -> Talk[None]:
    draft.put((_LIST,), entries or None)
    yield from keep(draft)


def _titles(draft: Draft) -> list[str]:
    return [
        clean(
            f"{one.sender} to {one.destination}: TLS {one.tls.value}"
            f"{', less too' if one.may_lower else ''}"
        )
        for one in draft.document.sender_tls_overrides
    ]
