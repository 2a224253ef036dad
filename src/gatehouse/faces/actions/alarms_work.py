# SPDX-License-Identifier: Apache-2.0
"""The work: alarms that were raised."""

import asyncio
from datetime import UTC, datetime

from gatehouse.faces.actions.alarms import AlarmList, AlarmsInput, AlarmView
from gatehouse.faces.actions.house import House
from gatehouse.service.watch.alarms import recent


async def list_alarms(house: House, given: AlarmsInput) -> AlarmList:
    """The newest ones, as they are remembered."""
    kept = await asyncio.to_thread(recent, house.store, given.limit)
    return AlarmList(
        alarms=tuple(
            AlarmView(
                at=datetime.fromtimestamp(one.at, UTC),
                severity=one.severity,
                alarm_class=one.alarm_class,
                name=one.name,
                subject=one.subject,
                text=one.text,
                key=one.key,
                suppressed=one.suppressed,
            )
            for one in kept
        )
    )
