# SPDX-License-Identifier: Apache-2.0
"""How the way of outgoing mail looks to a person: from the rules to what would become of it."""

from gatehouse.faces.actions.explain_outbound import (
    HostPlanView,
    OutboundView,
    StsView,
    VerdictView,
    VisitView,
)
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, span, table
from gatehouse.journal.escape import clean

_OUTCOMES = {"won": "WINS", "passed": "passed over", "behind": "not read"}
_DANE = {
    "not-asked": "not asked for",
    "records": "TLSA records",
    "none": "no TLSA records",
    "failed": "the look-up failed",
}


def outbound(one: OutboundView, to: Screen) -> str:
    """Everything, in the order in which it is decided."""
    blocks = [_message(one), _titled("Destination controls", _controls(one, to), to)]
    if one.overrides:
        blocks.append(_titled("Sender overrides", _overrides(one, to), to))
    blocks.append(_titled("Route", _route(one), to))
    if one.sts is not None:
        blocks.append(_titled("MTA-STS", _sts(one.sts), to))
    for each in one.hosts:
        title = f"Host {each.place}: {each.host}, port {each.port}"
        blocks.append(_titled(title, _host(each, to), to))
    for visit in one.live:
        blocks.append(_titled(f"Connection to {visit.host}", _visit(visit, to), to))
    if one.notes:
        blocks.append(_titled("Taken as given", _list(one.notes), to))
    blocks.append(to.heading(clean(one.verdict)))
    return "\n\n".join(blocks)


def _message(one: OutboundView) -> str:
    asks = "REQUIRETLS" if one.requiretls else "TLS-Required: No" if one.tls_optional else ""
    rows = [
        ("Configuration", one.source),
        ("Destination", one.domain),
        ("Sender", one.sender or "none named"),
        ("Level", one.level),
        ("Bounce profile", one.bounce_profile),
    ]
    if asks:
        rows.append(("The message asks for", asks))
    if one.suspended:
        rows.append(("Deliveries", "suspended"))
    return pairs(rows)


def _controls(one: OutboundView, to: Screen) -> str:
    columns = (
        Column("DOMAIN", flexible=True),
        Column("OUTCOME"),
        Column("TLS"),
        Column("DANE"),
        Column("MTA-STS"),
    )
    rows = [
        (
            each.domain,
            "WINS" if each.wins else "not read",
            each.tls,
            each.dane,
            "on" if each.mta_sts else "off",
        )
        for each in one.controls
    ]
    return table(columns, rows, to)


def _overrides(one: OutboundView, to: Screen) -> str:
    columns = (
        Column("", right=True),
        Column("SENDER", flexible=True),
        Column("DESTINATION", flexible=True),
        Column("TLS"),
        Column("OUTCOME"),
        Column("WHY", flexible=True),
    )
    rows = [
        (
            str(each.place),
            each.sender,
            each.destination,
            each.tls,
            _OUTCOMES.get(each.outcome, each.outcome),
            each.why,
        )
        for each in one.overrides
    ]
    return table(columns, rows, to)


def _route(one: OutboundView) -> str:
    route = one.route
    kinds = {
        "route": f"SMTP route {route.route or ''}",
        "mx": "MX records" + (", proven by DNSSEC" if route.secure else ", not signed"),
        "implicit-mx": "no MX record: the domain itself",
        "literal": "the address itself",
        "none": f"no host: {route.why}",
    }
    rows = [("Hosts from", kinds.get(route.kind, route.kind))]
    rows += [("Not used", lost) for lost in route.lost]
    return pairs(rows)


def _sts(one: StsView) -> str:
    rows = [("Policy", one.mode or "none"), ("Source", one.source)]
    if one.fetched_at is not None:
        rows.append(
            ("Fetched", f"{moment(one.fetched_at)} ({span(one.age_seconds or 0)} ago)"),
        )
    if one.expires_at is not None:
        rows.append(("Holds until", moment(one.expires_at)))
    if one.mx:
        rows.append(("Hosts", ", ".join(one.mx)))
    if one.note:
        rows.append(("Note", one.note))
    return pairs(rows)


def _host(one: HostPlanView, to: Screen) -> str:
    if one.outcome == "planned":
        rows = [("Level", f"{one.level} ({one.rule})")]
    else:
        word = "refused" if one.outcome == "refused" else "cannot be known now"
        rows = [("Not tried", f"{word} ({one.rule})")]
    if one.smart_host is not None:
        rows.append(("Smart host", one.smart_host))
    rows.append(("Addresses", ", ".join(one.addresses) or "none"))
    dane = one.dane
    rows.append(("DANE", _DANE.get(dane.state, dane.state) + (f" ({dane.note})" * bool(dane.note))))
    rows += [("TLSA", f"{dane.base} {record}") for record in dane.records]
    if one.sni is not None:
        rows.append(("Server name", one.sni))
    weight = "Must prove" if one.acts else "Is judged by"
    rows += [(weight, proof) for proof in one.proofs]
    if one.note:
        rows.append(("Note", one.note))
    columns = (Column("RULE"), Column("OUTCOME"), Column("WHAT IT SAYS", flexible=True))
    reasons = [(each.rule, "WINS" if each.wins else "loses", each.text) for each in one.reasons]
    return f"{pairs(rows)}\n{table(columns, reasons, to)}"


def _visit(one: VisitView, to: Screen) -> str:
    rows = [("Outcome", f"{one.outcome}: {one.why}"), ("Address", one.address or "none")]
    if one.tls is not None:
        parts = [one.tls.protocol, one.tls.cipher, one.tls.group or ""]
        rows.append(("TLS", " ".join(part for part in parts if part)))
    if one.mail:
        rows.append(("MAIL FROM:<>", one.mail))
    blocks = [pairs(rows)]
    blocks += [_verdict(each, to) for each in one.verdicts]
    if one.log:
        blocks.append("\n".join(map(clean, one.log)))
    return "\n".join(blocks)


def _verdict(one: VerdictView, to: Screen) -> str:
    if one.verified:
        said = f"verified by {one.basis}" + (" (a weak basis)" if one.weak else "")
    else:
        said = f"{one.said}: {one.reason}"
    rows = [("Certificate", said)]
    for each in one.tried:
        pair = f"{each.reference} ({each.basis}) with {each.source} {each.presented}"
        rows.append(("Tried", f"{pair}: {each.why}"))
    for number, shown in enumerate(one.chain):
        ends = "?" if shown.not_after is None else moment(shown.not_after)
        rows.append((f"Chain {number}", f"{shown.subject}, by {shown.issuer}, until {ends}"))
        if shown.names:
            rows.append(("  names", ", ".join(shown.names)))
        rows.append(("  SHA-256", shown.fingerprint))
        rows.append(("  key", shown.key_fingerprint))
    return pairs(rows)


def _list(texts: tuple[str, ...]) -> str:
    return "\n".join(f"- {clean(text)}" for text in texts)


def _titled(title: str, block: str, to: Screen) -> str:
    return f"{to.heading(clean(title))}\n{block}"
