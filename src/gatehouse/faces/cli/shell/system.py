# SPDX-License-Identifier: Apache-2.0
"""sethostname and interfaceconfig: the names and addresses of this machine."""

import ipaddress

from gatehouse.faces.actions import certificates
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    ask_field,
    attempt,
    choose_name,
    keep,
    new_name,
    open_draft,
)
from gatehouse.faces.cli.shell.dialogue import Talk, ask, choose, confirm, do, menu, say, something
from gatehouse.journal.escape import clean

_SECTION = "interfaces"


def set_hostname() -> Talk[None]:
    """The name of the machine."""
    draft = yield from open_draft()
    old = draft.document.system.hostname
    name = yield from ask(
        "Host name of this machine",
        old,
        check=something,
        help="It stands in logs and message ids and plays no part in the identity of TLS.",
    )
    if name != old:
        draft.put(("system", "hostname"), name)
        yield from keep(draft)


def interface_config() -> Talk[None]:
    """The menu of interfaces."""
    draft = yield from open_draft()
    while True:
        lines = [
            f"{place}. {name} ({one.address}): {one.hostname or draft.document.system.hostname}"
            for place, (name, one) in enumerate(draft.document.interfaces.items(), 1)
        ]
        yield from say("", "Interfaces:", *map(clean, lines))
        word = yield from menu(
            ("NEW", "Make an interface."),
            ("EDIT", "Change one."),
            ("DELETE", "Remove one."),
        )
        if word is None:
            return
        yield from attempt(_OPERATIONS[word](draft))
        draft.revert()


def _new(draft: Draft) -> Talk[None]:
    name = yield from new_name(draft, (_SECTION,), "Name")
    yield from _ask(draft, name)


def _edit(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which interface?", draft.names(_SECTION), "interface")
    if name is not None:
        yield from _ask(draft, name)


def _delete(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which interface?", draft.names(_SECTION), "interface")
    if name is not None and (yield from confirm(f"Remove {name}?")):
        draft.put((_SECTION, name), None)
        yield from keep(draft)


_OPERATIONS = {"NEW": _new, "EDIT": _edit, "DELETE": _delete}


def _ask(draft: Draft, name: str) -> Talk[None]:
    old = draft.get(_SECTION, name, "address") or ""
    address = yield from ask("IP address", old, check=_address)
    if address != old:
        draft.put((_SECTION, name, "address"), address)
    yield from ask_field(
        draft,
        (_SECTION, name, "hostname"),
        "Host name",
        help="Said in the greeting; it should be in the certificate of the listener.",
    )
    yield from _https(draft, name)
    yield from keep(draft)


def _https(draft: Draft, name: str) -> Talk[None]:
    held = yield from do(certificates.LIST, Nothing(), certificates.CertificateList)
    names = [one.name for one in held.certificates]
    path = (_SECTION, name, "https_certificate")
    old = draft.get(*path)
    place = yield from choose(
        "HTTPS certificate", ("Not set", *names), 1 + names.index(old) if old in names else 0
    )
    draft.put(path, names[place - 1] if place else None)


def _address(answer: str) -> str | None:
    try:
        ipaddress.ip_address(answer)
    except ValueError:
        return "An IPv4 or IPv6 address is needed."
    return None
