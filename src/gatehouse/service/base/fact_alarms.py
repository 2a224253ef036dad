# SPDX-License-Identifier: Apache-2.0
"""Facts of any process that somebody must hear of: attacks, low space, processes that die.

Each kind has one series for the whole gateway (`policy/alarms.py`): who attacks from a thousand
addresses must not make a thousand mails. What repeats within a minute does not leave the process.
"""

from collections.abc import Callable

from gatehouse.journal.facts import Fact, HarvestStopped, ProcessDied, ResourcesLow
from gatehouse.policy.alarms import AlarmClass, AlarmSeverity
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.base.clock import Clock

HARVEST = "directory-harvest"
RESOURCES = "resources-low"
PROCESS = "process-died"
QUIET_SECONDS = 60.0
_LONGEST_DETAIL = 300


_TOLD = frozenset({HarvestStopped, ProcessDied, ResourcesLow})


class FactAlarms:
    """A reader of facts; `send` reaches the supervisor."""

    def __init__(self, clock: Clock, send: Callable[[Alarmed], None]) -> None:
        self._clock = clock
        self._send = send
        self._told: dict[str, float] = {}  # a handful of keys: the kinds below are ours

    def note(self, fact: Fact) -> None:
        """Tell of it if it is one to be told."""
        if type(fact) in _TOLD:  # one look-up for each fact: this is the way of every message
            if isinstance(fact, HarvestStopped):
                self._harvest(fact)
            elif isinstance(fact, ResourcesLow):
                self._resources(fact)
            elif isinstance(fact, ProcessDied):
                self._died(fact)

    def _harvest(self, fact: HarvestStopped) -> None:
        done = "its connection was ended" if fact.dropped else "its recipients are refused"
        self._tell(
            Alarmed(
                name=HARVEST,
                severity=AlarmSeverity.WARNING.value,
                alarm_class=AlarmClass.HARVEST.value,
                text=f"too many recipients that do not exist, from {fact.client_ip}: {done}",
                key=HARVEST,
            )
        )

    def _resources(self, fact: ResourcesLow) -> None:
        self._tell(
            Alarmed(
                name=RESOURCES,
                severity=AlarmSeverity.CRITICAL.value,
                text=f"low on {fact.resource}: {fact.detail[:_LONGEST_DETAIL]}",
                key=f"{RESOURCES}/{fact.resource}",
            )
        )

    def _died(self, fact: ProcessDied) -> None:
        how = f"status {fact.status}" if fact.status >= 0 else f"signal {-fact.status}"
        self._tell(
            Alarmed(
                name=PROCESS,
                severity=AlarmSeverity.WARNING.value,
                text=f"the process {fact.role} ended by itself ({how}) and is started again",
                key=f"{PROCESS}/{fact.role}",
            )
        )

    def _tell(self, alarm: Alarmed) -> None:
        now = self._clock.monotonic()
        last = self._told.get(alarm.key)
        if last is None or now - last >= QUIET_SECONDS:
            self._told[alarm.key] = now
            self._send(alarm)
