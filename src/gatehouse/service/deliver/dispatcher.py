# SPDX-License-Identifier: Apache-2.0
"""Who is served next: reads what is due, fills the ready lists, starts couriers.

A destination gets as many couriers as it has work for, up to its own limit, and all together up to
the process's. One that is dead or slow keeps only its own couriers busy: the others do not notice.
The number of pairs in memory is bounded; the rest stays where it is safe, in the store.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from gatehouse.policy.destinations import DestinationTable
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.deliver.ready import Destination, ReadyLists
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Queue
from gatehouse.store.values import Cursor, DueRecipient

# Pairs kept in memory. At some 300 bytes each this is 6 MB; above it the store is asked again when
# half of it is gone.
MAX_READY = 20_000
PAGE = 1_000
# Retries are looked for this often; a retry that is due now may wait that long.
RETRY_LOOK_SECONDS = 1.0
# A pass over all retries begins again this often: one that an operator moved forward may lie behind
# the cursor.
RETRY_PASS_SECONDS = 5.0
# A courier with an open connection gets this many messages before a second connection pays off.
WORTH_A_CONNECTION = 4


class Dispatcher:
    """Starts `courier(destination)` where there is work."""

    def __init__(
        self,
        queue: Queue,
        wall: Callable[[], float],
        tasks: TaskSupervisor,
        courier: Callable[[Destination], Coroutine[Any, Any, None]],
        blocked: Callable[[], bool],
    ) -> None:
        self.lists = ReadyLists()
        self.table: DestinationTable | None = None
        self.max_couriers = 200
        self.suspended = False
        self._queue = queue
        self._wall = wall
        self._tasks = tasks
        self._courier = courier
        self._blocked = blocked  # marks are owed to the store: nothing new may begin
        self._couriers = 0
        self._cursor = Cursor()
        self._woken = asyncio.Event()
        self._pass_started = 0.0
        self.tell_suspended: Callable[[str], None] = lambda _: None
        self._held_back: frozenset[str] = frozenset()
        self._told: set[str] = set()  # suspended destinations that were found to have mail
        self._dropped = False  # a courier ended by a fault: what it had in hand is nobody's

    def wake(self, *, look_again: bool = False) -> None:
        """There may be something new; `look_again`: also among what was looked at before."""
        if look_again:
            self._pass_started = 0.0
        self._woken.set()

    def hold_back(self, domains: frozenset[str]) -> None:
        """Begin nothing for these destinations, "" being all of them, until this is said anew.

        What is in flight ends. What is ready stays in the store; what may go again is read again
        from the start, since readers of new mail have passed it. "" leaves alerts alone: somebody
        has to hear of it when the disk fills up with what waits.
        """
        before, self._held_back = self._held_back, domains
        if before - domains:
            self._told.clear()
            self._cursor = Cursor()
        for destination in list(self.lists.destinations.values()):
            self._put_back(destination)
        self._woken.set()

    def _put_back(self, destination: Destination) -> None:
        """What is ready and must wait now goes back."""
        held, ready = self._held_back, destination.ready
        if not held or ("" not in held and destination.domain not in held):
            return
        going: Collection[int] = ()
        if ready and destination.domain not in held:
            try:
                going = self._queue.alerts_among(ready)
            except StoreError:
                self._dropped = True  # so that they are read again
        if len(going) < len(ready):
            self._tell(destination.domain)
        self.lists.put_back(destination, going)
        self.lists.forget_if_empty(destination)

    def _going(self, due: tuple[DueRecipient, ...]) -> list[DueRecipient]:
        """What may be tried while something is suspended; raises StoreError."""
        held = self._held_back
        everything = "" in held
        alerts = self._queue.alerts_among({one.mid for one in due}) if everything else frozenset()
        going = []
        for one in due:
            if one.domain in held or (everything and one.mid not in alerts):
                self._tell(one.domain)
            else:
                going.append(one)
        return going

    def _tell(self, domain: str) -> None:
        """Once for each suspension, as far as the memory goes."""
        if domain not in self._told and len(self._told) < MAX_READY:
            self._told.add(domain)
            self.tell_suspended(domain)

    def finish(self) -> None:
        """Let couriers that wait for work go; nothing new is started."""
        self.suspended = True
        for destination in self.lists.destinations.values():
            destination.ready.clear()
            destination.dismiss()

    async def run(self) -> None:
        """Look, start, wait; for ever."""
        while True:
            self._woken.clear()
            more = False
            if not self.suspended and not self._blocked():
                try:
                    more = self._fill()
                except StoreError:
                    more = False  # the store says why; nothing is lost by asking again
            if more:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(RETRY_LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass

    def _fill(self) -> bool:
        """One page of due recipients into the ready lists; True when there is more to read."""
        if len(self.lists) > MAX_READY:
            return False
        now = self._wall()
        if now - self._pass_started >= RETRY_PASS_SECONDS:
            self._pass_started = now
            self._cursor = Cursor() if self._dropped else self._cursor.retries_again()
            self._dropped = False
        page = self._queue.due(now, PAGE, self._cursor)
        due = self._going(page.recipients) if self._held_back else page.recipients
        self._cursor = page.cursor
        for destination in self.lists.add(due):
            self.serve(destination)
        return page.more and len(self.lists) <= MAX_READY

    def serve(self, destination: Destination) -> None:
        """Give a destination's work to idle couriers, then start more as far as the limits go."""
        if self.suspended or self.table is None or destination.paused or self._blocked():
            return
        if self._held_back:
            self._put_back(destination)
        destination.wake()
        limit = self.table.lookup(destination.domain).max_connections
        while (
            destination.couriers < limit
            and self._couriers < self.max_couriers
            and destination.couriers * WORTH_A_CONNECTION < len(destination.ready)
        ):
            destination.couriers += 1
            self._couriers += 1
            self._tasks.start(self._carry(destination), f"courier {destination.domain}")

    def pause(self, destination: Destination, seconds: float) -> None:
        """The limits of a destination are reached: what waits for it goes on later."""
        destination.paused = True
        asyncio.get_running_loop().call_later(seconds, self._resume, destination)

    def _resume(self, destination: Destination) -> None:
        destination.paused = False
        if destination.ready:
            self.serve(destination)

    async def _carry(self, destination: Destination) -> None:
        try:
            await self._courier(destination)
        except Exception:
            # New mail is read once; without a second look it would wait for the next restart.
            self._dropped = True
            raise
        finally:
            destination.couriers -= 1
            self._couriers -= 1
            if destination.ready:
                self.serve(destination)
            self.lists.forget_if_empty(destination)
            if self._couriers == self.max_couriers - 1:
                self._serve_waiting()

    def _serve_waiting(self) -> None:
        """A place has become free: others may have waited for it."""
        for destination in list(self.lists.destinations.values()):
            if self._couriers >= self.max_couriers:
                return
            if destination.ready:
                self.serve(destination)

    @property
    def couriers(self) -> int:
        """Connections that are open or being opened."""
        return self._couriers
