# SPDX-License-Identifier: Apache-2.0
"""listenerconfig: where mail comes in."""

from gatehouse.config import builtin, format, schema, units
from gatehouse.faces.actions import certificates, listeners
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell import candidate_edit, policy_questions
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    ask_field,
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
    show,
    words_of,
)
from gatehouse.faces.cli.shell.host_access import host_access
from gatehouse.faces.cli.shell.recipient_access import recipient_access
from gatehouse.journal.escape import clean

_SECTION = "listeners"
_TYPES = ("private", "public")
_MODES = ("starttls", "implicit")
_SMTP_PORT = 25  # RFC 5321 §4.5.4.2
_TLS_PORT = 465  # RFC 8314 §7.3


def listener_config() -> Talk[None]:
    """The menu of listeners."""
    draft = yield from open_draft()
    while True:
        lines = yield from _lines(draft)
        yield from say("", "Listeners:", *map(_short, range(1, len(lines) + 1), lines))
        word = yield from menu(
            ("NEW", "Make a listener."),
            ("EDIT", "Change a listener."),
            ("DELETE", "Remove a listener."),
        )
        if word is None:
            return
        yield from attempt(_OPERATIONS[word](draft))
        draft.revert()


def _new(draft: Draft) -> Talk[None]:
    kind = yield from choose(
        "Type",
        [one.capitalize() for one in _TYPES],
        default=1,
        help="Public faces strangers and takes mail for your domains; private takes from inside.",
    )
    name = yield from new_name(draft, (_SECTION,), "Name")
    interface = yield from _ask_interface(draft, None)
    if interface is None:
        return
    mode = yield from choose("Protocol", ("SMTP", "SMTP in TLS from the first byte"))
    port = yield from ask_number("TCP port", _TLS_PORT if mode else _SMTP_PORT, 1, 65_535)
    new: candidate_edit.Values = {"type": _TYPES[kind], "interface": interface, "port": port}
    if mode:
        new["tls_mode"] = _MODES[mode]
    if _TYPES[kind] == "public":
        domains = yield from ask("Domains to accept mail for, with commas between them")
        new["recipient_access"] = [
            {"recipient": one, "access": "accept"} for one in words_of(domains)
        ]
    else:
        hosts = yield from ask("Hosts that may relay, with commas between them")
        new["sender_groups"] = _relaying(hosts)
    draft.put((_SECTION, name), new)
    if not (yield from keep(draft)):
        return
    yield from _change_default(draft)
    yield from say(clean(f"The listener {name} is made; it runs with `commit`."))
    yield from _summary(draft, name)


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
            ("INTERFACE", "Change interface and port."),
            ("LIMITS", "Change the number of connections."),
            ("SETUP", "Change default domain, rejection and timeouts."),
            ("HOSTACCESS", "Who may connect, and how."),
            *recipients,
            ("CERTIFICATE", "Choose the certificate."),
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
    new = yield from new_name(draft, (_SECTION,), "New name")
    draft.put((_SECTION, new), draft.get(_SECTION, name))
    draft.put((_SECTION, name), None)
    return new if (yield from keep(draft)) else name


def _interface(draft: Draft, name: str) -> Talk[None]:
    interface = yield from _ask_interface(draft, draft.get(_SECTION, name, "interface"))
    if interface is not None:
        old = draft.get(_SECTION, name, "port") or _SMTP_PORT
        port = yield from ask_number("TCP port", old, 1, 65_535)
        draft.put((_SECTION, name, "interface"), interface)
        draft.put((_SECTION, name, "port"), port)
        yield from keep(draft)


def _limits(draft: Draft, name: str) -> Talk[None]:
    path = (_SECTION, name, "max_concurrency")
    old = draft.document.listeners[name].max_concurrency
    number = yield from ask_number("Connections at the same time", old, 1, 1_000_000)
    if number != old:
        draft.put(path, number)
        yield from keep(draft)


def _setup(draft: Draft, name: str) -> Talk[None]:
    yield from ask_field(
        draft, (_SECTION, name, "default_domain"), "Domain behind addresses without one"
    )
    now = draft.document.listeners[name]
    delayed = yield from confirm(
        "Refuse rejected clients at each recipient, so that addresses are logged?",
        now.delayed_reject,
    )
    if delayed != now.delayed_reject:
        draft.put((_SECTION, name, "delayed_reject"), delayed)
    for field, question, least, most in (
        ("idle_timeout", "Seconds of silence before a client is disconnected", 1, 3600),
        ("connection_timeout", "Seconds that one connection may take", 30, 86_400),
    ):
        old = getattr(now, field)
        number = yield from ask_number(question, old, least, most)
        if number != old:
            draft.put((_SECTION, name, field), units.format_duration(number))
    yield from keep(draft)


def _certificate(draft: Draft, name: str) -> Talk[None]:
    held = yield from do(certificates.LIST, Nothing(), certificates.CertificateList)
    names = [one.name for one in held.certificates]
    old = draft.document.listeners[name].certificate
    place = yield from choose(
        "Which certificate?",
        [f"{one.name} ({one.subject}, {one.state})" for one in held.certificates],
        names.index(old) if old in names else None,
    )
    given = certificates.AssignInput(name=names[place], listener=(name,))
    yield from show(certificates.ASSIGN, given)
    yield from candidate_edit.reload(draft)


_OPERATIONS = {"NEW": _new, "EDIT": _edit, "DELETE": _delete}
_PARTS = {
    "INTERFACE": _interface,
    "LIMITS": _limits,
    "SETUP": _setup,
    "HOSTACCESS": host_access,
    "RCPTACCESS": recipient_access,
    "CERTIFICATE": _certificate,
}


def _ask_interface(draft: Draft, old: str | None) -> Talk[str | None]:
    names = draft.names("interfaces")
    if not names:
        yield from say("There is no interface: make one with `interfaceconfig`.")
        return None
    shown = [f"{one} ({draft.get('interfaces', one, 'address')})" for one in names]
    place = yield from choose("Interface", shown, names.index(old) if old in names else 0)
    return names[place]


def _lines(draft: Draft) -> Talk[tuple[listeners.ListenerLine, ...]]:
    found = yield from do(
        listeners.LIST,
        listeners.ListenersInput(candidate=draft.candidate),
        listeners.ListenerList,
    )
    return found.listeners


def _summary(draft: Draft, name: str) -> Talk[None]:
    lines = yield from _lines(draft)
    one = tuple(line for line in lines if line.name == name)
    yield from say("")
    yield Show(output=listeners.ListenerList(source="", listeners=one))


def _short(place: int, one: listeners.ListenerLine) -> str:
    where = f"on {one.interface}, {one.address}"
    return clean(f"{place}. {one.name} ({where}) {one.protocol} TCP Port {one.port} {one.type}")
