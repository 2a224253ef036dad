# SPDX-License-Identifier: Apache-2.0
"""How many connections there are, over all receiver processes together.

A limit that each process keeps for itself is as many times the limit as there are processes. So the
counts lie in memory that all of them share: a row for each name (a client address, a listener), a
column for each process. A process writes only its own column and reads all of them, which needs no
lock; when it dies the supervisor empties its column, so nobody's connections are counted for ever.

Names share rows by a keyed hash. Two busy names in one row would be counted together, towards the
lower limit; with 65,536 rows and a key that strangers do not know, nobody can bring that about.
"""

import hashlib
import mmap
import os
import secrets

ROWS = 65_536
SEATS = 136  # processes that count at the same time: two generations of 64 receivers, and more
_ITEM = 2  # octets of a count
_KEY = 16
_TAKEN = ROWS * SEATS * _ITEM + _KEY  # behind counts and key: an octet for each seat ever taken
_SIZE = _TAKEN + SEATS
MAX_COUNT = 65_535
# Names whose row is remembered; more than a machine has clients at once.
_MAX_KNOWN = 65_536


def create() -> int:
    """New shared memory, by descriptor: empty counts and a fresh key. The supervisor's part."""
    fd = os.memfd_create("gatehouse-head-count")
    os.ftruncate(fd, _SIZE)
    os.pwrite(fd, secrets.token_bytes(_KEY), _TAKEN - _KEY)
    os.set_inheritable(fd, True)
    return fd


class HeadCount:
    """The counts, as one process sees them; `seat` is its column."""

    def __init__(self, fd: int, seat: int) -> None:
        if not 0 <= seat < SEATS:
            raise ValueError(f"seat {seat} of {SEATS}")
        self._memory = mmap.mmap(fd, _SIZE)
        self._seat = seat
        self._memory[_TAKEN + seat] = 1
        self._key = self._memory[_TAKEN - _KEY : _TAKEN]
        self._counts = memoryview(self._memory)[: _TAKEN - _KEY].cast("H")
        self._rows: dict[str, int] = {}

    def enter(self, name: str) -> int:
        """One more; how many there are now in all processes."""
        row = self._row(name)
        counts = self._counts
        mine = counts[row + self._seat]
        if mine < MAX_COUNT:
            counts[row + self._seat] = mine + 1
        return sum(counts[row : row + self._seats()])

    def leave(self, name: str) -> None:
        """One fewer."""
        place = self._row(name) + self._seat
        counts = self._counts
        if counts[place]:
            counts[place] -= 1

    def now(self, name: str) -> int:
        """How many there are."""
        row = self._row(name)
        return sum(self._counts[row : row + self._seats()])

    def clear(self, seat: int) -> None:
        """Forget what a process that is gone has counted."""
        counts = self._counts
        for place in range(seat, ROWS * SEATS, SEATS):
            if counts[place]:
                counts[place] = 0

    def _seats(self) -> int:
        """How many columns can hold a count; adding up all of them is dear, and few are taken."""
        return self._memory.rfind(b"\1", _TAKEN) - _TAKEN + 1

    def _row(self, name: str) -> int:
        row = self._rows.get(name)
        if row is None:
            if len(self._rows) >= _MAX_KNOWN:
                self._rows.clear()
            digest = hashlib.blake2b(name.encode(), digest_size=4, key=self._key).digest()
            row = self._rows[name] = int.from_bytes(digest, "big") % ROWS * SEATS
        return row
