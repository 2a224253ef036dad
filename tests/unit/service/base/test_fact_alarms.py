# SPDX-License-Identifier: Apache-2.0
"""Facts that somebody must hear of leave the process once a minute, and under few keys."""

import pytest

from gatehouse.journal.facts import (
    ConfigurationCommitted,
    Fact,
    HarvestStopped,
    ProcessDied,
    ResourcesLow,
)
from gatehouse.policy.alarms import AlarmClass, AlarmSeverity
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.fact_alarms import QUIET_SECONDS, FactAlarms


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[Alarmed] = []
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        self.alarms = FactAlarms(clock, self.sent.append)

    def note(self, *facts: Fact) -> None:
        for fact in facts:
            self.alarms.note(fact)


def attack(ip: str) -> HarvestStopped:
    return HarvestStopped(at=1.0, icid=1, client_ip=ip, dropped=True)


def low(resource: str) -> ResourcesLow:
    return ResourcesLow(at=1.0, resource=resource, detail="1 byte is free")


def test_an_attack_from_many_addresses_is_one_series_of_its_class() -> None:
    scene = Scene()
    scene.note(*(attack(f"192.0.2.{number}") for number in range(200)))
    (one,) = scene.sent
    assert one.alarm_class == AlarmClass.HARVEST
    assert "192.0.2.0: its connection was ended" in one.text
    scene.now += QUIET_SECONDS
    scene.note(attack("198.51.100.1"))
    assert len({one.key for one in scene.sent}) == 1 and len(scene.sent) == 2


def test_space_that_runs_out_is_critical_and_told_for_each_resource() -> None:
    scene = Scene()
    scene.note(low("queue"), low("log"), low("queue"))
    assert [one.text for one in scene.sent] == [
        "low on queue: 1 byte is free",
        "low on log: 1 byte is free",
    ]
    assert {one.severity for one in scene.sent} == {AlarmSeverity.CRITICAL.value}


@pytest.mark.parametrize(("status", "how"), [(-9, "signal 9"), (1, "status 1"), (0, "status 0")])
def test_a_process_that_dies_is_told_once_a_minute_for_each_role(status: int, how: str) -> None:
    scene = Scene()
    for role in ("deliverer", "receiver", "receiver"):
        scene.note(ProcessDied(at=1.0, role=role, pid=7, status=status))
    assert [one.text for one in scene.sent] == [
        f"the process deliverer ended by itself ({how}) and is started again",
        f"the process receiver ended by itself ({how}) and is started again",
    ]
    assert {one.severity for one in scene.sent} == {AlarmSeverity.WARNING.value}


def test_other_facts_are_nobodys_alarm() -> None:
    scene = Scene()
    scene.note(ConfigurationCommitted(at=1.0, revision=1, operator="t", comment=""))
    assert scene.sent == []
