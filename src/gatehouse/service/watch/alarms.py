# SPDX-License-Identifier: Apache-2.0
"""Raises alarms: each one a fact, and kept in the store for whoever asks later.

Equal alarms are held back by `policy.alarms`; how far a series has come outlives a restart, so that
a gateway that is started again and again does not repeat itself. The journal comes first: a store
that fails costs the memory of an alarm, never the alarm.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

import msgspec

from gatehouse.journal.facts import AlarmRaised, Fact
from gatehouse.policy.alarms import Alarm, Pacing, Series, decide, subject
from gatehouse.service.base.clock import Clock
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store

KEPT = 500  # alarms that are remembered; the event log has all
MOST_KEYS = 2000  # series that are remembered; the oldest are forgotten first
LONGEST_TEXT = 1000
_PLACE = "watch/alarms"


class KeptAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that was told."""

    at: float
    name: str
    alarm_class: str
    severity: str
    subject: str
    text: str
    key: str
    suppressed: int


class _Series(msgspec.Struct, frozen=True):
    began: float
    told: float
    seen: float
    suppressed: int


class _Kept(msgspec.Struct):
    alarms: list[KeptAlarm] = []
    series: dict[str, _Series] = {}


class AlarmDesk:
    """Takes alarms of one process. `hostname` is asked anew for each one."""

    def __init__(
        self,
        store: Store,
        record: Callable[[Fact], None],
        clock: Clock,
        hostname: Callable[[], str],
        pacing: Pacing | None = None,
    ) -> None:
        self._store = store
        self._record = record
        self._clock = clock
        self._hostname = hostname
        self._pacing = pacing or Pacing()
        self._kept: _Kept | None = None
        self._turn = asyncio.Lock()

    async def tell(self, alarm: Alarm) -> bool:
        """Tell an alarm unless its series holds it back; whether it was told."""
        async with self._turn:
            now = self._clock.wall()
            kept = await self._memory()
            known = kept.series.pop(alarm.key, None)
            decision = decide(None if known is None else _series(known), now, self._pacing)
            kept.series[alarm.key] = _Series(**asdict(decision.series))
            while len(kept.series) > MOST_KEYS:
                del kept.series[next(iter(kept.series))]
            if decision.tell:
                self._tell(kept, alarm, now, decision.suppressed)
            # The loop must not wait for the disk.
            await asyncio.to_thread(self._store.secrets.put, _PLACE, msgspec.json.encode(kept), now)
            return decision.tell

    def _tell(self, kept: _Kept, alarm: Alarm, now: float, suppressed: int) -> None:
        text = alarm.text[:LONGEST_TEXT]
        told = KeptAlarm(
            at=now,
            name=alarm.name,
            alarm_class=alarm.alarm_class,
            severity=alarm.severity.value,
            subject=subject(alarm, self._hostname())[:LONGEST_TEXT],
            text=text,
            key=alarm.key,
            suppressed=suppressed,
        )
        self._record(AlarmRaised(**msgspec.structs.asdict(told)))
        kept.alarms.append(told)
        del kept.alarms[:-KEPT]

    async def _memory(self) -> _Kept:
        if self._kept is None:
            try:
                self._kept = await asyncio.to_thread(_read, self._store)
            except StoreError:
                return _Kept()  # asked again with the next alarm
        return self._kept


def recent(store: Store, limit: int) -> tuple[KeptAlarm, ...]:
    """Alarms that were told, the newest first; raises StoreError."""
    return tuple(reversed(_read(store).alarms[-limit:])) if limit > 0 else ()


def _read(store: Store) -> _Kept:
    content = store.secrets.get(_PLACE)
    return _Kept() if content is None else msgspec.json.decode(content, type=_Kept)


def _series(kept: _Series) -> Series:
    return Series(kept.began, kept.told, kept.seen, kept.suppressed)
