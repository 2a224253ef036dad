# SPDX-License-Identifier: Apache-2.0
"""trace, tlsverify, daneverify: what becomes of a client, and how destinations prove themselves."""

import ipaddress
from collections.abc import Sequence

from gatehouse.faces.actions import explain_inbound, explain_outbound
from gatehouse.faces.cli.shell.candidate_edit import open_draft
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    choose,
    confirm,
    do,
    say,
    show,
    something,
    words_of,
)
from gatehouse.journal.escape import clean
from gatehouse.policy import server_identity

_PROVEN = (server_identity.DANE_EE, server_identity.DANE_TA)
_RECORDS = {
    "not-asked": "not asked for; set DANE with destconfig",
    "records": "records found, secure",
    "none": "no records",
    "failed": "not known",
}


def trace() -> Talk[None]:
    """A client that does not exist goes through the tables, changes not committed among them."""
    draft = yield from open_draft()
    names = draft.names("listeners")
    if not names:
        yield from say("There is no listener.")
        return
    address = yield from ask("IP address of the client", "127.0.0.1", check=_address)
    name = yield from ask(
        "Its host name, confirmed (empty: ask DNS)", help="As if DNS had confirmed it."
    )
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
        "Domain or mail address whose hosts shall prove themselves", check=something
    )
    every = yield from confirm("Connect to every host, and not to the first alone?")
    given = explain_outbound.OutboundInput(to=domain, live=True, all_hosts=every)
    yield from show(explain_outbound.OUTBOUND, given)


def dane_verify() -> Talk[None]:
    """Connect to all hosts of a domain, and say what their TLSA records prove."""
    domain = yield from ask("Domain whose mail hosts shall prove themselves", check=something)
    given = explain_outbound.OutboundInput(to=domain, live=True, all_hosts=True)
    found = yield from do(explain_outbound.OUTBOUND, given, explain_outbound.OutboundView)
    yield from say(*map(clean, dane_lines(found)))


def dane_lines(found: explain_outbound.OutboundView) -> list[str]:
    """Each host with its records and what its certificate is worth by them, then the whole."""
    if not found.hosts:  # a look-up that fails is never "no DANE" (RFC 7672 §2.1)
        return [f"No host: {found.route.why}", f"DANE FAILED for {found.domain}."]
    visits = {one.host: one for one in found.live}
    lines, states = [], []
    for host in found.hosts:
        state, words = _dane_of(host, visits.get(host.host))
        states.append(state)
        lines.append(f"{host.host}: TLSA {_RECORDS.get(host.dane.state, host.dane.state)}")
        lines += [f"  {host.dane.base} {record}" for record in host.dane.records]
        lines += [f"  {words}"] if words else []
    return [*lines, f"{_whole(states)} for {found.domain}."]


def _dane_of(
    host: explain_outbound.HostPlanView, visit: explain_outbound.VisitView | None
) -> tuple[str, str]:
    """Whether it is proven, failed, or says nothing; and in words."""
    if host.dane.state != "records":
        failed = host.dane.state == "failed"
        return ("failed" if failed else "none", host.dane.note)
    verdict = visit.verdicts[-1] if visit is not None and visit.verdicts else None
    if verdict is not None and verdict.verified and verdict.basis in _PROVEN:
        return "proven", f"DANE success ({verdict.basis}) at {verdict.address}"
    if verdict is not None:
        return "failed", f"DANE failed at {verdict.address}: {verdict.reason or verdict.said}"
    return "failed", f"not reached: {host.note if visit is None else visit.why}"


def _whole(states: Sequence[str]) -> str:
    if "failed" in states:
        return "DANE FAILED"
    if "proven" not in states:
        return "NO DANE"
    return "DANE SUCCESS" if "none" not in states else "DANE SUCCESS at some hosts only"


def _address(answer: str) -> str | None:
    try:
        ipaddress.ip_address(answer)
    except ValueError:
        return "An IPv4 or IPv6 address is needed."
    return None
