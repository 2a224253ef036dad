# SPDX-License-Identifier: Apache-2.0
"""The audit log in the database: who did what. Triggers of the schema refuse to change it."""

import apsw

from gatehouse.store.people_values import AuditEntry, AuditFilter
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL

_QUERIES = load_queries(SQL / "audit.sql")


class SqliteAudit:
    """The table `audit`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        """One entry more."""
        with self._database.transaction() as connection:
            self.write(connection, entry)

    def write(self, connection: apsw.Connection, entry: AuditEntry) -> None:
        """One entry more, in the transaction of what it tells."""
        row = (
            entry.at,
            entry.operator,
            entry.role,
            entry.way,
            entry.address,
            entry.action,
            entry.arguments,
            entry.outcome,
            entry.revision,
            entry.diff,
        )
        connection.execute(_QUERIES["append"], row)

    def list(self, wanted: AuditFilter, limit: int) -> tuple[AuditEntry, ...]:
        """Entries, the newest first."""
        asked = (wanted.operator, wanted.action, wanted.since, wanted.before_id, limit)
        with self._database.reading() as connection:
            return tuple(
                AuditEntry(
                    id=row[0],
                    at=row[1],
                    operator=row[2],
                    role=row[3],
                    way=row[4],
                    address=row[5],
                    action=row[6],
                    arguments=row[7],
                    outcome=row[8],
                    revision=row[9],
                    diff=row[10],
                )
                for row in connection.execute(_QUERIES["list"], asked)
            )
