# SPDX-License-Identifier: Apache-2.0
"""The one writer of bodies in a process.

Small bodies wait in memory and go, whole, into a segment shared by many: one write and one
fdatasync for all that finished since the last sync. A body that outgrows `small_body`, or comes
when the memory budget is used up, streams into a segment of its own; nothing holds a whole large
message.

Rule: a body is durable iff it lies before its segment's `durable_end`. A failed write or flush
ends the segment for good and leaves that mark where it was, so no later success can make its
bodies good; what may have come to the disk behind the mark is cut off, so nobody enters it later.

What goes into a shared segment between two flushes is a group (`group_record`). The envelopes of
messages taken on stand at its end, so that one flush makes body and envelope safe.
"""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from gatehouse.store import body_record, group_record
from gatehouse.store.errors import StoreError, StoreRefused, StoreUnavailable
from gatehouse.store.interface import SegmentIds
from gatehouse.store.spool import Spool, is_shared, segment_path
from gatehouse.store.values import BodyRef

# docs/adr/0003: above this a file of its own costs less than holding the body in memory.
SMALL_BODY = 128 * 1024
# All small bodies of a process together, so that a thousand slow senders cannot fill the memory.
MEMORY_BUDGET = 8 * 1024 * 1024
# A shared segment is ended when it has grown to this; docs/adr/0003.
SEGMENT_SIZE = 64 * 1024 * 1024


class _Segment:
    """A file that this process fills and owns."""

    __slots__ = ("broken", "durable_end", "end", "fd", "full", "group", "id", "path", "unsettled")

    def __init__(self, segment: int, path: Path) -> None:
        self.id = segment
        self.path = path
        self.fd = -1  # not created yet
        self.end = 0  # where the next record goes
        self.durable_end = 0
        self.unsettled = 0  # bodies that the queue does not know yet
        self.group: list[bytes] | None = (
            None  # records of the open group; room for its head is left
        )
        self.full = False
        self.broken = False


