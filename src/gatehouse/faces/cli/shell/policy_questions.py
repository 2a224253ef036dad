# SPDX-License-Identifier: Apache-2.0
"""The questions about a mail flow policy, in the order of the modelled appliance.

The default in brackets is the value that holds now, wherever it comes from. An answer that is the
same is not written, and so what is inherited stays inherited.
"""

from collections.abc import Mapping
from typing import Any

from gatehouse.config import field_values, schema, units
from gatehouse.faces.actions import access
from gatehouse.faces.cli.shell import section_questions
from gatehouse.faces.cli.shell.candidate_edit import Draft
from gatehouse.faces.cli.shell.dialogue import (
    NOTHING,
    Check,
    Talk,
    ask,
    choose,
    confirm,
    do,
    say,
    something,
    words_of,
)
from gatehouse.journal.escape import clean
from gatehouse.policy import address_list

SECTION = "mail_flow_policies"
BEHAVIORS = ("accept", "relay", "reject", "tcprefuse", "continue")
_DEMANDS = ("off", "preferred", "required")
_TLS_CHOICES = ("No", "Preferred", "Required")
_AUTH_CHOICES = ("Off", "Preferred", "Required")
_VARIABLES = "$Group, $Hostname, $RemoteIP and $HATEntry are replaced."

CERTIFICATE_HINT = (
    "TLS needs a certificate. Look with `certconfig` whether there is a valid one that others can",
    "verify, and assign it with listenerconfig > edit > certificate.",
)


# Fields and questions; their bounds are those of the schema.
_BEFORE_BANNER = (
    ("max_connections_per_client", "Connections at once from one address"),
    ("max_messages_per_connection", "Messages in one connection"),
    ("max_recipients_per_message", "Recipients of one message"),
)
_RATES = (
    ("max_recipients_per_hour", "Recipients in an hour from one address (0: any)"),
    ("max_sender_recipients_per_hour", "Recipients in an hour from one envelope sender (0: any)"),
)
_HARVEST = ("dhap_limit", "Refused recipients in an hour from one address (0: any)")


class _Policy:
    """One policy: what holds now, and where answers go."""

    def __init__(self, draft: Draft, name: str, now: Mapping[str, Any]) -> None:
        self._draft, self._name, self.now = draft, name, now

    def put(self, field: str, value: object) -> None:
        """Write what differs from what holds."""
        if value != self.now[field]:
            self._draft.put((SECTION, self._name, field), value)


def ask_policy(draft: Draft, name: str, *, behavior: bool = False) -> Talk[None]:
    """All parameters of a policy that the draft has, or that is built in.

    `behavior`: with what becomes of its clients, which the default policy does not decide.
    """
    view = yield from do(
        access.POLICY_SHOW,
        access.PolicyInput(name=name, candidate=draft.candidate),
        access.PolicyView,
    )
    policy = _Policy(draft, name, {one.field: one.value for one in view.fields})
    if behavior:
        old = policy.now["behavior"].lower()
        chosen = yield from choose_behavior(old)
        policy.put("behavior", chosen if chosen != old else policy.now["behavior"])
    yield from _size(policy)
    for field, question in _BEFORE_BANNER:
        yield from _number(policy, field, question)
    yield from _banner(policy)
    yield from _refusal(policy)
    yield from _rates(policy)
    yield from _harvest(policy)
    yield from _tls(policy)
    yield from _auth(policy)
    yield from _switch(
        policy, "check_sender_domain", "Refuse senders whose domain does not exist in DNS?"
    )


def choose_behavior(now: str = BEHAVIORS[0]) -> Talk[str]:
    """What becomes of a client."""
    place = yield from choose(
        "Behavior",
        [one.upper() for one in BEHAVIORS],
        BEHAVIORS.index(now),
        help="ACCEPT: served. RELAY: served, to everywhere. REJECT, TCPREFUSE: refused, with a word"
        " or without. CONTINUE: the next group is asked.",
    )
    return BEHAVIORS[place]


