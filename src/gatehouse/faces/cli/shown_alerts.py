# SPDX-License-Identifier: Apache-2.0
"""How alert subscriptions, test alerts and cipher strings look to a person."""

from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import alerts, tls_ciphers
from gatehouse.faces.cli.shown_commit import committed, findings
from gatehouse.faces.cli.terminal import Column, Screen, pairs, span, table
from gatehouse.journal.escape import clean

_ALL_SEVERITIES = 3
_COMMIT = "It is in the candidate; `gatehouse config commit COMMENT` makes it run."


def recipients(one: alerts.AlertRecipients, to: Screen) -> str:
    """Who gets what, below how."""
    head = pairs(
        [
            ("Of", one.source),
            ("From address", one.from_address),
            ("First duplicate after", span(one.initial_interval)),
            ("Longest wait", span(one.maximum_interval)),
            ("Way", f"smart host {one.smart_host}" if one.smart_host else "as all mail"),
        ]
    )
    if not one.recipients:
        hint = "Nobody gets alarms by mail. `gatehouse alert recipients add ADDRESS` changes that."
        return f"{head}\n\n{to.warn(hint)}"
    columns = (
        Column("ADDRESS", flexible=True),
        Column("SEVERITIES"),
        Column("CLASSES", flexible=True),
    )
    rows = [
        (
            each.address,
            "all"
            if len(each.severities) == _ALL_SEVERITIES
            else ", ".join(word.lower() for word in each.severities),
            ", ".join(each.classes),
        )
        for each in one.recipients
    ]
    return f"{head}\n\n{table(columns, rows, to)}"


def sent(one: alerts.AlertSent, to: Screen) -> str:
    """What became of a test."""
    rows = [
        ("To", one.address),
        ("From", one.from_address),
        ("Message-ID", one.message_id),
        ("MID", str(one.mid)),
        ("Way", f"smart host {one.smart_host}" if one.smart_host else "as all mail"),
        ("Outcome", one.outcome),
    ]
    if one.reply:
        rows.append(("Answer", one.reply))
    text = pairs(rows)
    if one.outcome == "delivered":
        return text
    then = {
        "deferred": "It will be tried again; `gatehouse queue show` follows it.",
        "waiting": "It is in the queue; `gatehouse queue show` follows it.",
    }.get(one.outcome, "It is not tried again.")
    return f"{text}\n\n{to.warn(clean(then))}"


def changed(one: alerts.RecipientChanged, to: Screen) -> str:
    """What was changed, and what is odd now."""
    left = one.recipients
    who = "nobody gets" if not left else "1 address gets" if left == 1 else f"{left} addresses get"
    lines = [clean(f"{one.address} is {one.change}: {who} alarms by mail now.")]
    if one.commit is not None:
        return "\n".join([*lines, committed(one.commit, to)])
    return "\n".join([*lines, *findings(one.warnings, to), _COMMIT])


def ciphers(one: tls_ciphers.Ciphers, to: Screen) -> str:
    """The suites in their order."""
    columns = (
        Column("SUITE", flexible=True),
        Column("SINCE"),
        Column("BITS", right=True),
        Column("FORWARD SECRECY"),
        Column("AEAD"),
    )
    rows = [
        (
            each.name,
            each.protocol,
            str(each.bits),
            "yes" if each.forward_secrecy else "NO",
            "yes" if each.aead else "no",
        )
        for each in one.suites
    ]
    return table(columns, rows, to)


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    alerts.AlertRecipients: recipients,
    alerts.RecipientChanged: changed,
    alerts.AlertSent: sent,
    tls_ciphers.Ciphers: ciphers,
}
