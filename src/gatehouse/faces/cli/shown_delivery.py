# SPDX-License-Identifier: Apache-2.0
"""How suspensions, destinations and clients look to a person."""

from gatehouse.faces.actions import delivery, destinations, incoming
from gatehouse.faces.cli.shown_commit import committed, findings
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table
from gatehouse.journal.escape import clean


def suspensions(one: delivery.Suspensions, to: Screen) -> str:
    """What is suspended now."""
    parts: list[str] = []
    if one.by_configuration:
        parts.append(to.warn("The configuration suspends everything: suspended in [delivery]."))
    if one.suspensions:
        columns = (Column("DESTINATION", flexible=True), Column("SINCE"), Column("BY"))
        rows = [
            (each.domain or "everything", moment(each.since), each.operator)
            for each in one.suspensions
        ]
        parts.append(table(columns, rows, to))
    return "\n\n".join(parts) or "Nothing is suspended."


def host(one: delivery.HostView, to: Screen) -> str:
    """One destination."""
    rows = [
        ("Destination", one.domain),
        ("State", to.warn(one.state) if one.state in ("down", "suspended") else one.state),
        ("TLS level", one.tls),
        ("Waiting", f"{one.waiting} never tried, {one.deferred} deferred, {one.held} held"),
    ]
    if one.connections is not None:
        rows += [
            ("Connections", str(one.connections)),
            ("Delivered", str(one.delivered)),
            ("Failed tries", str(one.failed_tries)),
            ("Bounced", str(one.bounced)),
        ]
    if one.last_status:
        when = "" if one.last_tried_at is None else f" ({moment(one.last_tried_at)})"
        rows.append(("Last connection", f"{one.last_status}{when}"))
    return pairs(rows)


def top(one: delivery.TopHosts, to: Screen) -> str:
    """The destinations with the most mail."""
    if not one.hosts:
        return "The queue is empty."
    columns = (
        Column("DESTINATION", flexible=True),
        Column("STATE"),
        Column("TLS"),
        Column("WAITING", right=True),
        Column("DEFERRED", right=True),
        Column("HELD", right=True),
        Column("CONN", right=True),
        Column("LAST CONNECTION", flexible=True),
    )
    rows = [
        (
            each.domain,
            each.state,
            each.tls,
            str(each.waiting),
            str(each.deferred),
            str(each.held),
            "" if each.connections is None else str(each.connections),
            each.last_status or "",
        )
        for each in one.hosts
    ]
    return table(columns, rows, to)


def incoming_clients(one: incoming.IncomingClients, to: Screen) -> str:
    """Who is connected."""
    if not one.clients:
        return "Nobody is connected."
    columns = (Column("CLIENT", flexible=True), Column("CONN", right=True))
    rows = [(each.client, str(each.connections)) for each in one.clients]
    named = sum(each.connections for each in one.clients)
    more = f"\n\n{one.connections - named} more connections of others."
    return table(columns, rows, to) + (more if one.connections > named else "")


def exported(one: destinations.ExportedControls, to: Screen) -> str:
    """As it is, so that it can be imported again; only a terminal is protected from it."""
    text = one.text.removesuffix("\n")
    if to.width is None:
        return text
    return "\n".join(clean(line.expandtabs()) for line in text.split("\n"))


def imported(one: destinations.ImportedControls, to: Screen) -> str:
    """What was taken, and what could not be."""
    lines = [f"There are {one.entries} destinations beside the default."]
    lines += [to.warn(remark) for remark in one.remarks]
    if one.commit is not None:
        return "\n".join([*lines, committed(one.commit, to)])
    last = "They run with `gatehouse config commit`."
    return "\n".join([*lines, *findings(one.warnings, to), last])
