# SPDX-License-Identifier: Apache-2.0
"""Counts what TLS reports will tell, and writes the counts to the store every few seconds.

A process that is killed loses the counts of these seconds, which a report can bear (RFC 8460 §4.1:
the data need not be complete); one transaction for all of them keeps it off the way of the mail.
"""

import asyncio
from collections.abc import Callable

from gatehouse.journal.facts import Fact, TlsPolicyResult
from gatehouse.journal.tls_report import Key, Tally
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import TlsReports
from gatehouse.store.tls_values import TlsCount

WRITE_SECONDS = 5.0
MOST_WAITING = 20_000  # results that the store has refused so far, some 500 octets each


class TlsTally:
    """Reads the facts of one process; give `count` to the recorder.

    `counting` may change at any time: where no reports are sent there is nothing to count.
    """

    def __init__(self, store: TlsReports, report: Callable[[str, BaseException], None]) -> None:
        self._store = store
        self._report = report
        self._tally = Tally()
        self._waiting: dict[Key, int] = {}
        self._failing = False
        self._turn = asyncio.Lock()
        self.counting = True

    def count(self, fact: Fact) -> None:
        """Take a fact into account; all but one kind are passed over."""
        if type(fact) is TlsPolicyResult and self.counting:
            self._tally.add(fact)

    async def run(self) -> None:
        """Write the counts now and then; never ends by itself."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted since the last time; what the store refuses waits for the next."""
        async with self._turn:
            # Taken here, not in the thread: counting goes on meanwhile.
            for key, sessions in self._tally.take().items():
                self._waiting[key] = self._waiting.get(key, 0) + sessions
            if not self._waiting:
                return
            counts = [TlsCount(*key, sessions) for key, sessions in self._waiting.items()]
            try:
                await asyncio.to_thread(self._store.add, counts)
            except StoreError as error:
                if not self._failing:  # once, not each time: the disk is full for a while
                    self._report("counts for TLS reports", error)
                self._failing = True
                self._shed()
                return
            self._failing = False
            self._waiting.clear()

    def _shed(self) -> None:
        """A store that refuses for hours must not fill the memory: the newest are given up."""
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem()
