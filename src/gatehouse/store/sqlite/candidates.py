# SPDX-License-Identifier: Apache-2.0
"""What each operator has prepared, in the database: one candidate each, replaced as a whole."""

import apsw

from gatehouse.store.revision_values import Candidate
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL

_QUERIES = load_queries(SQL / "candidates.sql")


class SqliteCandidates:
    """The table `candidate`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, operator: str) -> Candidate | None:
        """The candidate of an operator."""
        return next(iter(self._read("get", (operator,))), None)

    def put(self, candidate: Candidate) -> None:
        """Keep or replace it."""
        with self._database.transaction() as connection:
            self.write(connection, candidate)

    def write(self, connection: apsw.Connection, one: Candidate) -> None:
        """Put a candidate into a transaction of the caller's."""
        row = (one.operator, one.base, one.text, one.changed_at)
        connection.execute(_QUERIES["put"], row)

    def give_back(self, connection: apsw.Connection, one: Candidate) -> None:
        """Put it into a transaction of the caller's, unless the operator has another."""
        row = (one.operator, one.base, one.text, one.changed_at)
        connection.execute(_QUERIES["give_back"], row)

    def remove(self, operator: str) -> bool:
        """Forget it; False when there was none."""
        with self._database.transaction() as connection:
            return self.strike(connection, operator)

    def strike(self, connection: apsw.Connection, operator: str) -> bool:
        """Forget it in a transaction of the caller's."""
        connection.execute(_QUERIES["remove"], (operator,))
        return connection.changes() == 1

    def all(self) -> tuple[Candidate, ...]:
        """Everybody's, the one that was touched last comes first."""
        return self._read("all", ())

    def _read(self, query: str, values: tuple[str, ...]) -> tuple[Candidate, ...]:
        with self._database.reading() as connection:
            return tuple(
                Candidate(operator=row[0], base=row[1], text=row[2], changed_at=row[3])
                for row in connection.execute(_QUERIES[query], values)
            )
