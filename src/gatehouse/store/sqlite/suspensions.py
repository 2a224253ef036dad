# SPDX-License-Identifier: Apache-2.0
"""Which destinations an operator has suspended, in the database: it outlives a restart."""

from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.values import Suspension

_QUERIES = load_queries(SQL / "suspensions.sql")


class SqliteSuspensions:
    """The table `suspension`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def suspend(self, domain: str, at: float, operator: str) -> bool:
        """Suspend a destination; False when it was suspended already."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["suspend"], (domain, at, operator))
            return connection.changes() == 1

    def resume(self, domain: str) -> bool:
        """Resume it; False when it was not suspended."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["resume"], (domain,))
            return connection.changes() == 1

    def all(self) -> tuple[Suspension, ...]:
        """Every suspension, by domain."""
        with self._database.reading() as connection:
            return tuple(Suspension(*row) for row in connection.execute(_QUERIES["all"]))
