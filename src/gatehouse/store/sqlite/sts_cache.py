# SPDX-License-Identifier: Apache-2.0
"""MTA-STS policies of other domains, kept until their time is over."""

from collections.abc import Sequence

from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.tls_values import CachedSts

_QUERIES = load_queries(SQL / "tls_policies.sql")
_Row = tuple[str, str, bytes, float, float, float]


class SqliteStsCache:
    """The table `sts_policy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, domain: str) -> CachedSts | None:
        """The policy of a domain, also one whose time is over."""
        return next(iter(self._read("sts_get", (domain,))), None)

    def put(self, policy: CachedSts) -> None:
        """Keep or replace a policy."""
        row = (
            policy.domain,
            policy.record_id,
            policy.content,
            policy.fetched_at,
            policy.expires_at,
            policy.used_at,
        )
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["sts_put"], row)

    def remove(self, domain: str) -> bool:
        """Forget a policy; False when there was none."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["sts_remove"], (domain,))
            return connection.changes() == 1

    def mark_used(self, domains: Sequence[str], at: float) -> None:
        """Mail went to these domains; those without a policy are passed over."""
        if domains:
            rows = [(domain, at) for domain in domains]
            with self._database.transaction() as connection:
                connection.executemany(_QUERIES["sts_mark_used"], rows)

    def due(self, now: float, age: float, limit: int) -> tuple[CachedSts, ...]:
        """Living policies fetched `age` seconds ago or with half of their life behind them."""
        return self._read("sts_due", (now, age, limit))

    def all(self) -> tuple[CachedSts, ...]:
        """Every policy, by domain."""
        return self._read("sts_all", ())

    def prune(self, before: float) -> None:
        """Forget policies that ended before and that nobody has used since."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["sts_prune"], (before,))

    def _read(self, query: str, values: tuple[str | float, ...]) -> tuple[CachedSts, ...]:
        with self._database.reading() as connection:
            rows: list[_Row] = list(connection.execute(_QUERIES[query], values))
        return tuple(
            CachedSts(
                domain=row[0],
                record_id=row[1],
                content=row[2],
                fetched_at=row[3],
                expires_at=row[4],
                used_at=row[5],
            )
            for row in rows
        )