def _size(policy: _Policy) -> Talk[None]:
    def check(answer: str) -> str | None:
        why = field_values.why_not(schema.MailFlowPolicy, "max_message_size", answer)
        return None if why is None else f"A size is needed, from 1K: {units.SIZE_FORM}."

    now = policy.now["max_message_size"]
    answer = yield from ask("Largest message", str(units.format_size(now)), check=check)
    if units.parse_size(answer) != now:
        policy.put("max_message_size", units.format_size(units.parse_size(answer)))


def _number(policy: _Policy, field: str, question: str) -> Talk[int]:
    now = policy.now[field] or 0
    number = yield from section_questions.ask_bounded(schema.MailFlowPolicy, field, question, now)
    policy.put(field, number)
    return number


def _switch(policy: _Policy, field: str, question: str) -> Talk[None]:
    now = bool(policy.now[field])
    answer = yield from confirm(question, now)
    if answer != now:
        policy.put(field, answer)


def _reply(policy: _Policy, of: str) -> Talk[None]:
    """Code and text; `of`: how their fields begin."""
    yield from _number(policy, f"{of}_code", "Code")
    field, now = f"{of}_text", policy.now[f"{of}_text"] or ""
    text = yield from ask(f"Text ({NOTHING}: not set)", now, check=_fits(field), help=_VARIABLES)
    if text.lower() == NOTHING:
        policy.put(field, None)
    elif text:
        policy.put(field, text)


def _banner(policy: _Policy) -> Talk[None]:
    if not (yield from confirm("Change code, text and host name of the greeting?")):
        return
    yield from _reply(policy, "banner")
    now = policy.now["banner_host"]
    places = ("That of the interface", "Another one", "None")
    place = yield from choose("Host name", places, 0 if now is None else 1 if now else 2)
    host: str | None = None
    if place == 1:
        host = yield from ask("Host name in the greeting", now or "", check=_host)
    policy.put("banner_host", "" if place == 2 else host)


def _fits(field: str) -> Check:
    return section_questions.fits(schema.MailFlowPolicy, field)


def _host(answer: str) -> str | None:
    return something(answer) or _fits("banner_host")(answer)


def _senders(answer: str) -> str | None:
    if answer.lower() == NOTHING:
        return None
    for one in words_of(answer):
        found = address_list.parse_recipient(one)
        if isinstance(found, address_list.PatternFault):
            return f"{clean(one)}: {found.reason}."
    return None


def _refusal(policy: _Policy) -> Talk[None]:
    if (yield from confirm("Change code and text of a refused connection?")):
        yield from _reply(policy, "reject")


def _rates(policy: _Policy) -> Talk[None]:
    limited = False
    for field, question in _RATES:
        limited |= bool((yield from _number(policy, field, question)))
    if limited and (yield from confirm("Change code and text above these limits?")):
        yield from _reply(policy, "rate")


def _harvest(policy: _Policy) -> Talk[None]:
    if (yield from _number(policy, *_HARVEST)):
        yield from _switch(policy, "dhap_drop_connection", "Disconnect the client at that limit?")


def _tls(policy: _Policy) -> Talk[None]:
    place = yield from choose(
        "Do you want to allow encrypted TLS connections?",
        _TLS_CHOICES,
        _DEMANDS.index(policy.now["tls"]),
        help="Preferred: offered to all. Required: nothing is taken in clear.",
    )
    policy.put("tls", _DEMANDS[place])
    if place == 0:
        return
    yield from say(*CERTIFICATE_HINT)
    if place == _DEMANDS.index("preferred"):
        old = tuple(policy.now["tls_mandatory_list"] or ())
        answer = yield from ask(
            f"Senders that must use TLS all the same ({NOTHING}: nobody)",
            ", ".join(old),
            check=_senders,
            help="domain, .domain, user@ or user@domain, with commas between them.",
        )
        wanted = () if answer.lower() == NOTHING else words_of(answer)
        if wanted != old:
            policy.put("tls_mandatory_list", list(wanted))
    yield from _switch(policy, "verify_client_certificate", "Verify the certificates of clients?")


def _auth(policy: _Policy) -> Talk[None]:
    place = yield from choose(
        "SMTP authentication", _AUTH_CHOICES, _DEMANDS.index(policy.now["smtp_auth"])
    )
    policy.put("smtp_auth", _DEMANDS[place])
    if place:
        yield from _switch(policy, "auth_needs_tls", "Offer it under TLS only?")
