# SPDX-License-Identifier: Apache-2.0
"""deliveryconfig: what all outgoing connections have in common."""

from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, say
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.shell.sender_tls import sender_tls
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean

_SETUP = (
    Question(
        field="interface",
        text="Interface whose host name is said in EHLO",
        names="interfaces",
        unset="Automatic (the first one)",
    ),
    Question(field="max_connections", text="Outgoing connections at the same time"),
    Question(field="suspended", text="Keep all mail in the queue?"),
)
_TIMEOUTS = (
    Question(field="connect_timeout", text="Wait for a TCP connection"),
    Question(field="starttls_timeout", text="Wait for the answer to STARTTLS"),
    Question(field="dns_timeout", text="Wait for a DNS answer"),
    Question(field="idle_timeout", text="Time that an open connection waits for more mail"),
    Question(field="transaction_timeout", text="Time that one message may take"),
)
_DNS = (
    Question(field="dns_servers", text="DNS servers, address or address:port"),
    Question(
        field="dns_trusted",
        text="Are they believed when they say that DNSSEC proves an answer?",
        choices=("Where all of them are on this machine", "Yes", "No"),
    ),
)
_PORTS = (
    Question(field="smtp_port", text="TCP port of mail hosts"),
    Question(field="mta_sts_port", text="TCP port of hosts that serve MTA-STS policies"),
    Question(field="mta_sts_internal", text="May these policies come from addresses inside?"),
)


def delivery_config() -> Talk[None]:
    """The menu of deliveries."""
    draft = yield from open_draft()
    yield from menus.edit(
        draft,
        _now,
        ("SETUP", "Set interface and number of connections.", _setup),
        ("TIMEOUTS", "Set how long other hosts are waited for.", _timeouts),
        ("DNS", "Set which DNS servers are asked.", _dns),
        ("PORTS", "Set the ports of other hosts, for test beds.", _ports),
        ("SENDERTLS", "Set other TLS for the mail of some senders.", sender_tls),
    )


def _now(draft: Draft) -> Talk[None]:
    now = draft.document.delivery
    rows = [
        ("Interface", now.interface or "automatic"),
        ("Connections at most", str(now.max_connections)),
        ("DNS servers", ", ".join(now.dns_servers) or "those of the machine"),
        ("Senders with TLS of their own", str(len(draft.document.sender_tls_overrides))),
    ]
    if now.suspended:
        rows.append(("Deliveries", "suspended: all mail stays in the queue"))
    yield from say("", pairs([(name, clean(value)) for name, value in rows]))


def _setup(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _SETUP)


def _timeouts(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _TIMEOUTS)


def _dns(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _DNS)


def _ports(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _PORTS)


def _ask(draft: Draft, questions: tuple[Question, ...]) -> Talk[None]:
    yield from ask_section(draft, ("delivery",), questions)
    yield from keep(draft)