class SpoolWriter:
    """Appends bodies; one thread may write them while another one syncs."""

    def __init__(
        self,
        spool: Spool,
        segment_ids: SegmentIds,
        *,
        small_body: int = SMALL_BODY,
        memory_budget: int = MEMORY_BUDGET,
        segment_size: int = SEGMENT_SIZE,
    ) -> None:
        self._directory = spool.directory
        self._files = spool.files
        self._next_id = segment_ids
        self._small_body = small_body
        self._budget = memory_budget
        self._segment_size = segment_size
        self._lock = threading.Lock()  # guards the next five; held for moments only
        self._in_memory = 0
        self._shared: _Segment | None = None
        self._segments: dict[int, _Segment] = {}
        self._waiting: list[_Segment] = []  # segments with an open group
        self._waiting_large: list[tuple[_Segment, int]] = []
        self._syncing = threading.Lock()

    def begin(self) -> "OpenBody":
        """A new, empty body."""
        return OpenBody(self)

    def sync(self) -> None:
        """Make every body finished so far durable, with one flush of the shared segment."""
        _, failures = self.seal({})
        if failures:
            raise failures[0]

    def seal(self, envelopes: Mapping[int, bytes]) -> tuple[dict[int, int], list[StoreError]]:
        """Make all bodies durable, and with them these envelopes, each in the segment it names.

        Returns where the group with the envelopes ends, for each segment where it is durable, and
        what went wrong in others. A segment that is not ours (any more) is left out.
        """
        with self._syncing:
            with self._lock:
                groups, octets = self._close_groups(envelopes)
                large, self._waiting_large = self._waiting_large, []
            failures: list[StoreError] = []
            if not (groups or large):
                return {}, failures
            written: list[tuple[_Segment, int]] = []
            for segment, records in groups:
                self._write_group(segment, records, written, failures)
            self.give_back(octets)
            self._flush(written + large, failures)
            ends = {
                segment.id: segment.durable_end
                for segment, end in written
                if segment.id in envelopes and segment.durable_end == end
            }
            return ends, failures

    def is_durable(self, ref: BodyRef) -> bool:
        """Whether a body of ours that is not settled yet lies on stable storage."""
        segment = self._segments.get(ref.segment)
        return segment is not None and body_record.end_of(ref) <= segment.durable_end

    def settle(self, ref: BodyRef) -> None:
        """The queue knows this body, or nobody ever will."""
        with self._lock:
            segment = self._segments.get(ref.segment)
            if segment is not None:
                segment.unsettled -= 1
                self._let_go_if_done(segment)

    def close(self) -> None:
        """Let go of everything; what nobody settled is an orphan and will be reclaimed."""
        with self._syncing, self._lock:
            for segment in self._segments.values():
                if segment.fd >= 0:
                    os.close(segment.fd)
            self._segments.clear()
            self._shared = None
            self._waiting.clear()
            self._waiting_large.clear()

    # --- for OpenBody ---

    def reserve(self, octets: int, size: int) -> bool:
        """Whether a body may grow by `octets` to `size` in memory."""
        with self._lock:
            if size > self._small_body or self._in_memory + octets > self._budget:
                return False
            self._in_memory += octets
            return True

    def give_back(self, octets: int) -> None:
        """Octets that `reserve` granted are needed no longer."""
        with self._lock:
            self._in_memory -= octets

    def append(self, chunks: list[bytes], length: int, crc: int) -> BodyRef:
        """Give a whole small body its place; it is written by the next `sync`."""
        size = length + body_record.OVERHEAD
        closing = body_record.trailer(length, crc)
        with self._lock:
            segment = self._shared
            if segment is None or segment.full or segment.end + size > self._segment_size:
                segment = self._new_shared()
            group = self._open_group(segment)
            ref = BodyRef(segment.id, segment.end, length)
            segment.end += size
            segment.unsettled += 1
            group.append(body_record.header(segment.id, ref.offset))
            group += chunks
            group.append(closing)
        return ref

    def open_large(self) -> tuple[int, int]:
        """A segment for one body: its id and descriptor."""
        with self._lock:
            segment = self._own_segment(self._next_id() * 2 + 1)
            segment.full = True
            segment.unsettled = 1
        self._create(segment)
        return segment.id, segment.fd

    def write_large(self, fd: int, data: list[bytes], offset: int) -> int:
        """Append to a large body."""
        return self._files.write(fd, data, offset)

    def end_large(self, segment_id: int, end: int) -> None:
        """A large body is complete; the next `sync` flushes it."""
        with self._lock:
            self._waiting_large.append((self._segments[segment_id], end))

    def drop_large(self, segment_id: int) -> None:
        """A large body is given up: remove its file now."""
        with self._lock:
            segment = self._segments[segment_id]
            segment.unsettled = 0
            self._let_go_if_done(segment)
        self._files.remove(segment.path)

    # --- inside ---

    def _own_segment(self, segment_id: int) -> _Segment:
        segment = _Segment(segment_id, segment_path(self._directory, segment_id))
        self._segments[segment_id] = segment
        return segment

    def _new_shared(self) -> _Segment:
        if self._shared is not None:
            self._shared.full = True
            self._let_go_if_done(self._shared)
        self._shared = self._own_segment(self._next_id() * 2)
        return self._shared

    def _create(self, segment: _Segment) -> None:
        """Make the file. Its name becomes durable with the first flush of its contents."""
        fd = self._files.create(segment.path)
        if not self._files.own(fd) or os.fstat(fd).st_nlink == 0:
            # A sweep saw the file in the instant before it was locked and removed it.
            os.close(fd)
            self._files.remove(segment.path)
            raise StoreUnavailable(f"Segment {segment.id:x} was taken away while it was created")
        segment.fd = fd

    def _open_group(self, segment: _Segment) -> list[bytes]:
        """The records of the group that is being gathered; its head comes when it is closed."""
        if segment.group is None:
            segment.group = []
            segment.end += group_record.HEAD_SIZE
            self._waiting.append(segment)
        return segment.group

    def _close_groups(
        self, envelopes: Mapping[int, bytes]
    ) -> tuple[list[tuple[_Segment, list[bytes]]], int]:
        """The groups to write, and how many octets of bodies they hold."""
        for segment_id in envelopes:
            if (segment := self._segments.get(segment_id)) is not None and not segment.broken:
                self._open_group(segment)
        waiting, self._waiting = self._waiting, []
        groups, total = [], 0
        for segment in waiting:
            bodies, segment.group = segment.group or [], None
            octets = sum(map(len, bodies))
            total += octets
            added = envelopes.get(segment.id, b"")
            start = segment.end - octets - group_record.HEAD_SIZE
            segment.end += len(added)
            head = group_record.head(segment.id, start, octets, added)
            groups.append((segment, [head, *bodies, added] if added else [head, *bodies]))
        return groups, total

    def _write_group(
        self,
        segment: _Segment,
        records: list[bytes],
        written: list[tuple[_Segment, int]],
        failures: list[StoreError],
    ) -> None:
        try:
            if segment.broken:
                raise StoreUnavailable(f"Segment {segment.id:x} was ended by an earlier fault")
            if segment.fd < 0:
                self._create(segment)
            octets = self._files.write(segment.fd, records, segment.durable_end)
            written.append((segment, segment.durable_end + octets))
        except StoreError as error:
            self._break(segment)
            failures.append(error)

    def _flush(self, written: list[tuple[_Segment, int]], failures: list[StoreError]) -> None:
        """Flush the data of each segment, then, once for all new ones, their names."""
        flushed = []
        for segment, end in written:
            try:
                self._files.flush(segment.fd)
                flushed.append((segment, end))
            except StoreError as error:
                self._break(segment)
                failures.append(error)
        new = [segment for segment, _ in flushed if segment.durable_end == 0]
        if new:
            try:
                self._files.flush_directory(self._directory)
            except StoreError as error:
                failures.append(error)
                for segment in new:
                    self._break(segment)
        for segment, end in flushed:
            if not segment.broken:
                segment.durable_end = end

    def _break(self, segment: _Segment) -> None:
        """End a segment. Who is told "no" now must not be found in it later, so that goes."""
        kept = 0
        if segment.fd >= 0 and not segment.broken and is_shared(segment.id):
            try:
                self._files.cut(segment.fd, segment.durable_end)
            except StoreError:
                kept = 1  # ours until this process ends: nobody looks into what another one owns
        with self._lock:
            segment.unsettled += kept
            segment.broken = segment.full = True
            self._let_go_if_done(segment)

    def _let_go_if_done(self, segment: _Segment) -> None:
        if segment.full and segment.unsettled <= 0 and segment.id in self._segments:
            del self._segments[segment.id]
            if segment.fd >= 0:
                os.close(segment.fd)
                segment.fd = -1
            if self._shared is segment:
                self._shared = None


