# SPDX-License-Identifier: Apache-2.0
"""Raises alarms: each one a fact, kept in the store for whoever asks later, and mailed.

Equal alarms are held back by `policy.alarms`; how far a series has come outlives a restart, so that
a gateway that is started again and again does not repeat itself. The journal comes first: a store
that fails costs the memory of an alarm, never the alarm. What was told and is not yet queued as
mail is part of that memory, so that neither a full disk nor a crash loses it; after a crash at the
wrong moment it may come twice.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import msgspec

from gatehouse.journal.facts import AlarmRaised, Fact
from gatehouse.policy.alarms import Alarm, Pacing, Series, decide, subject
from gatehouse.service.base.clock import Clock
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store

KEPT = 500  # alarms that are remembered; the event log has all
MOST_KEYS = 2000  # series that are remembered; the oldest are forgotten first
MOST_UNSENT = 200  # alarms that wait to be queued as mail; the oldest are given up
LONGEST_TEXT = 1000
MAIL_SECONDS = 15.0  # how often what could not be queued is tried again
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
    id: str = ""  # tells it from every other; part of its Message-ID
    stuck: str = ""  # as `policy.alarms.Alarm`
    mailed: bool = True


# Queues an alarm as mail for everybody who wants it; False: that cannot be done now.
Post = Callable[[KeptAlarm], Awaitable[bool]]


class _Series(msgspec.Struct, frozen=True):
    began: float
    told: float
    seen: float
    suppressed: int


class _Kept(msgspec.Struct):
    alarms: list[KeptAlarm] = []
    series: dict[str, _Series] = {}
    unsent: list[KeptAlarm] = []


class AlarmDesk:
    """Takes alarms of one process. `hostname` and `pacing` are asked anew for each one."""

    def __init__(
        self,
        store: Store,
        record: Callable[[Fact], None],
        clock: Clock,
        hostname: Callable[[], str],
        pacing: Callable[[], Pacing] = Pacing,
        post: Post | None = None,
    ) -> None:
        self._store = store
        self._record = record
        self._clock = clock
        self._hostname = hostname
        self._pacing = pacing
        self._post = post
        self._kept: _Kept | None = None
        self._turn = asyncio.Lock()

    async def tell(self, alarm: Alarm) -> bool:
        """Tell an alarm unless its series holds it back; whether it was told."""
        async with self._turn:
            now = self._clock.wall()
            kept = await self._memory()
            known = kept.series.pop(alarm.key, None)
            decision = decide(None if known is None else _series(known), now, self._pacing())
            kept.series[alarm.key] = _Series(**asdict(decision.series))
            while len(kept.series) > MOST_KEYS:
                del kept.series[next(iter(kept.series))]
            if decision.tell:
                self._tell(kept, alarm, now, decision.suppressed)
            await self._remember(kept, now)
            if decision.tell:
                await self._send(kept)
            return decision.tell

    async def send_waiting(self) -> None:
        """Queue as mail what could not be queued before."""
        async with self._turn:
            await self._send(await self._memory())

    async def _send(self, kept: _Kept) -> None:
        """Queue the mail of what was told; what that fails for stays, and comes again."""
        if self._post is None or not kept.unsent:
            return
        left: list[KeptAlarm] = []
        for alarm in kept.unsent:
            try:
                sent = await self._post(alarm)
            except StoreError:
                sent = False
            if not sent:
                left.append(alarm)
        if len(left) < len(kept.unsent):
            kept.unsent[:] = left
            await self._remember(kept, self._clock.wall())

    async def _remember(self, kept: _Kept, now: float) -> None:
        # The loop must not wait for the disk.
        await asyncio.to_thread(self._store.secrets.put, _PLACE, msgspec.json.encode(kept), now)

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
            id=secrets.token_hex(8),
            stuck=alarm.stuck,
            mailed=alarm.mailed,
        )
        self._record(_fact(told))
        kept.alarms.append(told)
        del kept.alarms[:-KEPT]
        if self._post is not None:
            kept.unsent.append(told)
            del kept.unsent[:-MOST_UNSENT]

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


def _fact(told: KeptAlarm) -> AlarmRaised:
    return AlarmRaised(
        at=told.at,
        name=told.name,
        alarm_class=told.alarm_class,
        severity=told.severity,
        subject=told.subject,
        text=told.text,
        key=told.key,
        suppressed=told.suppressed,
    )


def _series(kept: _Series) -> Series:
    return Series(kept.began, kept.told, kept.seen, kept.suppressed)
