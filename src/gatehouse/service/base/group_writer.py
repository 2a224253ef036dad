# SPDX-License-Identifier: Apache-2.0
"""Group commit: everything that waits shares one fsync, and is answered after it.

One writer per process. What is submitted while a commit runs waits for the next one, so the group
grows by itself when the disk is slow and is one message when nobody else is there. `done` is called
on the event loop with the operation's own result, or with the error of the whole commit: a commit
that failed is never tried again into a success (hostile-input §2.3).

The commit runs in a thread of its own, because a disk may take seconds and other connections must
not notice; the thread does nothing but this, so there is one transaction of this process at a time.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from gatehouse.store.errors import StoreError
from gatehouse.store.values import Failed, Operation, Result

Done = Callable[[Result | StoreError], None]
Commit = Callable[[Sequence[Operation]], Sequence[Result]]

# So many operations are one transaction at most: it bounds the time that other processes wait for
# their turn to write, and what is lost at once when the disk says no.
MAX_GROUP = 512


class GroupWriter:
    """Collects operations on the event loop and commits them together."""

    def __init__(self, commit: Commit, report: Callable[[str, BaseException], None]) -> None:
        self._commit = commit
        self._report = report
        self._waiting: list[tuple[Operation, Done]] = []
        self._loop = asyncio.get_running_loop()
        self._running = False
        self._scheduled = False
        self._idle: asyncio.Future[None] | None = None
        self._work: SimpleQueue[None] = SimpleQueue()
        self._group: list[tuple[Operation, Done]] | None = None
        self._thread = threading.Thread(target=self._serve, name="group-writer", daemon=True)
        self._thread.start()
        self.commits = 0
        self.operations = 0

    def submit(self, operation: Operation, done: Done) -> None:
        """Commit `operation` with whatever else waits, then call `done` on the loop."""
        self._waiting.append((operation, done))
        if not self._running and not self._scheduled:
            # Not at once: what else arrives in this round of the loop belongs to the same group.
            self._scheduled = True
            self._loop.call_soon(self._begin)

    async def write(self, operation: Operation) -> Result:
        """Commit and wait; raises StoreError when the commit failed."""
        future: asyncio.Future[Result | StoreError] = self._loop.create_future()

        def done(result: Result | StoreError) -> None:
            if not future.done():
                future.set_result(result)

        self.submit(operation, done)
        result = await future
        if isinstance(result, StoreError):
            raise result
        if isinstance(result, Failed):
            raise result.error
        return result

    def _begin(self) -> None:
        self._scheduled = False
        if self._running or not self._waiting:
            return
        self._running = True
        self._group = self._waiting[:MAX_GROUP]
        del self._waiting[:MAX_GROUP]
        self._work.put(None)

    def _serve(self) -> None:
        while True:
            self._work.get()
            group = self._group
            if group is None:
                return
            answers: Sequence[Result | StoreError]
            try:
                answers = self._commit([operation for operation, _ in group])
            except StoreError as error:
                answers = [error] * len(group)
            except Exception as error:  # never leave clients without an answer
                self._loop.call_soon_threadsafe(self._report, "group writer", error)
                answers = [StoreError(str(error))] * len(group)
            self._loop.call_soon_threadsafe(self._finish, group, answers)

    def _finish(
        self, group: list[tuple[Operation, Done]], answers: Sequence[Result | StoreError]
    ) -> None:
        self.commits += 1
        self.operations += len(group)
        self._running = False
        self._begin()  # the next group is on its way while this one's clients are answered
        for (_, done), answer in zip(group, answers, strict=True):
            try:
                done(answer)
            except Exception as error:  # one client's answer never costs another's
                self._report("group writer", error)
        if not self._running and self._idle is not None:
            idle, self._idle = self._idle, None
            idle.set_result(None)

    async def drain(self) -> None:
        """Wait until nothing is waiting or running."""
        while self._running or self._waiting:
            if self._idle is None:
                self._idle = self._loop.create_future()
            await asyncio.shield(self._idle)

    def close(self) -> None:
        """End the thread; call after `drain`."""
        self._group = None
        self._work.put(None)
        self._thread.join(timeout=5)
