# SPDX-License-Identifier: Apache-2.0
"""How failed logins look to a person."""

from collections.abc import Sequence

from gatehouse.faces.actions.login_failures import FailureLine
from gatehouse.faces.cli.terminal import Column, Screen, moment, table


def failure_table(failures: Sequence[FailureLine], to: Screen) -> str:
    """One line for each network, and one for all others together."""
    columns = (
        Column("FAILED FROM", flexible=True),
        Column("TIMES", right=True),
        Column("LAST"),
        Column("WAITS UNTIL"),
    )
    rows = [
        (
            each.network or "all unusual addresses",
            str(each.failures),
            moment(each.last_at),
            "" if each.waits_until is None else moment(each.waits_until),
        )
        for each in failures
    ]
    return table(columns, rows, to)
