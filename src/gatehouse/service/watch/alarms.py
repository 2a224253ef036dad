# SPDX-License-Identifier: Apache-2.0
"""Raises alarms: each one a fact, kept in the store for whoever asks later, and mailed.

Equal alarms are held back by `policy.alarms`; how far a series has come outlives a restart, so that
a gateway that is started again and again does not repeat itself. The journal comes first: a store
that fails costs the memory of an alarm, never the alarm. What was told and is not yet queued as
mail is part of that memory, so that neither a full disk nor a crash loses it; after a crash at the
wrong moment it may come twice.

Alarms come from other processes, as many as destinations fail. So an alarm is decided on without
waiting; all that come while one write is under way share the next; and what is only counted is
written every few seconds.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import msgspec

from gatehouse.journal.facts import AlarmRaised, AlertWithheld, Fact
from gatehouse.policy.alarms import Alarm, AlarmSeverity, Pacing, Series, decide, subject
from gatehouse.service.base.clock import Clock
from gatehouse.store.errors import StoreCorrupt, StoreError
from gatehouse.store.interface import Store

KEPT = 500  # alarms that are remembered; the event log has all
MOST_KEYS = 2000  # series that are remembered; the oldest are forgotten first
MOST_UNSENT = 200  # alarms that wait to be queued as mail; then the least urgent are given up
LONGEST_TEXT = 1000
LONGEST_KEY = 500
MAIL_SECONDS = 15.0  # how often what waits is tried again: mail to be queued, counts to be kept
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
        self._kept = _Kept()
        self._recalled = False  # what an earlier process has kept is part of it
        self._changes = 0  # of the memory, since this process began
        self._written = 0  # as many of them are in the store
        self._written_at = float("-inf")  # monotonic
        self._refused = False  # mail could not be queued the last time
        self._memory = asyncio.Lock()  # reading and writing it
        self._mail = asyncio.Lock()  # queueing: the oldest first, and each once

    async def tell(self, alarm: Alarm) -> bool:
        """Tell an alarm unless its series holds it back; whether it was told.

        What the store refuses now is done later: `send_waiting`.
        """
        with contextlib.suppress(StoreError):  # nothing is known of earlier ones: it is told
            await self._recall()
        if not self._decide(alarm):
            if self._clock.monotonic() - self._written_at >= MAIL_SECONDS:
                await self._try_to_remember()
            return False
        await self._try_to_remember()
        if not self._refused:
            await self._send()
        return True

    async def send_waiting(self) -> None:
        """Keep and queue as mail what could not be kept or queued before; raises StoreError."""
        await self._recall()
        await self._send()
        await self._remember()

    async def close(self) -> None:
        """The process ends: what has been asked for until now is told, and kept where that goes."""
        await asyncio.sleep(0)  # who has just begun to tell gets his turn
        with contextlib.suppress(StoreError):  # it stands in the event log
            await self._recall()
            await self._remember()

    def _decide(self, alarm: Alarm) -> bool:
        """Tell it or count it; nothing here waits, so that alarms are decided on one by one."""
        kept, now = self._kept, self._clock.wall()
        key = alarm.key[:LONGEST_KEY]
        known = kept.series.pop(key, None)
        decision = decide(None if known is None else _series(known), now, self._pacing())
        kept.series[key] = _Series(**asdict(decision.series))
        while len(kept.series) > MOST_KEYS:
            del kept.series[next(iter(kept.series))]
        self._changes += 1
        if decision.tell:
            self._tell(alarm, now, decision.suppressed)
        return decision.tell

    # --- mail -----------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Queue the mail of what was told, the oldest first; what the store refuses waits."""
        if self._post is None:
            return
        async with self._mail:
            queued = 0
            while waiting := self._kept.unsent[:1]:
                try:
                    sent = await self._post(waiting[0])
                except StoreError:
                    sent = False
                except Exception:
                    self._done(waiting[0])  # it must not be in the way of all others for ever
                    raise
                self._refused = not sent
                if not sent:
                    break
                self._done(waiting[0])
                queued += 1
        if queued:
            await self._try_to_remember()

    def _done(self, alarm: KeptAlarm) -> None:
        self._kept.unsent[:] = [one for one in self._kept.unsent if one is not alarm]
        self._changes += 1

    def _make_room(self) -> None:
        """Give up what waits to be mailed for too long: the oldest that is not critical."""
        unsent = self._kept.unsent
        while len(unsent) > MOST_UNSENT:
            urgent = AlarmSeverity.CRITICAL.value
            place = next((n for n, one in enumerate(unsent) if one.severity != urgent), 0)
            self._record(
                AlertWithheld(
                    at=self._clock.wall(),
                    name=unsent.pop(place).name,
                    recipient="",
                    reason=f"{MOST_UNSENT} others wait to be queued",
                )
            )

    # --- memory ---------------------------------------------------------------------------------

    async def _recall(self) -> None:
        """Make what an earlier process has kept part of the memory, once; raises StoreError."""
        if not self._recalled:
            async with self._memory:
                await self._join()

    async def _join(self) -> None:
        if self._recalled:
            return  # who came first has done it
        # The loop must not wait for the disk.
        before = await asyncio.to_thread(_read_what_can_be, self._store)
        now, self._kept = self._kept, before
        before.alarms += now.alarms
        before.series |= now.series
        before.unsent += now.unsent
        self._make_room()
        self._recalled = True

    async def _remember(self) -> None:
        """Write the memory if it has changed; who comes meanwhile shares the next write.

        Raises StoreError. What was not read yet is not overwritten.
        """
        wanted = self._changes
        async with self._memory:
            if not self._recalled or self._written >= wanted:
                return
            upto, content = self._changes, msgspec.json.encode(self._kept)
            put, at = self._store.secrets.put, self._clock.wall()
            await asyncio.to_thread(put, _PLACE, content, at)
            self._written = upto
            self._written_at = self._clock.monotonic()

    async def _try_to_remember(self) -> None:
        with contextlib.suppress(StoreError):  # `send_waiting` tries again, and raises
            await self._remember()

    def _tell(self, alarm: Alarm, now: float, suppressed: int) -> None:
        severity, text = alarm.severity.value, alarm.text[:LONGEST_TEXT]
        told = KeptAlarm(
            at=now,
            name=alarm.name,
            alarm_class=alarm.alarm_class,
            severity=severity,
            subject=subject(severity, alarm.alarm_class, self._hostname(), text)[:LONGEST_TEXT],
            text=text,
            key=alarm.key[:LONGEST_KEY],
            suppressed=suppressed,
            id=secrets.token_hex(8),
            stuck=alarm.stuck,
            mailed=alarm.mailed,
        )
        self._record(_fact(told))
        self._kept.alarms.append(told)
        del self._kept.alarms[:-KEPT]
        if self._post is not None:
            self._kept.unsent.append(told)
            self._make_room()


def recent(store: Store, limit: int) -> tuple[KeptAlarm, ...]:
    """Alarms that were told, the newest first; raises StoreError."""
    return tuple(reversed(_read(store).alarms[-limit:])) if limit > 0 else ()


def _read(store: Store) -> _Kept:
    content = store.secrets.get(_PLACE)
    try:
        return _Kept() if content is None else msgspec.json.decode(content, type=_Kept)
    except msgspec.DecodeError as error:
        raise StoreCorrupt(f"The memory of alarms is damaged: {error}") from error


def _read_what_can_be(store: Store) -> _Kept:
    """What is kept; nothing where it is damaged, or no alarm could ever be kept again."""
    try:
        return _read(store)
    except StoreCorrupt:
        return _Kept()


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
