# SPDX-License-Identifier: Apache-2.0
"""How alarms, revocation lists and renewals look to a person."""

from gatehouse.faces.actions import acme, alarms, crl
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table


def alarm_list(one: alarms.AlarmList, to: Screen) -> str:
    """One line for each alarm."""
    if not one.alarms:
        return "No alarms."
    columns = (
        Column("WHEN"),
        Column("SEVERITY"),
        Column("NAME"),
        Column("REPEATED", right=True),
        Column("TEXT", flexible=True),
    )
    rows = [
        (moment(each.at), each.severity, each.name, str(each.suppressed or ""), each.text)
        for each in one.alarms
    ]
    return table(columns, rows, to)


def crl_list(one: crl.CrlList, to: Screen) -> str:
    """The sources, and below them what went wrong."""
    clients = "checked" if one.check_clients else "not checked"
    servers = "checked" if one.check_servers else "not checked"
    head = pairs(
        [
            ("Certificates of clients", clients),
            ("Certificates of servers", servers),
            ("Without a usable list", "accepted" if one.on_unavailable == "open" else "refused"),
        ]
    )
    if not one.sources:
        return f"{head}\n\nNo sources."
    columns = (
        Column("SOURCE", flexible=True),
        Column("ISSUER", flexible=True),
        Column("FROM"),
        Column("UNTIL"),
        Column("ENTRIES", right=True),
        Column("STATE"),
    )
    rows = [
        (
            each.url,
            each.issuer,
            "" if each.this_update is None else moment(each.this_update),
            "" if each.next_update is None else moment(each.next_update),
            str(each.entries),
            each.state,
        )
        for each in one.sources
    ]
    errors = [to.warn(f"{each.url}: {each.error}.") for each in one.sources if each.error]
    return "\n\n".join([head, table(columns, rows, to), *errors])


def ordered(one: acme.Ordered, to: Screen) -> str:
    """What came."""
    rows = [
        ("Certificate", one.name),
        ("For", ", ".join(one.domains)),
        ("Issuer", one.issuer),
        ("Ends", moment(one.not_after)),
        ("Renewed", f"from {moment(one.renewal_at)} on"),
        ("SHA-256", one.fingerprint),
    ]
    where = (
        "It is served from now on." if one.served else "It is in force, and used by nothing yet."
    )
    return f"{pairs(rows)}\n\n{where}"
