# SPDX-License-Identifier: Apache-2.0
"""The list of alarms, as an operator asks for it."""

import asyncio
from collections.abc import Callable

from gatehouse.faces.actions import alarms
from gatehouse.faces.actions.alarms_work import list_alarms
from gatehouse.faces.actions.house import House
from gatehouse.policy.alarms import Alarm, AlarmSeverity
from gatehouse.service.watch.alarms import AlarmDesk


def test_there_are_none_at_first(house: House) -> None:
    assert asyncio.run(list_alarms(house, alarms.AlarmsInput())).alarms == ()


def test_what_was_raised_is_listed(house: House) -> None:
    notes: list[object] = []
    record: Callable[[object], None] = notes.append
    desk = AlarmDesk(house.store, record, house.clock, lambda: "gw1")
    alarm = Alarm(name="rule", severity=AlarmSeverity.CRITICAL, text="Look.", key="k")
    asyncio.run(desk.tell(alarm))
    (one,) = asyncio.run(list_alarms(house, alarms.AlarmsInput(limit=5))).alarms
    assert (one.name, one.severity, one.text) == ("rule", "Critical", "Look.")
    assert one.subject == "Critical <System> gw1: Look."
