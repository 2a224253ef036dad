# SPDX-License-Identifier: Apache-2.0
"""The work: where a certificate is shown; a change of the candidate's text."""

from collections.abc import Sequence

from gatehouse.config import edit, level_changes, schema
from gatehouse.config.changes import Change as FieldChange
from gatehouse.config.changes import Mark
from gatehouse.config.places import CLUSTER, Level
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates import Assigned, AssignInput
from gatehouse.faces.actions.certificates_shelf import finish, to_be
from gatehouse.faces.actions.configuration import ShowInput
from gatehouse.faces.actions.configuration_change import agreed, level_of, refused, written
from gatehouse.faces.actions.configuration_examine import examine, read
from gatehouse.faces.actions.configuration_levels_work import at
from gatehouse.faces.actions.configuration_work import show
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status_work import DEMO_NOTE
from gatehouse.service.trust import keyring

Change = tuple[tuple[str, ...], str, edit.Value]  # section, field, value


async def assign(house: House, given: AssignInput) -> Assigned:
    """Write it into the candidate; where there is none, it is made from what runs."""
    to_be(house, given.name)
    async with house.committing:
        text = Candidate(house).read()
        if text is None:
            text = (await show(house, ShowInput())).text.encode()
        whole = read(text, "candidate")
        level = level_of(whole, given.level)
        changes = _changes(given, at(whole, level))
        text = _at_top(text, changes) if level == CLUSTER else _below(text, whole, level, changes)
        await examine(house, text, "candidate")
        Candidate(house).write(text)
    return Assigned(
        name=given.name,
        places=_places(given),
        note=DEMO_NOTE if given.name == keyring.DEMO else "",
        commit=await finish(house, given.commit),
    )


def _at_top(text: bytes, changes: Sequence[Change]) -> bytes:
    for section, field, value in changes:
        edited = edit.set_field(text, section, field, value)
        if not isinstance(edited, bytes):
            raise refused(edited)
        text = edited
    return text


def _below(text: bytes, whole: schema.Document, level: Level, changes: Sequence[Change]) -> bytes:
    """For a group or a machine alone. The certificate itself lies where all machines find it."""
    made = [FieldChange((*section, field), Mark.ABSENT, value) for section, field, value in changes]
    sections = [FieldChange(section, Mark.ABSENT, Mark.PRESENT) for section, _, _ in changes]
    return written(text, agreed(level_changes.at_level(whole, level, [*sections, *made])))


def _changes(given: AssignInput, here: schema.Document) -> Sequence[Change]:
    name = given.name
    changes: list[Change] = []
    for listener in given.listener:
        held = _held(here, listener)
        if given.also:
            more = [one for one in dict.fromkeys((*held[1:], name)) if one != held[0]]
            changes.append((("listeners", listener), "certificates", more))
        else:
            changes.append((("listeners", listener), "certificate", name))
            if name in held[1:]:
                rest = [one for one in held[1:] if one != name]
                changes.append((("listeners", listener), "certificates", rest))
    for interface in given.https:
        if interface not in here.interfaces:
            raise _no_such("interface", interface, here.interfaces)
        changes.append((("interfaces", interface), "https_certificate", name))
    if given.outbound:
        changes.append((("delivery",), "certificate", name))
    if given.ldap:
        changes.append((("ldap",), "client_certificate", name))
    if given.url_filtering:
        changes.append((("url_filtering",), "client_certificate", name))
    if not changes:
        raise OperatorError(
            "no-place",
            "Say where the certificate is to be shown.",
            hint="With --listener, --outbound, --https, --ldap or --url-filtering.",
        )
    return changes


def _held(here: schema.Document, listener: str) -> tuple[str, ...]:
    """The certificates that a listener has now."""
    if listener not in here.listeners:
        raise _no_such("listener", listener, here.listeners)
    section = here.listeners[listener]
    return tuple(dict.fromkeys((section.certificate, *section.certificates)))


def _no_such(kind: str, name: str, known: object) -> OperatorError:
    names = ", ".join(sorted(known)) if isinstance(known, dict) else ""
    return OperatorError(
        f"no-such-{kind}", f"There is no such {kind}.", name, f"There are: {names or 'none'}."
    )


def _places(given: AssignInput) -> tuple[str, ...]:
    also = " (for clients that ask for its name)" if given.also else ""
    places = [f"listener {one}{also}" for one in given.listener]
    places += [f"HTTPS of interface {one}" for one in given.https]
    named = (
        (given.outbound, "all outgoing TLS"),
        (given.ldap, "LDAP"),
        (given.url_filtering, "URL filtering"),
    )
    return (*places, *(place for wanted, place in named if wanted))
