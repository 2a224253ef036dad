# SPDX-License-Identifier: Apache-2.0
"""trace and tlsverify: what would happen to a client, and how a destination's TLS proves itself."""

import ipaddress

from gatehouse.faces.actions import explain_inbound, explain_outbound
from gatehouse.faces.cli.shell.candidate_edit import open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, ask, choose, confirm, show, something, words_of


def trace() -> Talk[None]:
    """A client that does not exist goes through the tables, changes not committed among them."""
    draft = yield from open_draft()
    address = yield from ask("IP address of the client", "127.0.0.1", check=_address)
    name = yield from ask(
        "Its host name, confirmed (empty: ask DNS)", help="As if DNS had confirmed it."
    )
    names = draft.names("listeners")
    place = yield from choose("Listener", names)
    helo = yield from ask("What it says in EHLO", "client.example", check=something)
    tls = yield from confirm("Does it start TLS?", default=True)
    sender = yield from ask("Envelope sender", "<>", help="<> is the null sender, of reports.")
    recipients = yield from ask("Envelope recipients, with commas between them", check=something)
    yield from show(
        explain_inbound.INBOUND,
        explain_inbound.InboundInput(
            address=address,
            reverse_name=name or None,
            listener=names[place],
            helo=helo,
            no_tls=not tls,
            sender=sender,
            recipient=words_of(recipients),
            candidate=draft.candidate,
        ),
    )


def tls_verify() -> Talk[None]:
    """Connect to a destination as a delivery would, and say how its certificate is judged."""
    domain = yield from ask(
        "Domain or address whose mail hosts shall prove themselves", check=something
    )
    every = yield from confirm("Connect to every host, and not to the first alone?")
    given = explain_outbound.OutboundInput(to=domain, live=True, all_hosts=every)
    yield from show(explain_outbound.OUTBOUND, given)


def _address(answer: str) -> str | None:
    try:
        ipaddress.ip_address(answer)
    except ValueError:
        return "An IPv4 or IPv6 address is needed."
    return None
