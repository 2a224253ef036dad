# SPDX-License-Identifier: Apache-2.0
"""certconfig > CRL: where revocation lists come from, and whom they are asked about."""

from gatehouse.config import schema, units
from gatehouse.faces.actions import crl
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, Values, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, choose, confirm, say, show
from gatehouse.faces.cli.shell.section_questions import Question, ask_section, ask_values
from gatehouse.journal.escape import clean

_SOURCES = ("crl", "sources")
_SOURCE = (
    Question(field="url", text="URL of the list"),
    Question(field="interval", text="Fetch it how often?"),
    Question(field="internal", text="May its host name lead to an address inside?"),
)
_CHECKS = (
    Question(field="check_clients", text="Check certificates of clients?"),
    Question(field="check_servers", text="Check certificates of servers?"),
    Question(
        field="on_unavailable",
        text="Certificates whose list is not to be had",
        choices=("Are accepted (open)", "Are refused (closed)"),
    ),
)


def revocation_lists() -> Talk[None]:
    """The menu of sources."""
    draft = yield from open_draft()
    yield from menus.edit(draft, _now, *_OPERATIONS)


def _now(draft: Draft) -> Talk[None]:
    now = draft.document.crl
    clients, servers = (_yes(one) for one in (now.check_clients, now.check_servers))
    yield from say(
        "",
        f"Certificates of clients are checked: {clients}; of servers: {servers};"
        f" without a list: {now.on_unavailable}",
        *_lines(draft),
    )


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
    sources = _sources(draft)
    gone = sources.pop(place)
    if (yield from confirm(clean(f"Remove {gone['url']}?"))):
        draft.put(_SOURCES, sources or None)
        yield from keep(draft)


def _update(draft: Draft) -> Talk[None]:
    yield from show(crl.UPDATE, crl.CrlUpdateInput())


def _print(draft: Draft) -> Talk[None]:
    yield from show(crl.LIST, Nothing())


def _setup(draft: Draft) -> Talk[None]:
    yield from ask_section(draft, ("crl",), _CHECKS)
    yield from keep(draft)


_OPERATIONS = (
    ("NEW", "Make a source.", _new),
    ("EDIT", "Change one.", _edit),
    ("DELETE", "Remove one.", _delete),
    ("UPDATE", "Fetch the lists now.", _update),
    ("PRINT", "Show the lists that are held.", _print),
    ("SETUP", "Set whose certificates are checked.", _setup),
)


def _ask(draft: Draft, place: int, source: Values) -> Talk[None]:
    yield from ask_values(draft, schema.CrlSource, source, _SOURCE)
    sources = _sources(draft)
    sources[place : place + 1] = [source]
    draft.put(_SOURCES, sources)
    yield from keep(draft)


def _which(draft: Draft) -> Talk[int | None]:
    sources = _sources(draft)
    if not sources:
        yield from say("There is no source.")
        return None
    return (yield from choose("Which source?", [clean(str(one["url"])) for one in sources]))


def _sources(draft: Draft) -> list[Values]:
    return [dict(one) for one in draft.get(*_SOURCES) or ()]


def _lines(draft: Draft) -> list[str]:
    found = draft.document.crl.sources
    return [
        clean(f"{place}. {one.url}, every {units.format_duration(one.interval)}")
        for place, one in enumerate(found, 1)
    ] or ["There is no source."]


def _yes(switch: bool) -> str:
    return "yes" if switch else "no"
