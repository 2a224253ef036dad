# SPDX-License-Identifier: Apache-2.0
"""Numbers that are never given twice: each process reserves blocks; a crash skips the rest.

A block that runs low is topped up inside the next transaction that is written anyway (`top_up`,
`grant`), so the hot path does not wait for a flush of its own.
"""

import threading

import apsw

from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL

_QUERIES = load_queries(SQL / "ids.sql")
# An ICID, MID or DCID skipped by a crash leaves a gap in the log, so blocks are small.
BLOCK = 64
# Blocks kept in hand: a batch can use up more than one before the next transaction.
_SPARE = 3

Grants = list[tuple[str, int, int]]


class SqliteIds:
    """Numbers from durable blocks. Any thread may ask."""

    def __init__(self, database: Database, block: int = BLOCK) -> None:
        self._database = database
        self._block = block
        self._lock = threading.Lock()  # never held while the database is waited for
        self._blocks: dict[str, list[tuple[int, int]]] = {}

    def next(self, kind: str) -> int:
        """The next number of a kind, counted from 1."""
        while (number := self._take(kind)) is None:
            with self._database.transaction() as connection:
                grant = self._reserve(connection, kind)
            self.grant([grant])
        return number

    def top_up(self, connection: apsw.Connection) -> Grants:
        """Reserve, in this transaction, spare blocks for each kind that has few left.

        The numbers may be used only after the commit: hand the result to `grant` then.
        """
        with self._lock:
            low = [
                kind for kind, blocks in self._blocks.items() for _ in range(_SPARE - len(blocks))
            ]
        return [self._reserve(connection, kind) for kind in low]

    def grant(self, grants: Grants) -> None:
        """The transaction that reserved these blocks is durable."""
        if grants:
            with self._lock:
                for kind, first, end in grants:
                    self._blocks.setdefault(kind, []).append((first, end))

    def _take(self, kind: str) -> int | None:
        with self._lock:
            blocks = self._blocks.get(kind)
            if not blocks:
                return None
            number, end = blocks[0]
            if number + 1 < end:
                blocks[0] = (number + 1, end)
            else:
                del blocks[0]
            return number

    def _reserve(self, connection: apsw.Connection, kind: str) -> tuple[str, int, int]:
        (end,) = next(connection.execute(_QUERIES["reserve"], {"kind": kind, "block": self._block}))
        return kind, end - self._block, end
