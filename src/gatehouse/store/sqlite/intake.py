# SPDX-License-Identifier: Apache-2.0
"""Taking messages on with one flush, and entering them in the queue later, many at a time.

A message is safe when its body and its envelope lie in a group of a shared segment and that is
flushed (`store.group_record`); the 250 waits for nothing else. The rows follow in a transaction of
their own, which also says up to which place the segment has been entered. So what is behind that
place after a crash was never entered, and what is before it was, whatever became of it since: no
message is lost, and none comes back that has been delivered.

Only the owner of a segment may enter from it. While its process lives that is the writer; after
its death, whoever gets the segment's flock. A segment with no owner and nothing left to enter
never changes again; it is remembered as complete, and only such a one may be removed.
"""

import threading
from collections.abc import Callable, Sequence

from gatehouse.store import group_record
from gatehouse.store.errors import StoreCorrupt, StoreError, StoreRefused
from gatehouse.store.interface import BodyWriter
from gatehouse.store.spool import Spool, is_shared, read_at
from gatehouse.store.sqlite.queue import SqliteQueue
from gatehouse.store.values import Added, AddMessage, BodyRef, Failed, NewMessage, Operation, Result

# Messages that are safe and not entered yet. Each holds about 2 KiB of memory, and what is above
# this is refused: 50 ms of mail are a hundred.
MAX_UNENTERED = 4096

Commit = Callable[[BodyWriter, Sequence[Operation], StoreError | None], tuple[Result, ...]]


class Intake:
    """What this process has taken on and not entered yet; and what dead ones have left."""

    def __init__(self, queue: SqliteQueue, spool: Spool, commit: Commit) -> None:
        self._queue = queue
        self._spool = spool
        self._commit = commit
        self._lock = threading.Lock()
        self._unentered: list[AddMessage] = []
        self._ends: dict[int, int] = {}  # up to where each segment will have been entered
        self._trouble = False
        self._complete: set[int] = set()

    @property
    def unentered(self) -> int:
        """How many messages are safe and not in the queue."""
        return len(self._unentered)

    def take_on(self, writer: BodyWriter, batch: Sequence[AddMessage]) -> tuple[Result, ...]:
        """See `interface.Store.take_on`."""
        with self._lock:
            if self._trouble or len(self._unentered) >= MAX_UNENTERED:
                try:
                    self._enter(writer)
                except StoreError as error:
                    return (Failed(error),) * len(batch)
            return self._take_on(writer, batch)

    def _take_on(self, writer: BodyWriter, batch: Sequence[AddMessage]) -> tuple[Result, ...]:
        groups: dict[int, list[NewMessage]] = {}
        for operation in batch:
            message = operation.message
            if not message.envelope.recipients:
                raise StoreRefused(f"Message {message.mid} has no recipient")
            if is_shared(message.body.segment):
                groups.setdefault(message.body.segment, []).append(message)
        ends, failures = writer.seal(
            {segment: group_record.encode(messages) for segment, messages in groups.items()}
        )
        self._ends.update(ends)
        taken = [op for op in batch if op.message.body.segment in ends]
        self._unentered += taken
        if len(taken) == len(batch):
            return tuple([Added(op.message.mid, 0) for op in batch])
        return self._with_the_rest(writer, batch, ends, failures[0] if failures else None)

    def _with_the_rest(
        self,
        writer: BodyWriter,
        batch: Sequence[AddMessage],
        ends: dict[int, int],
        failure: StoreError | None,
    ) -> tuple[Result, ...]:
        """Those with a file of their own, or in a segment that failed, go the longer way."""
        rest = [op for op in batch if op.message.body.segment not in ends]
        try:
            committed = iter(self._commit(writer, rest, failure))
        except StoreError as error:
            committed = iter([Failed(error)] * len(rest))
        return tuple(
            Added(op.message.mid, 0) if op.message.body.segment in ends else next(committed)
            for op in batch
        )

    def enter(self, writer: BodyWriter) -> tuple[Failed, ...]:
        """See `interface.Store.enter`."""
        with self._lock:
            return self._enter(writer)

    def _enter(self, writer: BodyWriter) -> tuple[Failed, ...]:
        if not self._unentered:
            self._trouble = False
            return ()
        try:
            results = self._queue.enter(self._unentered, self._ends)
        except StoreError:
            self._trouble = True
            raise
        self._trouble = False
        entered, self._unentered, self._ends = self._unentered, [], {}
        for operation in entered:
            writer.settle(operation.message.body)
        return tuple(result for result in results if isinstance(result, Failed))

    # --- what dead processes left ---

    def recover(self) -> int:
        """See `interface.Store.recover`."""
        found = 0
        fault: StoreError | None = None
        for segment in self._spool.segments():
            # An empty file may be just being made: to lock it would take it from its maker.
            if segment in self._complete or not is_shared(segment) or not self._spool.size(segment):
                continue
            with self._spool.owning(segment) as fd:
                try:
                    found += 0 if fd is None else self._complete_one(segment, fd)
                except StoreCorrupt as error:  # one bad segment does not keep the others back
                    fault = error
        if fault is not None:
            raise fault
        return found

    def claim(self, segment: int, fd: int) -> bool:
        """Enter what an ownerless segment holds; we hold its lock. False: it must stay."""
        if is_shared(segment) and segment not in self._complete:
            try:
                self._complete_one(segment, fd)
            except StoreCorrupt:
                return False
        return True

    def forget(self, segments: Sequence[int]) -> None:
        """These segments are removed for good."""
        self._complete.difference_update(segments)
        self._queue.forget_entered([segment for segment in segments if is_shared(segment)])

    def _complete_one(self, segment: int, fd: int) -> int:
        left = group_record.read(
            segment,
            self._queue.entered(segment),
            lambda count, offset: read_at(fd, count, offset),
            self._is_whole,
        )
        if left.messages:
            batch = [AddMessage(message) for message in left.messages]
            self._queue.enter(batch, {segment: left.end})
        self._complete.add(segment)
        return len(left.messages)

    def _is_whole(self, ref: BodyRef) -> bool:
        try:
            self._spool.read_small(ref)
        except StoreCorrupt:
            return False
        return True
