# SPDX-License-Identifier: Apache-2.0
"""How much a name did in the last hour, over all receiver processes together.

Limits per hour (recipients of a client or of a sender, refused recipients of a client) would be as
many times the limit as there are processes if each kept its own. So the counts lie in one table of
shared memory, made by the supervisor and inherited by every process. What a process has counted
stays when it dies, and when a commit replaces it: an hour's limit is about what was done, not about
who is there. It does not outlive the supervisor: after a restart every hour begins anew.

**The window slides** in steps of five minutes: a thing done counts for at least 60 and at most 65
minutes. A count may be too high, never too low, so a limit is never exceeded unseen.

**Memory is bounded** whatever names come: sets of eight places, found by a keyed hash, each place
marked with 63 bits of the same hash. A place whose hour is over is free. When all eight are taken
the name with the lowest count gives way, and its counts go into the set's *remainder*, which holds
the highest that anybody who gave way had, slot by slot. A name that is not in its set begins with
the remainder: so one that gave way and comes back has at least what it had, and pushing names out
makes nobody's count smaller. Pushing out costs more names than there are places (131,072 in an
hour); what it brings is that newcomers seem to have done a little already. Since the key is random
and known to nobody outside, nobody can choose names that share a set.

**Races**: a set is changed under a record lock of the kernel on its first octet, which ends with
its owner if that is killed. The lock is tried for 20 milliseconds at most, and then not at length
again until it has been free once: a process that was stopped with a lock in its hand must
not stop all the others. Without the lock an addition may get lost; that is the only undercount.
"""

import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import time

BUCKET_SECONDS = 300
HOUR = 3600
SLOTS = HOUR // BUCKET_SECONDS + 1  # the running bucket, and twelve whole ones before it
SETS = 16_384
WAYS = 8
MAX_COUNT = 0xFFFF_FFFF // 2  # of one bucket; no process receives so many in five minutes
_PLACE = struct.Struct(f"=QI{SLOTS}I")  # mark of the name, number of the last bucket, counts
_REMAINDER = WAYS * _PLACE.size
_SET = _REMAINDER + _PLACE.size
_KEY = 16
_LATEST = SETS * _SET // 8  # the word behind the sets: the number of the running bucket
_SIZE = SETS * _SET + 8 + _KEY
_LOCK_TRIES = 200  # a lock is held for microseconds; between tries others may use the processor
_LOCK_WAITS = 20  # then a millisecond each: its owner has lost the processor, not its life
_WAIT = 0.001
_WORDS = _PLACE.size // 8  # 64-bit words of a place
_EMPTY = (0,) * SLOTS
_NO_LIMIT = 1 << 62

Counts = list[int]


def create() -> int:
    """New shared memory, by descriptor: empty counts and a fresh key. The supervisor's part."""
    fd = os.memfd_create("gatehouse-tally")
    os.ftruncate(fd, _SIZE)
    os.pwrite(fd, secrets.token_bytes(_KEY), _SIZE - _KEY)
    os.set_inheritable(fd, True)
    return fd


class Tally:
    """The counts per hour; every process has its own object on the same memory."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory = mmap.mmap(fd, _SIZE)
        self._key = self._memory[_SIZE - _KEY :]
        self._words = memoryview(self._memory)[: _SIZE - _KEY].cast("Q")
        self._stuck: set[int] = set()  # sets whose lock was not to be had the last time

    def add(self, name: str, amount: int, now: float) -> int:
        """`name` did so much more at `now` (Unix time); its total of the last hour with it."""
        return self._change(name, amount, _NO_LIMIT, now)

    def take(self, name: str, amount: int, limit: int, now: float) -> bool:
        """Add, unless the total would then be above `limit`: looking and adding in one step.

        Two processes that each look first and add afterwards could both find the last place free.
        """
        return self._change(name, amount, limit, now) <= limit

    def count(self, name: str, now: float) -> int:
        """What `name` did in the last hour; reading takes no lock."""
        mark, start = self._find(name)
        return sum(self._read(self._place(mark, start), self._bucket(now)))

    def _change(self, name: str, amount: int, limit: int, now: float) -> int:
        """The total that there would be; it is written down if it is within the limit."""
        mark, start = self._find(name)
        locked = self._lock(start)
        try:
            bucket = self._bucket(now)
            place = self._place(mark, start)
            counts = self._read(place, bucket)
            if sum(counts) + amount > limit:
                return sum(counts) + amount
            if place == start + _REMAINDER:
                place, counts = self._make_room(start, bucket)
            slot = bucket % SLOTS
            counts[slot] = min(counts[slot] + amount, MAX_COUNT)
            _PLACE.pack_into(self._memory, place, mark, bucket, *counts)
            return sum(counts)
        finally:
            if locked:
                self._unlock(start)

    def _bucket(self, now: float) -> int:
        """The number of the running bucket; the same for all processes, and it never goes back.

        A clock that was set back a little would make counts vanish and come again. One that was
        set back by more than the window was wrong before, and must not be believed for hours.
        """
        bucket = int(now // BUCKET_SECONDS)
        latest = self._words[_LATEST]
        if bucket < latest < bucket + SLOTS:
            return latest
        if bucket != latest:
            self._words[_LATEST] = bucket
        return bucket

    def _find(self, name: str) -> tuple[int, int]:
        """Mark of a name, never 0, and where its set begins."""
        digest = hashlib.blake2b(
            name.encode("utf-8", "surrogatepass"), digest_size=12, key=self._key
        ).digest()
        mark = int.from_bytes(digest[:8], "big") | 1
        return mark, int.from_bytes(digest[8:], "big") % SETS * _SET

    def _place(self, mark: int, start: int) -> int:
        """Where a name is counted; for one that has no place, the remainder of its set."""
        first = start // 8
        marks = self._words[first : first + WAYS * _WORDS : _WORDS].tolist()
        return start + (marks.index(mark) if mark in marks else WAYS) * _PLACE.size

    def _make_room(self, start: int, bucket: int) -> tuple[int, Counts]:
        """A place for a name that has none, and the counts with which it begins there."""
        remainder = self._read(start + _REMAINDER, bucket)
        taken = [self._read(start + way * _PLACE.size, bucket) for way in range(WAYS)]
        lowest = min(range(WAYS), key=lambda way: sum(taken[way]))
        begins = list(remainder)
        if any(taken[lowest]):
            remainder = list(map(max, remainder, taken[lowest]))
            _PLACE.pack_into(self._memory, start + _REMAINDER, 0, bucket, *remainder)
        return start + lowest * _PLACE.size, begins

    def _read(self, place: int, bucket: int) -> Counts:
        """The counts of a place, without those whose time is over."""
        _, last, *counts = _PLACE.unpack_from(self._memory, place)
        passed = bucket - last
        if -SLOTS < passed <= 0:  # below 0: written by somebody while this was being read
            return counts
        if not 0 < passed < SLOTS:
            return list(_EMPTY)
        for number in range(last + 1, bucket + 1):
            counts[number % SLOTS] = 0
        return counts

    def _lock(self, start: int) -> bool:
        """Try to keep other processes out of a set."""
        tries = 1 if start in self._stuck else _LOCK_TRIES + _LOCK_WAITS
        for number in range(tries):
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, start)
            except OSError:
                if number < _LOCK_TRIES:
                    os.sched_yield()
                else:
                    time.sleep(_WAIT)
            else:
                self._stuck.discard(start)
                return True
        self._stuck.add(start)
        return False

    def _unlock(self, start: int) -> None:
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, start)
