# SPDX-License-Identifier: Apache-2.0
"""listenerconfig > EDIT and > SETUP: the settings of one listener, and those of all at once."""

from collections.abc import Callable, Sequence

from gatehouse.config import field_values, schema
from gatehouse.faces.actions import certificates
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell import candidate_edit
from gatehouse.faces.cli.shell.candidate_edit import Draft, ask_field, keep
from gatehouse.faces.cli.shell.dialogue import (
    NOTHING,
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    do,
    say,
    show,
    words_of,
)
from gatehouse.faces.cli.shell.section_questions import (
    Question,
    ask_bounded,
    ask_section,
    fits,
)
from gatehouse.policy import members, smtp_auth

SECTION = "listeners"
MODES = ("starttls", "implicit")
PROTOCOLS = ("SMTP", "SMTP in TLS from the first byte")
SMTP_PORT = 25  # RFC 5321 §4.5.4.2
_DELAYED = "Refuse rejected clients at each recipient, so that addresses are logged?"
_LIMIT = "max_concurrency"
_TIMES = (
    ("idle_timeout", "Seconds of silence before a client is disconnected"),
    ("connection_timeout", "Seconds that one connection may take"),
)
_PROFILE = Question(
    field="tls_profile",
    text="TLS profile",
    names="tls_profiles",
    unset="That of all listeners (sslconfig)",
)
_QUEUE = (
    Question(
        field="max_received_hops", text="Received fields at which a message is taken for a loop"
    ),
    Question(field="disk_reserve", text="Free disk space below which new mail is put off"),
)
_PROCESSES = (
    Question(field="receivers", text="Processes that receive (0: one for each processor)"),
)


def ask_interface(draft: Draft, old: str | None) -> Talk[str | None]:
    """An interface; None where there is none, which is said."""
    names = draft.names("interfaces")
    if not names:
        yield from say("There is no interface: make one with `interfaceconfig`.")
        return None
    shown = [f"{one} ({draft.get('interfaces', one, 'address')})" for one in names]
    place = yield from choose("Interface", shown, names.index(old) if old in names else 0)
    return names[place]


def interface(draft: Draft, name: str) -> Talk[None]:
    """Where it listens, and how TLS begins."""
    chosen = yield from ask_interface(draft, draft.get(SECTION, name, "interface"))
    if chosen is None:
        return
    now = draft.document.listeners[name]
    mode = yield from choose("Protocol", PROTOCOLS, MODES.index(now.tls_mode))
    port = yield from ask_number("TCP port", now.port, 1, 65_535)
    draft.put((SECTION, name, "interface"), chosen)
    draft.put((SECTION, name, "port"), port)
    if MODES[mode] != now.tls_mode:
        draft.put((SECTION, name, "tls_mode"), MODES[mode])
    yield from keep(draft)


def limits(draft: Draft, name: str) -> Talk[None]:
    """How many connections."""
    yield from _number(draft, (name,), _LIMIT, "Connections at the same time")
    yield from keep(draft)


def _number(draft: Draft, names: Sequence[str], field: str, question: str) -> Talk[None]:
    """The same number for some listeners, the first of which says what holds."""
    old = getattr(draft.document.listeners[names[0]], field)
    number = yield from ask_bounded(schema.Listener, field, question, old)
    if number != old:
        for name in names:
            value = field_values.written(schema.Listener, field, number)
            draft.put((SECTION, name, field), value)


def setup(draft: Draft, name: str) -> Talk[None]:
    """Default domain, rejection, time-outs, and who speaks for others."""
    now = draft.document.listeners[name]
    yield from ask_field(
        draft,
        (SECTION, name, "default_domain"),
        "Domain behind addresses without one",
        check=fits(schema.Listener, "default_domain"),
    )
    delayed = yield from confirm(_DELAYED, now.delayed_reject)
    if delayed != now.delayed_reject:
        draft.put((SECTION, name, "delayed_reject"), delayed)
    for field, question in _TIMES:
        yield from _number(draft, (name,), field, question)
    yield from _auth_profile(draft, name, now.smtp_auth_profile)
    for field, question in (
        ("proxy_protocol_from", "Load balancers that speak the PROXY protocol"),
        ("xclient_from", "Clients that may use XCLIENT"),
    ):
        yield from _ask_list(draft, (SECTION, name, field), question, _is_span)
    yield from keep(draft)


