# SPDX-License-Identifier: Apache-2.0
"""Declarations: alarms."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role


class AlarmsInput(msgspec.Struct, frozen=True, kw_only=True):
    """How many."""

    limit: Annotated[
        int, Arg(help="the last N alarms", metavar="N", short="n", least=1, most=500)
    ] = 20


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that was raised."""

    at: datetime
    severity: str
    alarm_class: str
    name: str
    subject: str
    text: str
    key: str
    suppressed: int  # equal ones that were held back before it


class AlarmList(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms, the newest first."""

    alarms: tuple[AlarmView, ...]


LIST = Action(
    name="alarm list",
    summary="List the alarms that were raised, the newest first.",
    help="""List what the gateway wanted somebody to know: certificates that end, mail that waits
for TLS, logins that fail, revocation lists that cannot be had, space that runs out.

`gatehouse alert recipients list` shows who gets them by mail. Equal alarms are told at growing
intervals; REPEATED says how many were held back in between. The event log has every alarm, also
those that are no longer in this list.""",
    example="gatehouse alarm list -n 50",
    role=Role.READ_ONLY,
    input=AlarmsInput,
    output=AlarmList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.alarms_work:list_alarms",
)
