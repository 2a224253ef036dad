# SPDX-License-Identifier: Apache-2.0
"""Which revision is tried, in the database: a crash does not forget what has to come back."""

import apsw

from gatehouse.store.revision_values import NewTrial, Trial
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL

_QUERIES = load_queries(SQL / "trials.sql")


class SqliteTrials:
    """The table `trial`, of one row at most; its changes are steps of larger transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Trial | None:
        """The revision that is tried."""
        with self._database.reading() as connection:
            for revision, good, seen, confirm_by in connection.execute(_QUERIES["current"]):
                return Trial(
                    revision=revision, good=good, seen_running=bool(seen), confirm_by=confirm_by
                )
        return None

    def begin(self, connection: apsw.Connection, revision: int, new: NewTrial) -> None:
        """Try a revision."""
        connection.execute(_QUERIES["begin"], (revision, new.good, new.confirm_by))

    def seen(self, connection: apsw.Connection, revision: int, confirm_by: float) -> None:
        """It runs, and somebody has to confirm it."""
        connection.execute(_QUERIES["seen"], (revision, confirm_by))

    def end(self, connection: apsw.Connection) -> None:
        """It is kept, or it is no more."""
        connection.execute(_QUERIES["end"])
