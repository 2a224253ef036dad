# SPDX-License-Identifier: Apache-2.0
"""listenerconfig: where mail comes in."""

from gatehouse.config import builtin, format, schema
from gatehouse.faces.actions import listeners
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell import candidate_edit, listener_parts, menus, policy_questions
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    attempt,
    choose_name,
    keep,
    new_name,
    open_draft,
)
from gatehouse.faces.cli.shell.dialogue import (
    Show,
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    do,
    menu,
    say,
    words_of,
)
from gatehouse.faces.cli.shell.host_access import host_access, members_check
from gatehouse.faces.cli.shell.recipient_access import recipient_access, recipients_check
from gatehouse.journal.escape import clean

_SECTION = "listeners"
_INCOMPLETE = "level-incomplete"
_TYPES = ("private", "public")
_TLS_PORT = 465  # RFC 8314 §7.3


def listener_config() -> Talk[None]:
    """The menu of listeners."""
    draft = yield from open_draft()
    yield from menus.edit(draft, _list, *_OPERATIONS)


def _list(draft: Draft) -> Talk[None]:
    lines = yield from _lines(draft)
    yield from say("", "Listeners:", *map(_short, range(1, len(lines) + 1), lines))


def _new(draft: Draft) -> Talk[None]:
    kind = yield from choose(
        "Type",
        [one.capitalize() for one in _TYPES],
        default=1,
        help="Public faces strangers and takes mail for your domains; private takes from inside.",
    )
    name = yield from new_name(draft, (_SECTION,), "Name")
    interface = yield from listener_parts.ask_interface(draft, None)
    if interface is None:
        return
    mode = yield from choose("Protocol", listener_parts.PROTOCOLS)
    usual = _TLS_PORT if mode else listener_parts.SMTP_PORT
    port = yield from ask_number("TCP port", usual, 1, 65_535)
    new: candidate_edit.Values = {"type": _TYPES[kind], "interface": interface, "port": port}
    if mode:
        new["tls_mode"] = listener_parts.MODES[mode]
    if _TYPES[kind] == "public":
        domains = yield from ask(
            "Domains to accept mail for, with commas between them", check=_recipients
        )
        new["recipient_access"] = [
            {"recipient": one, "access": "accept"} for one in words_of(domains)
        ]
    else:
        hosts = yield from ask("Hosts that may relay, with commas between them", check=_members)
        new["sender_groups"] = _relaying(hosts)
    draft.put((_SECTION, name), new)
    if not (yield from keep(draft)):
        return
    yield from _change_default(draft)
    yield from say(clean(f"The listener {name} is made; it runs with `commit`."))
    yield from _summary(draft, name)


def _recipients(answer: str) -> str | None:
    return recipients_check(answer) if answer else None


def _members(answer: str) -> str | None:
    return members_check(answer) if answer else None


def _change_default(draft: Draft) -> Talk[None]:
    if (yield from confirm("Change the default host access parameters?")):
        yield from policy_questions.ask_policy(draft, schema.DEFAULT_POLICY)
        yield from keep(draft)


def _relaying(hosts: str) -> list[candidate_edit.Values]:
    """The usual groups of a private listener, with these in the first."""
    usual = schema.Listener(type="private", interface="any")
    groups = [format.plain(one) for one in builtin.sender_groups(usual)]
    groups[0]["members"] = list(words_of(hosts))
    return groups


def _edit(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which listener?", draft.names(_SECTION), "listener")
    while name is not None:
        yield from _summary(draft, name)
        public = draft.get(_SECTION, name, "type") == "public"
        recipients = (("RCPTACCESS", "Whom mail is taken for."),) if public else ()
        word = yield from menu(
            ("NAME", "Give it another name."),
            ("INTERFACE", "Change interface, protocol and port."),
            ("LIMITS", "Change the number of connections."),
            ("SETUP", "Change default domain, rejection, timeouts and AUTH."),
            ("HOSTACCESS", "Who may connect, and how."),
            *recipients,
            ("BOUNCECONFIG", "Choose the bounce profile."),
            ("CERTIFICATE", "Choose the certificate."),
            ("TLSPROFILE", "Choose TLS versions and ciphers."),
        )
        if word is None:
            return
        if word == "NAME":
            name = yield from _rename(draft, name)
        else:
            yield from attempt(_PARTS[word](draft, name))
            draft.revert()


def _delete(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which listener?", draft.names(_SECTION), "listener")
    if name is not None and (yield from confirm(f"Remove {name}?")):
        draft.put((_SECTION, name), None)
        yield from keep(draft)


def _rename(draft: Draft, name: str) -> Talk[str]:
    lines = yield from _lines(draft)
    if any(one.name == name and one.suspended_since is not None for one in lines):
        yield from say("It is suspended, and suspensions go by name: use resumelistener first.")
        return name
    new = yield from new_name(draft, (_SECTION,), "New name")
    draft.put((_SECTION, new), draft.get(_SECTION, name))
    draft.put((_SECTION, name), None)
    return new if (yield from keep(draft)) else name


_OPERATIONS = (
    ("NEW", "Make a listener.", _new),
    ("EDIT", "Change a listener.", _edit),
    ("DELETE", "Remove a listener.", _delete),
    ("SETUP", "Change what holds for all listeners.", listener_parts.setup_all),
)
_PARTS = {
    "INTERFACE": listener_parts.interface,
    "LIMITS": listener_parts.limits,
    "SETUP": listener_parts.setup,
    "HOSTACCESS": host_access,
    "RCPTACCESS": recipient_access,
    "BOUNCECONFIG": listener_parts.bounce_profile,
    "CERTIFICATE": listener_parts.certificate,
    "TLSPROFILE": listener_parts.tls_profile,
}


def _lines(draft: Draft) -> Talk[tuple[listeners.ListenerLine, ...]]:
    given = listeners.ListenersInput(candidate=draft.candidate)
    try:
        return (yield from do(listeners.LIST, given, listeners.ListenerList)).listeners
    except OperatorError as error:
        if error.fault.reference != _INCOMPLETE:
            raise
        return tuple(_outline(draft, name) for name in draft.document.listeners)


def _outline(draft: Draft, name: str) -> listeners.ListenerLine:
    """A listener of a level that says only a part of it: machines say the rest."""
    section = draft.document.listeners[name]
    interface = draft.document.interfaces.get(section.interface)
    return listeners.ListenerLine(
        name=name,
        type=section.type.capitalize(),
        interface=section.interface,
        address="-" if interface is None else interface.address,
        port=section.port,
        protocol="SMTP",
        default_domain=section.default_domain or "",
        max_concurrency=section.max_concurrency,
        tcp_queue=0,
        domain_map="disabled",
        tls="-",
        tls_mode=section.tls_mode,
        suspended_since=None,
        suspended_by="",
    )


def _summary(draft: Draft, name: str) -> Talk[None]:
    lines = yield from _lines(draft)
    one = tuple(line for line in lines if line.name == name)
    yield from say("")
    yield Show(output=listeners.ListenerList(source="", listeners=one))


def _short(place: int, one: listeners.ListenerLine) -> str:
    where = f"on {one.interface}, {one.address}"
    return clean(f"{place}. {one.name} ({where}) {one.protocol} TCP Port {one.port} {one.type}")
