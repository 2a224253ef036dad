# SPDX-License-Identifier: Apache-2.0
"""certconfig > CRL: where revocation lists come from, and whom they are asked about."""

from collections.abc import Sequence
from typing import Any

from gatehouse.config import units
from gatehouse.faces.actions import crl
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell.candidate_edit import Draft, attempt, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    choose,
    confirm,
    menu,
    say,
    show,
    something,
)
from gatehouse.journal.escape import clean

_SOURCES = ("crl", "sources")
_INTERVAL = 21_600  # seconds, as config.schema.CrlSource
_UNAVAILABLE = ("open", "closed")


def revocation_lists() -> Talk[None]:
    """The menu of sources."""
    draft = yield from open_draft()
    while True:
        now = draft.document.crl
        clients, servers = (_yes(one) for one in (now.check_clients, now.check_servers))
        yield from say(
            "",
            f"Certificates of clients are checked: {clients}; of servers: {servers};"
            f" without a list: {now.on_unavailable}",
            *_lines(draft),
        )
        word = yield from menu(
            ("NEW", "Make a source."),
            ("EDIT", "Change one."),
            ("DELETE", "Remove one."),
            ("UPDATE", "Fetch the lists now."),
            ("PRINT", "Show the lists that are held."),
            ("SETUP", "Set whose certificates are checked."),
        )
        if word is None:
            return
        yield from attempt(_OPERATIONS[word](draft))
        draft.revert()


def _new(draft: Draft) -> Talk[None]:
    yield from _ask(draft, len(_sources(draft)), {})


def _edit(draft: Draft) -> Talk[None]:
    place = yield from _which(draft)
    if place is not None:
        yield from _ask(draft, place, _sources(draft)[place])


def _delete(draft: Draft) -> Talk[None]:
    place = yield from _which(draft)
    if place is None:
        return
    sources = [*_sources(draft)]
    gone = sources.pop(place)
    if (yield from confirm(clean(f"Remove {gone['url']}?"))):
        draft.put(_SOURCES, sources or None)
        yield from keep(draft)


def _update(draft: Draft) -> Talk[None]:
    yield from show(crl.UPDATE, crl.CrlUpdateInput())


def _print(draft: Draft) -> Talk[None]:
    yield from show(crl.LIST, Nothing())


def _setup(draft: Draft) -> Talk[None]:
    now = draft.document.crl
    for field, question in (
        ("check_clients", "Check certificates of clients?"),
        ("check_servers", "Check certificates of servers?"),
    ):
        old = getattr(now, field)
        answer = yield from confirm(question, old)
        if answer != old:
            draft.put(("crl", field), answer)
    place = yield from choose(
        "Certificates whose list is not to be had",
        ("Are accepted (open)", "Are refused (closed)"),
        _UNAVAILABLE.index(now.on_unavailable),
    )
    if _UNAVAILABLE[place] != now.on_unavailable:
        draft.put(("crl", "on_unavailable"), _UNAVAILABLE[place])
    yield from keep(draft)


_OPERATIONS = {
    "NEW": _new,
    "EDIT": _edit,
    "DELETE": _delete,
    "UPDATE": _update,
    "PRINT": _print,
    "SETUP": _setup,
}


def _ask(draft: Draft, place: int, old: dict[str, Any]) -> Talk[None]:
    url = yield from ask(
        "URL of the list", old.get("url", ""), check=something, help="http, https or file."
    )
    usual = str(old.get("interval") or units.format_duration(_INTERVAL))
    interval = yield from ask("Fetch it how often?", usual, check=_duration)
    internal = yield from confirm(
        "May its host name lead to an address inside?", bool(old.get("internal"))
    )
    source = {**old, "url": url}
    if interval != usual:
        source["interval"] = interval
    if internal != bool(old.get("internal")):
        source["internal"] = internal
    sources = [*_sources(draft)]
    sources[place : place + 1] = [source]
    draft.put(_SOURCES, sources)
    yield from keep(draft)


def _which(draft: Draft) -> Talk[int | None]:
    sources = _sources(draft)
    if not sources:
        yield from say("There is no source.")
        return None
    return (yield from choose("Which source?", [clean(str(one["url"])) for one in sources]))


def _sources(draft: Draft) -> Sequence[dict[str, Any]]:
    return draft.get(*_SOURCES) or []


def _lines(draft: Draft) -> list[str]:
    found = draft.document.crl.sources
    return [
        clean(f"{place}. {one.url}, every {units.format_duration(one.interval)}")
        for place, one in enumerate(found, 1)
    ] or ["There is no source."]


def _yes(switch: bool) -> str:
    return "yes" if switch else "no"


def _duration(answer: str) -> str | None:
    try:
        units.parse_duration(answer)
    except ValueError:
        return f"{units.DURATION_FORM} is needed."
    return None
