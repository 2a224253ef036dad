# SPDX-License-Identifier: Apache-2.0
"""Group commit: everything that waits shares one fsync, and is answered after it.

One writer per process. `done` is called on the event loop with the operation's own result, or with
the error of the whole commit: a commit that failed is never tried again into a success
(hostile-input §2.3).

How a group forms: an operation waits for others as long as the event loop has something to do
(`activity`) and there is anybody who could bring one (`sources`), but never longer than
`GATHER_SECONDS`. A process with nothing else to do commits at once, a lone client never waits for
nobody, and a busy process commits more at a time. Where it is committed: on
the event loop as long as the disk is fast, because handing the interpreter to a thread and back for
each step of SQLite costs more than the fsync (docs/adr/0004); in a thread as soon as a commit has
been slow, or the group holds a large body, because a disk that takes its time must not keep other
connections waiting.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gatehouse.store.errors import StoreError
from gatehouse.store.values import AddMessage, Failed, Operation, Result

Done = Callable[[Result | StoreError], None]
Ended = Callable[[StoreError | None], None]
Commit = Callable[[Sequence[Any]], Sequence[Result]]  # of `Operation`, or of some kinds of them

# So many operations are one transaction at most: it bounds the time that other processes wait for
# their turn to write, and what is lost at once when the disk says no.
MAX_GROUP = 512
# Gathering stops at this many: a larger group saves little more (docs/adr/0004).
FULL_GROUP = 16
# What a commit may be put off for while the loop is busy: a few round trips of the local network.
GATHER_SECONDS = 0.005
# A commit that took longer than this makes the next ones go to the thread, for a while.
SLOW_SECONDS = 0.05
SLOW_FOR_SECONDS = 5.0
# A body of this size takes the disk longer to flush than an event loop may stand still.
LARGE_BODY = 1024 * 1024


class GroupWriter:
    """Collects operations on the event loop and commits them together."""

    def __init__(
        self,
        commit: Commit,
        report: Callable[[str, BaseException], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._commit = commit
        self._report = report
        self._monotonic = monotonic
        self._waiting: list[tuple[Operation, Done]] = []
        self._chore: tuple[Callable[[], object], Ended] | None = None
        self._loop = asyncio.get_running_loop()
        self._running = False
        self._gathering = False
        self._gather_until = 0.0
        self._seen = 0
        self._slow_until = 0.0
        self._idle: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group-writer")
        self.sources: Callable[[], int] = lambda: 0  # who could bring an operation, waiting or not
        self.activity: Callable[[], int] = lambda: 0  # grows with everything that the loop handles
        self.commits = 0
        self.operations = 0

    def submit(self, operation: Operation, done: Done) -> None:
        """Commit `operation` with whatever else waits, then call `done` on the loop."""
        waiting = self._waiting
        waiting.append((operation, done))
        if not self._running and not self._gathering:
            self._gather()

    def between(self, work: Callable[[], object], ended: Ended) -> None:
        """Do other work of the store before the next group, where groups are committed.

        One at a time; `ended` is called on the loop with the error, if there was one.
        """
        assert self._chore is None
        self._chore = (work, ended)
        if not self._running and not self._gathering:
            self._begin()

    def _gather(self) -> None:
        self._gathering = True
        self._gather_until = self._monotonic() + GATHER_SECONDS
        self._seen = self.activity()
        self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Once in a round of the loop: has anything happened in it that may bring more?"""
        seen = self.activity()
        if (
            seen != self._seen
            and len(self._waiting) < min(self.sources(), FULL_GROUP)
            and self._monotonic() < self._gather_until
        ):
            self._seen = seen
            self._loop.call_soon(self._look)
        else:
            self._gathering = False
            self._begin()

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
        if self._chore is not None and not self._running:
            self._do_chore()
        if self._running or not self._waiting:
            return
        self._running = True
        group = self._waiting[:MAX_GROUP]
        del self._waiting[:MAX_GROUP]
        if self._monotonic() < self._slow_until or _is_heavy(group):
            work = self._loop.run_in_executor(self._thread, self._write, group)
            work.add_done_callback(lambda future: self._finish(group, future.result()))
        else:
            self._finish(group, self._write(group))

    def _do_chore(self) -> None:
        assert self._chore is not None
        (work, ended), self._chore = self._chore, None
        self._running = True
        if self._monotonic() < self._slow_until:
            future = self._loop.run_in_executor(self._thread, self._try, work)
            future.add_done_callback(lambda done: self._chore_done(ended, done.result()))
        else:
            self._chore_done(ended, self._try(work))

    def _try(self, work: Callable[[], object]) -> StoreError | None:
        started = self._monotonic()
        try:
            work()
        except StoreError as error:
            return error
        except Exception as error:
            self._loop.call_soon_threadsafe(self._report, "group writer", error)
            return StoreError(str(error))
        finally:
            self._judge(started)
        return None

    def _chore_done(self, ended: Ended, error: StoreError | None) -> None:
        self._running = False
        ended(error)
        self._go_on()

    def _write(self, group: list[tuple[Operation, Done]]) -> Sequence[Result | StoreError]:
        """One transaction; never raises: clients that wait always get an answer."""
        started = self._monotonic()
        try:
            return self._commit([operation for operation, _ in group])
        except StoreError as error:
            return [error] * len(group)
        except Exception as error:
            self._loop.call_soon_threadsafe(self._report, "group writer", error)
            return [StoreError(str(error))] * len(group)
        finally:
            self._judge(started)

    def _judge(self, started: float) -> None:
        ended = self._monotonic()
        if ended - started > SLOW_SECONDS:
            self._slow_until = ended + SLOW_FOR_SECONDS

    def _finish(
        self, group: list[tuple[Operation, Done]], answers: Sequence[Result | StoreError]
    ) -> None:
        self.commits += 1
        self.operations += len(group)
        self._running = False
        for (_, done), answer in zip(group, answers, strict=True):
            try:
                done(answer)
            except Exception as error:  # one client's answer never costs another's
                self._report("group writer", error)
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            if not self._gathering:
                self._gather()
        elif self._chore is not None:
            self._begin()
        elif self._idle is not None:
            idle, self._idle = self._idle, None
            idle.set_result(None)

    async def drain(self) -> None:
        """Wait until nothing is waiting or running."""
        while self._running or self._waiting or self._chore is not None:
            if self._idle is None:
                self._idle = self._loop.create_future()
            await asyncio.shield(self._idle)

    def close(self) -> None:
        """End the thread; call after `drain`."""
        self._thread.shutdown(wait=True)


def _is_heavy(group: list[tuple[Operation, Done]]) -> bool:
    for operation, _ in group:
        if type(operation) is AddMessage and operation.message.size > LARGE_BODY:
            return True
    return False
