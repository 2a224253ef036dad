# SPDX-License-Identifier: Apache-2.0
"""How the walk through the tables looks to a person: from the client to what to change."""

from gatehouse.faces.actions.explain_inbound import DemandView, GroupView, InboundView
from gatehouse.faces.cli.terminal import Column, Screen, pairs, table
from gatehouse.journal.escape import clean

_OUTCOMES = {
    "passed": "passed over",
    "skipped": "passed over",
    "won": "WINS",
    "behind": "not read",
}


def inbound(one: InboundView, to: Screen) -> str:
    """Everything, in the order in which it would happen."""
    blocks = [
        _client(one),
        _titled("Sender groups", _groups(one.groups, to), to),
        _titled(f"Mail flow policy {one.policy.name}", _policy(one, to), to),
        _titled("Demands", _demands(one.demands, to), to),
    ]
    if one.dialogue:
        blocks.append(_titled("Dialogue", _dialogue(one), to))
    blocks.append(_titled("Mail log", "\n".join(map(clean, one.log)), to))
    if one.notes:
        blocks.append(_titled("Taken as given", _list(one.notes), to))
    blocks.append(to.heading(clean(one.verdict)))
    if one.advice:
        blocks.append(_titled("If that is not what you want", _list(one.advice), to))
    return "\n\n".join(blocks)


def _client(one: InboundView) -> str:
    client, listener = one.client, one.listener
    name = client.reverse_name or "no name"
    rows = [
        ("Configuration", one.source),
        ("Client", client.address),
        ("Reverse name", f"{name} ({client.reverse_state})"),
        ("Listener", f"{listener.name} ({listener.type}, {listener.address}:{listener.port})"),
        ("TLS", "yes" if client.tls else "no"),
    ]
    if client.certificate != "none":
        said = f"{client.certificate}: {client.certificate_subject or 'unreadable'}"
        reason = client.certificate_reason
        rows.append(("Certificate", f"{said}, {reason}" if reason else said))
    if client.user is not None:
        rows.append(("User", client.user))
    return pairs(rows)


def _groups(groups: tuple[GroupView, ...], to: Screen) -> str:
    columns = (
        Column("", right=True),
        Column("GROUP", flexible=True),
        Column("POLICY", flexible=True),
        Column("OUTCOME"),
        Column("WHY", flexible=True),
    )
    rows = [
        (
            str(each.place),
            each.group,
            each.policy,
            _OUTCOMES.get(each.outcome, each.outcome),
            f"by {each.member}" if each.outcome == "won" else "; ".join(each.why),
        )
        for each in groups
    ]
    return table(columns, rows, to)


def _policy(one: InboundView, to: Screen) -> str:
    columns = (Column("FIELD"), Column("VALUE", flexible=True), Column("FROM"))
    rows = [(each.name, each.value, each.origin) for each in one.policy.fields]
    return table(columns, rows, to)


def _demands(demands: tuple[DemandView, ...], to: Screen) -> str:
    columns = (
        Column("STAGE"),
        Column("ABOUT", flexible=True),
        Column("DEMAND", flexible=True),
        Column(""),
        Column("WHAT WAS SEEN", flexible=True),
    )
    rows = [
        (
            each.stage,
            each.about,
            each.demand,
            "NOT MET" if not each.met else "met" if each.asked else "not made",
            each.detail,
        )
        for each in demands
    ]
    return table(columns, rows, to)


def _dialogue(one: InboundView) -> str:
    lines = []
    for exchange in one.dialogue:
        if exchange.command:
            lines.append(f"C: {exchange.command}")
        lines += [f"S: {line}" for line in exchange.reply]
    return "\n".join(map(clean, lines))


def _list(texts: tuple[str, ...]) -> str:
    return "\n".join(f"- {clean(text)}" for text in texts)


def _titled(title: str, block: str, to: Screen) -> str:
    return f"{to.heading(clean(title))}\n{block}"
