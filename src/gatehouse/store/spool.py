# SPDX-License-Identifier: Apache-2.0
"""The bodies on disk: names of segments, reading, and freeing what nobody needs.

A segment is a file `<id>.seg`. Ids come from the durable number blocks, so a name is never used
twice. The lowest bit tells the kind: even = shared by many bodies, odd = one large body of its
own.

Who owns a segment: the writer that fills it holds an flock on it until it is full *and* every body
in it is either known to the queue or given up. A segment without lock and without a row in the
queue belongs to nobody, also after a crash, and may go. No age, no pid, no guess.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatehouse.store import body_record
from gatehouse.store.errors import BodyMissing, StoreCorrupt, from_os_error
from gatehouse.store.files import Files
from gatehouse.store.values import BodyRef

_SUFFIX = ".seg"
# Descriptors of recently read shared segments; a deliverer reads from a handful at a time.
_OPEN_FOR_READING = 16


def is_shared(segment: int) -> bool:
    """Whether many bodies lie in this segment."""
    return segment % 2 == 0


def segment_path(directory: Path, segment: int) -> Path:
    """The file of a segment."""
    return directory / f"{segment:016x}{_SUFFIX}"


class Spool:
    """Reads bodies and frees segments. Writing is `spool_writer.SpoolWriter`."""

    def __init__(self, directory: Path, files: Files | None = None) -> None:
        self.directory = directory
        self.files = files or Files()
        self._readers: dict[int, _Reader] = {}

    def read(self, ref: BodyRef, chunk_size: int = 65536) -> Iterator[bytes]:
        """The body in chunks; the last chunk is handed out only after the checksum proved right.

        A damaged body therefore never gets its end of data sent, and no host takes half a message
        for one.
        """
        fd = self._open(ref.segment)
        try:
            yield from _chunks(fd, ref, chunk_size)
        finally:
            os.close(fd)

    def read_small(self, ref: BodyRef) -> bytes:
        """The whole body, checked, in one read."""
        reader = self._readers.get(ref.segment) or self._keep(ref.segment)
        record = read_at(reader.fd, body_record.OVERHEAD + ref.length, ref.offset)
        start, end = body_record.HEADER_SIZE, body_record.HEADER_SIZE + ref.length
        body_record.check_header(record[:start], ref)
        body = record[start:end]
        body_record.check_trailer(record[end:], ref, body_record.checksum(body))
        return body

    def reclaim(
        self,
        live: Callable[[Iterable[int]], set[int]],
        among: list[int] | None = None,
        claim: Callable[[int, int], bool] = lambda segment, fd: True,
    ) -> list[int]:
        """Remove the segments that `live` does not name and nobody owns; which went.

        `live` tells which of some segments the queue has rows for. It is asked while we hold the
        locks of the candidates: only a segment's owner adds rows for it, so the answer cannot
        become false. `claim` is told each candidate and its descriptor before that question, and
        may keep it.
        """
        present = self.segments() if among is None else among
        dead = set(present) - live(present)
        held: dict[int, int] = {}
        try:
            for segment in dead:
                self._try_to_own(segment, held)
            claimed = [segment for segment, fd in held.items() if claim(segment, fd)]
            doomed = sorted(set(claimed) - live(claimed)) if claimed else []
            for segment in doomed:
                self.files.remove(segment_path(self.directory, segment))
                self._forget(segment)
        finally:
            for fd in held.values():
                os.close(fd)
        return doomed

    def reclaim_one(self, segment: int) -> bool:
        """Remove a segment that no row names any more, unless its writer still owns it."""
        return self.reclaim(lambda _: set(), [segment]) == [segment]

    @contextmanager
    def owning(self, segment: int) -> Iterator[int | None]:
        """Own a segment for a while: its descriptor, or None when it is gone or another's."""
        held: dict[int, int] = {}
        self._try_to_own(segment, held)
        try:
            yield held.get(segment)
        finally:
            for fd in held.values():
                os.close(fd)

    def is_owned(self, segment: int) -> bool:
        """Whether a writer still fills or guards a segment."""
        held: dict[int, int] = {}
        self._try_to_own(segment, held)
        for fd in held.values():
            os.close(fd)
        return not held

    def segments(self) -> list[int]:
        """The ids of all segments on disk."""
        found = []
        for entry in os.scandir(self.directory):
            stem, _, suffix = entry.name.partition(".")
            if suffix == "seg" and len(stem) == 16:
                try:
                    found.append(int(stem, 16))
                except ValueError:
                    continue  # not one of ours: never touch it
        return found

    def size(self, segment: int) -> int:
        """The octets of a segment on disk; 0 when it is gone."""
        try:
            return segment_path(self.directory, segment).stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise from_os_error(error, "look at a segment") from error

    def close(self) -> None:
        """Let go of the descriptors kept for reading."""
        self._readers.clear()

    def _try_to_own(self, segment: int, held: dict[int, int]) -> None:
        try:
            fd = os.open(segment_path(self.directory, segment), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            raise from_os_error(error, "open a segment") from error
        if self.files.own(fd):
            held[segment] = fd
        else:
            os.close(fd)

    def _open(self, segment: int) -> int:
        try:
            return os.open(segment_path(self.directory, segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise BodyMissing(f"Segment {segment:x} is not in the spool") from error
        except OSError as error:
            raise from_os_error(error, "open a body") from error

    def _keep(self, segment: int) -> "_Reader":
        reader = _Reader(self._open(segment))
        if is_shared(segment):
            while len(self._readers) >= _OPEN_FOR_READING:
                self._readers.pop(next(iter(self._readers)), None)
            self._readers[segment] = reader
        return reader

    def _forget(self, segment: int) -> None:
        self._readers.pop(segment, None)


class _Reader:
    """A descriptor, closed when nobody uses it any more; a thread may drop it from the cache."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


def read_at(fd: int, count: int, offset: int) -> bytes:
    """Octets of a file; fewer than asked for only where it ends."""
    try:
        found = os.pread(fd, count, offset)
        while len(found) < count:
            more = os.pread(fd, count - len(found), offset + len(found))
            if not more:
                break
            found += more
    except OSError as error:
        raise from_os_error(error, "read a body") from error
    return found


def _chunks(fd: int, ref: BodyRef, chunk_size: int) -> Iterator[bytes]:
    body_record.check_header(read_at(fd, body_record.HEADER_SIZE, ref.offset), ref)
    crc = 0
    position, left = ref.offset + body_record.HEADER_SIZE, ref.length
    while left > chunk_size:
        chunk = read_at(fd, chunk_size, position)
        if len(chunk) < chunk_size:
            raise StoreCorrupt(f"Body {body_record.place(ref)} is cut off")
        crc = body_record.checksum(chunk, crc)
        position += chunk_size
        left -= chunk_size
        yield chunk
    tail = read_at(fd, left + body_record.TRAILER_SIZE, position)
    last = tail[:left]
    body_record.check_trailer(tail[left:], ref, body_record.checksum(last, crc))
    if last:
        yield last
