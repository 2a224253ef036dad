# SPDX-License-Identifier: Apache-2.0
"""The gateway's own rounds: which certificates end, and whom to tell.

What is read anew at each turn (the running configuration, the store) may have changed since the
last one; nothing is kept here between turns.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gatehouse.config.running import Running
from gatehouse.service.base.clock import Clock
from gatehouse.service.trust import crl_store, expiry_watch, issuers
from gatehouse.service.trust.crl_fetch import fetch_source
from gatehouse.service.watch.alarms import AlarmDesk
from gatehouse.service.watch.schedule import Job
from gatehouse.store.interface import Store

# How often the sources are looked at; each has an interval of its own.
CRL_SECONDS = 60.0
# Thresholds are days apart, those of a certificate of hours are not: so more often than daily.
EXPIRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsTools:
    """What the rounds work with."""

    store: Store
    clock: Clock
    alarms: AlarmDesk
    running: Callable[[], Running | None]
    fetch: crl_store.Fetch = fetch_source


class Rounds:
    """Everything that the supervisor does by the clock."""

    def __init__(self, tools: RoundsTools) -> None:
        self._tools = tools

    def jobs(self) -> tuple[Job, ...]:
        """For the schedule."""
        return (
            Job("certificate expiry", EXPIRY_SECONDS, self.expiry),
            Job("revocation lists", CRL_SECONDS, self.revocation_lists),
        )

    async def expiry(self) -> None:
        """Tell which certificates end soon; each threshold once."""
        store, now = self._tools.store, self._tools.clock.wall()
        running = self._tools.running()
        used = frozenset[str]() if running is None else running.certificates
        watched = await asyncio.to_thread(expiry_watch.watched, store, used)
        due = await asyncio.to_thread(expiry_watch.look, store, watched, now)
        for one in due:
            await self._tools.alarms.tell(one.alarm)
        await asyncio.to_thread(expiry_watch.remember, store, due, watched, now)

    async def revocation_lists(self) -> None:
        """Fetch the lists whose turn it is; tell of those that cannot be had."""
        running = self._tools.running()
        if running is None:
            return
        store, settings = self._tools.store, running.crl
        now = self._tools.clock.wall()
        due = await asyncio.to_thread(crl_store.due, store, settings, now)
        known = await asyncio.to_thread(issuers.known, store) if due else ()
        for source in due:
            updated = await asyncio.to_thread(
                crl_store.update, store, source, settings, now, self._tools.fetch, known
            )
            if updated.alarm is not None:
                await self._tools.alarms.tell(updated.alarm)
        await asyncio.to_thread(crl_store.prune, store, settings)