class OpenBody:
    """A body that is being received: in memory while it is small, then in a file of its own."""

    __slots__ = ("_chunks", "_crc", "_ended", "_fd", "_reserved", "_segment", "_writer", "size")

    def __init__(self, writer: SpoolWriter) -> None:
        self.size = 0
        self._writer = writer
        self._chunks: list[bytes] = []
        self._reserved = 0
        self._segment = -1
        self._fd = -1
        self._crc = 0
        self._ended = False

    def write(self, chunk: bytes) -> None:
        """Take the next octets. After an error the body can only be aborted."""
        self.size += len(chunk)
        self._crc = body_record.checksum(chunk, self._crc)
        if self._fd >= 0:
            offset = body_record.HEADER_SIZE + self.size - len(chunk)
            self._writer.write_large(self._fd, [chunk], offset)
            return
        self._chunks.append(chunk)
        if not self._may_grow(len(chunk)):
            self._spill()

    def finish(self) -> BodyRef:
        """The body is complete. Not durable before the writer's next `sync`."""
        if self._ended:
            raise StoreRefused("A body was ended twice")
        # The record's frame counts too, so that `sync` gives back exactly what was taken.
        if self._fd < 0 and not self._may_grow(body_record.OVERHEAD):
            self._spill()
        if self._fd < 0:
            ref = self._writer.append(self._chunks, self.size, self._crc)
            self._chunks = []
            self._reserved = 0
        else:
            end = body_record.HEADER_SIZE + self.size
            self._writer.write_large(self._fd, [body_record.trailer(self.size, self._crc)], end)
            self._writer.end_large(self._segment, end + body_record.TRAILER_SIZE)
            ref = BodyRef(self._segment, 0, self.size)
        self._ended = True
        return ref

    def abort(self) -> None:
        """Forget the body; harmless after either end."""
        if self._ended:
            return
        self._ended = True
        self._chunks.clear()
        self._give_back()
        if self._segment >= 0:
            self._writer.drop_large(self._segment)

    def _may_grow(self, octets: int) -> bool:
        granted = self._writer.reserve(octets, self.size)
        if granted:
            self._reserved += octets
        return granted

    def _give_back(self) -> None:
        self._writer.give_back(self._reserved)
        self._reserved = 0

    def _spill(self) -> None:
        """Move what is in memory into a file of its own, and stream from now on."""
        self._segment, self._fd = self._writer.open_large()
        self._writer.write_large(self._fd, [body_record.header(self._segment, 0), *self._chunks], 0)
        self._chunks.clear()
        self._give_back()
