# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets in the database; what lies there is of no use without the master key."""

from collections.abc import Mapping
from pathlib import Path

import apsw

from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.values import SecretName
from gatehouse.store.vault import Vault, open_vault

_QUERIES = load_queries(SQL / "secrets.sql")


class SqliteSecrets:
    """The table `secret`. The master key is read when it is first needed."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self._database = database
        self._key_file = key_file
        self._vault: Vault | None = None

    def put(self, name: str, content: bytes, updated_at: float) -> None:
        """Keep or replace a secret."""
        sealed = self._open().seal(name, content)
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["put"], (name, sealed, updated_at))

    def get(self, name: str) -> bytes | None:
        """The content, or None."""
        with self._database.reading() as connection:
            row = next(connection.execute(_QUERIES["get"], (name,)), None)
        return None if row is None else self._open().unseal(name, row[0])

    def change(self, changes: Mapping[str, bytes | None], updated_at: float) -> None:
        """Several at once, in one transaction."""
        sealed = self.seal(changes)
        with self._database.transaction() as connection:
            self.write(connection, sealed, updated_at)

    def seal(self, changes: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """The same changes with their contents sealed, ready for `write`."""
        return {
            name: None if content is None else self._open().seal(name, content)
            for name, content in changes.items()
        }

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """What `seal` has made, from a table of the caller's."""
        return self._open().unseal(name, sealed)

    def write(
        self, connection: apsw.Connection, sealed: Mapping[str, bytes | None], updated_at: float
    ) -> None:
        """Put sealed changes into a transaction of the caller's."""
        for name, content in sealed.items():
            if content is None:
                connection.execute(_QUERIES["remove"], (name,))
            else:
                connection.execute(_QUERIES["put"], (name, content, updated_at))

    def delete(self, name: str) -> bool:
        """Forget a secret."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["remove"], (name,))
            return connection.changes() == 1

    def names(self) -> tuple[SecretName, ...]:
        """Which secrets there are."""
        with self._database.reading() as connection:
            return tuple(SecretName(*row) for row in connection.execute(_QUERIES["names"]))

    def _open(self) -> Vault:
        if self._vault is None:
            self._vault = open_vault(self._key_file)
        return self._vault
