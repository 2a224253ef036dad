# SPDX-License-Identifier: Apache-2.0
"""Configuration revisions: append-only, the last one is in force.

A rollback appends the old text anew. Whether the last one is still tried is in `trials`.
"""

from collections.abc import Iterable
from typing import Any

import apsw

from gatehouse.store.errors import StoreMoved
from gatehouse.store.revision_values import NewRevision, Revision, RevisionHead, RevisionKind
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL

_QUERIES = load_queries(SQL / "revisions.sql")
_BEYOND = 2**62  # larger than any revision number


class SqliteRevisions:
    """The table `revision`, which triggers keep from being changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, *, text: str, operator: str, comment: str, committed_at: float) -> int:
        """Keep a configuration and make it the current one."""
        new = NewRevision(text=text, operator=operator, comment=comment, committed_at=committed_at)
        with self._database.transaction() as connection:
            return self.write(connection, new)

    def write(self, connection: apsw.Connection, new: NewRevision) -> int:
        """Put a configuration into a transaction of the caller's; its number."""
        if new.after is not None:
            ((last,),) = connection.execute(_QUERIES["last"])
            if last != new.after:
                raise StoreMoved(f"Revision {last} was committed meanwhile")
        row = (new.committed_at, new.operator, new.comment, new.text, new.kind.value)
        ((number,),) = connection.execute(_QUERIES["append"], row)
        return int(number)

    def current(self) -> Revision | None:
        """The configuration in force."""
        return next(iter(self._read("current", ())), None)

    def get(self, number: int) -> Revision | None:
        """One revision."""
        return next(iter(self._read("get", (number,))), None)

    def history(self, limit: int, before: int | None = None) -> tuple[RevisionHead, ...]:
        """Revisions without their texts, the newest first: thousands of texts may be gigabytes."""
        asked = (_BEYOND if before is None else before, limit)
        with self._database.reading() as connection:
            return tuple(
                RevisionHead(
                    number=row[0],
                    committed_at=row[1],
                    operator=row[2],
                    comment=row[3],
                    kind=RevisionKind(row[4]),
                )
                for row in connection.execute(_QUERIES["history"], asked)
            )

    def _read(self, query: str, values: tuple[int, ...]) -> tuple[Revision, ...]:
        with self._database.reading() as connection:
            rows: Iterable[tuple[Any, ...]] = connection.execute(_QUERIES[query], values)
            return tuple(
                Revision(
                    number=row[0],
                    committed_at=row[1],
                    operator=row[2],
                    comment=row[3],
                    text=row[4],
                    kind=RevisionKind(row[5]),
                )
                for row in rows
            )
