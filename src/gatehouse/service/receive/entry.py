# SPDX-License-Identifier: Apache-2.0
"""From "safe" to "queued": enters what was taken on, at once in the quiet, else many at a time.

A message that was answered 250 is safe in its segment (`store.interface`, `take_on`). Its rows cost
less the more of them are written together, and the receivers and the deliverer have one database
between them: so under load each receiver enters what it has a few times a second. The deliverer
hears of new mail only after that, and after the facts that led to it.
"""

import asyncio
from collections.abc import Callable, Sequence

from gatehouse.journal import facts
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.store.errors import StoreError
from gatehouse.store.values import Failed

# The least time between two entries: what a message waits for its delivery under load. With 1,000
# messages a second in each of two receivers the rows then cost a fifth of what they cost alone.
ENTER_SECONDS = 0.05
# After an entry that failed; until one succeeds nothing more is taken on.
AGAIN_SECONDS = 1.0


class Entry:
    """One per receiver."""

    def __init__(
        self,
        enter: Callable[[], Sequence[Failed]],
        writer: GroupWriter,
        record: Callable[[facts.Fact], None],
        wall: Callable[[], float],
        wake: Callable[[], None],
        flush: Callable[[], None],
    ) -> None:
        self._enter = enter
        self._writer = writer
        self._record = record
        self._wall = wall
        self._wake = wake
        self._flush = flush
        self._loop = asyncio.get_running_loop()
        self._due = False  # an entry is planned or runs
        self._more = False  # something was taken on since it began
        self._running = False
        self._earliest = 0.0

    def due(self) -> None:
        """Something was taken on."""
        if self._running:
            self._more = True
        elif not self._due:
            self._due = True
            self._loop.call_at(self._earliest, self._begin)

    def _begin(self) -> None:
        self._flush()
        self._running, self._more = True, False
        self._writer.between(self._work, self._ended)

    def _work(self) -> None:
        for failed in self._enter():
            self._loop.call_soon_threadsafe(self._refused, failed)

    def _refused(self, failed: Failed) -> None:
        self._record(
            facts.InternalFault(at=self._wall(), where="entry", what=str(failed.error)[:500])
        )

    def _ended(self, error: StoreError | None) -> None:
        self._due = self._running = False
        self._earliest = self._loop.time() + ENTER_SECONDS
        if error is None:
            self._wake()
            if self._more:
                self.due()
        else:
            self._record(facts.ResourcesLow(at=self._wall(), resource="queue", detail=str(error)))
            self._earliest = self._loop.time() + AGAIN_SECONDS
            self.due()

    def finish(self) -> None:
        """Enter what is left, at the end of the process; a later one does what fails here."""
        try:
            self._work()
        except StoreError as error:
            self._record(facts.ResourcesLow(at=self._wall(), resource="queue", detail=str(error)))
        self._wake()
