# SPDX-License-Identifier: Apache-2.0
"""How MTA-STS policies look to a person."""

from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import mta_sts
from gatehouse.faces.cli.terminal import Column, Screen, moment, table
from gatehouse.journal.escape import clean


def policies(one: mta_sts.PolicyList, to: Screen) -> str:
    """One line for each policy."""
    if not one.policies:
        return "No policies are kept."
    columns = (
        Column("DOMAIN", flexible=True),
        Column("MODE"),
        Column("HOSTS", flexible=True),
        Column("VERSION", flexible=True),
        Column("FETCHED"),
        Column("ENDS"),
    )
    rows = [
        (
            each.domain,
            each.mode,
            ", ".join(each.mx),
            each.record_id,
            moment(each.fetched_at),
            "has ended" if each.expired else moment(each.expires_at),
        )
        for each in one.policies
    ]
    return table(columns, rows, to)


def forgotten(one: mta_sts.Forgotten, to: Screen) -> str:
    """What was done."""
    if one.there_was_one:
        return f"The policy of {clean(one.domain)} is forgotten."
    return f"No policy of {clean(one.domain)} was kept."


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    mta_sts.PolicyList: policies,
    mta_sts.Forgotten: forgotten,
}
