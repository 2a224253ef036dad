# SPDX-License-Identifier: Apache-2.0
"""The work: where a certificate is shown; a change of the candidate's text."""

from collections.abc import Sequence

from gatehouse.config import edit
from gatehouse.config.running import Running
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates import Assigned, AssignInput
from gatehouse.faces.actions.certificates_shelf import candidate_running, finish, to_be
from gatehouse.faces.actions.configuration import ShowInput
from gatehouse.faces.actions.configuration_examine import examine
from gatehouse.faces.actions.configuration_work import show
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status_work import DEMO_NOTE, running_now
from gatehouse.service.trust import keyring

Change = tuple[tuple[str, ...], str, edit.Value]  # section, field, value


async def assign(house: House, given: AssignInput) -> Assigned:
    """Write it into the candidate; where there is none, it is made from what runs."""
    to_be(house, given.name)
    async with house.committing:
        text = Candidate(house).read()
        if text is None:
            text = (await show(house, ShowInput())).text.encode()
        changes = _changes(given, candidate_running(house) or running_now(house))
        for section, field, value in changes:
            edited = edit.set_field(text, section, field, value)
            if not isinstance(edited, bytes):
                raise OperatorError(
                    "candidate-unreadable",
                    "The candidate has errors, so nothing can be assigned in it.",
                    hint="`gatehouse config check` names them.",
                )
            text = edited
        await examine(house, text, "candidate")
        Candidate(house).write(text)
    return Assigned(
        name=given.name,
        places=_places(given),
        note=DEMO_NOTE if given.name == keyring.DEMO else "",
        commit=await finish(house, given.commit),
    )


def _changes(given: AssignInput, running: Running | None) -> Sequence[Change]:
    name = given.name
    changes: list[Change] = []
    for listener in given.listener:
        held = _held(running, listener)
        if given.also:
            more = [one for one in dict.fromkeys((*held[1:], name)) if one != held[0]]
            changes.append((("listeners", listener), "certificates", more))
        else:
            changes.append((("listeners", listener), "certificate", name))
            if name in held[1:]:
                rest = [one for one in held[1:] if one != name]
                changes.append((("listeners", listener), "certificates", rest))
    for interface in given.https:
        if running is not None and interface not in running.interfaces:
            raise _no_such("interface", interface, running.interfaces)
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


def _held(running: Running | None, listener: str) -> tuple[str, ...]:
    """The certificates that a listener has now."""
    listeners = {one.name: one for one in (() if running is None else running.listeners)}
    if listener not in listeners:
        raise _no_such("listener", listener, listeners)
    return listeners[listener].certificates


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
