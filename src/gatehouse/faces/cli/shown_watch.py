# SPDX-License-Identifier: Apache-2.0
"""How alarms, revocation lists and renewals look to a person."""

from gatehouse.faces.actions import alarms
from gatehouse.faces.cli.terminal import Column, Screen, moment, table


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