def bounce_profile(draft: Draft, name: str) -> Talk[None]:
    """How long mail that comes in here is tried, where the destination does not say."""
    own = [one for one in draft.names("bounce_profiles") if one != schema.DEFAULT_PROFILE]
    if not own:
        yield from say("There is no bounce profile of your own: make one with `bounceconfig`.")
        return
    path = (SECTION, name, "bounce_profile")
    old = draft.get(*path)
    place = yield from choose(
        "Bounce profile of mail that comes in here",
        (schema.DEFAULT_PROFILE, *own),
        1 + own.index(old) if old in own else 0,
        help="A profile that destconfig names for the destination goes before it.",
    )
    draft.put(path, own[place - 1] if place else None)
    yield from keep(draft)


def certificate(draft: Draft, name: str) -> Talk[None]:
    """The certificate that clients see, and those for other names."""
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

    path = (SECTION, name, "certificates")
    others = [one for one in names if one not in (names[place], schema.DEFAULT_CERTIFICATE)]
    if others or draft.get(*path):
        question = "More certificates, for clients that ask for a name in them"
        yield from _ask_list(draft, path, question, lambda one: one in names, others)
        yield from keep(draft)


def tls_profile(draft: Draft, name: str) -> Talk[None]:
    """Versions and ciphers of this listener, where they are not those of all."""
    if not draft.names("tls_profiles"):
        yield from say("There is no TLS profile: make one with sslconfig > profiles.")
        return
    yield from ask_section(draft, (SECTION, name), (_PROFILE,))
    yield from keep(draft)


def setup_all(draft: Draft) -> Talk[None]:
    """The same for all listeners; what stays as it is may differ between them."""
    found = draft.document.listeners
    if not found:
        yield from say("There is no listener.")
        return
    yield from say("What you change here is changed on all listeners; EDIT > SETUP changes one.")
    for field, question in ((_LIMIT, "Connections at the same time on each of them"), *_TIMES):
        yield from _number(draft, tuple(found), field, question)
    delayed = all(one.delayed_reject for one in found.values())
    answer = yield from confirm(_DELAYED, delayed)
    if answer != delayed:
        for name in found:
            draft.put((SECTION, name, "delayed_reject"), answer)
    yield from ask_section(draft, ("queue",), _QUEUE)
    yield from ask_section(draft, ("processes",), _PROCESSES)
    yield from keep(draft)


def _auth_profile(draft: Draft, name: str, old: str) -> Talk[None]:
    names = list(dict.fromkeys((smtp_auth.BUILT_IN, *draft.names("smtp_auth_profiles"))))
    if len(names) == 1:
        return
    place = yield from choose("SMTP AUTH profile", names, names.index(old) if old in names else 0)
    if names[place] != old:
        draft.put((SECTION, name, "smtp_auth_profile"), names[place])


def _ask_list(
    draft: Draft,
    path: tuple[str, ...],
    question: str,
    known: Callable[[str], bool],
    words: Sequence[str] = (),
) -> Talk[None]:
    """Several values; the word `none` takes all of them away."""
    old = ", ".join(draft.get(*path) or ())

    def check(answer: str) -> str | None:
        if answer.lower() == NOTHING:
            return None
        bad = [one for one in words_of(answer) if not known(one)]
        return f"This cannot be one of them: {bad[0]}" if bad else None

    hint = f" ({NOTHING}: not set)" if old else ""
    answer = yield from ask(
        f"{question}, with commas between them{hint}", old, check=check, words=words
    )
    if answer != old:
        draft.put(path, None if answer.lower() == NOTHING else list(words_of(answer)))


def _is_span(text: str) -> bool:
    return isinstance(members.parse_member(text), members.AddressSpan)
