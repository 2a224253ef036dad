# SPDX-License-Identifier: Apache-2.0
"""What an operator has suspended, destinations and listeners: it outlives a restart."""

from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.values import ListenerSuspension, Suspension

_QUERIES = load_queries(SQL / "suspensions.sql")


class SqliteSuspensions:
    """The tables `suspension` and `listener_suspension`."""

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

    def suspend_listener(self, listener: str, at: float, operator: str) -> bool:
        """Suspend a listener; False when it was suspended already."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["suspend_listener"], (listener, at, operator))
            return connection.changes() == 1

    def resume_listener(self, listener: str) -> bool:
        """Resume it; False when it was not suspended."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["resume_listener"], (listener,))
            return connection.changes() == 1

    def listeners(self) -> tuple[ListenerSuspension, ...]:
        """Every suspended listener, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(_QUERIES["listeners"])
            return tuple(ListenerSuspension(*row) for row in rows)
