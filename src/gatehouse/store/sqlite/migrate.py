# SPDX-License-Identifier: Apache-2.0
"""Brings a database to the schema of this program, step by step, each step once.

`NNNN_name.pre.sql` runs before the new program works with the database, `NNNN_name.post.sql` when
no old one does any more. Each step is one transaction together with the mark that it ran: the old
or the new schema, never a mixture. A database that a newer program has changed is refused, not
guessed at.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL

MIGRATIONS = Path(__file__).parent / "migrations"
_QUERIES = load_queries(SQL / "migrate.sql")
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.(pre|post)\.sql")


@dataclass(frozen=True, slots=True, order=True)
class Migration:
    """One step; `phase` "pre" or "post"."""

    number: int
    phase_order: int
    phase: str
    path: Path


def known_migrations(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """All steps, in the order in which they run."""
    found = []
    for path in directory.iterdir():
        if match := _NAME.fullmatch(path.name):
            phase = match[2]
            found.append(Migration(int(match[1]), int(phase == "post"), phase, path))
    return tuple(sorted(found))


def migrate(database: Database, phases: tuple[str, ...] = ("pre", "post")) -> int:
    """Run what has not run yet; how many steps that were. Two processes may start at once."""
    steps = known_migrations()
    with database.transaction() as connection:
        connection.execute(_QUERIES["create_schema_version"])
        applied = set(connection.execute(_QUERIES["applied"]))
    unknown = applied - {(step.number, step.phase) for step in steps}
    if unknown:
        number = max(number for number, _ in unknown)
        raise StoreUnavailable(
            f"The database has schema version {number}, newer than this program knows. "
            "Start the version that wrote it, or a later one."
        )
    return sum(_run(database, step) for step in steps if step.phase in phases)


def _run(database: Database, step: Migration) -> bool:
    with database.transaction() as connection:
        if (step.number, step.phase) in set(connection.execute(_QUERIES["applied"])):
            return False
        connection.execute(step.path.read_text(encoding="utf-8"))
        connection.execute(_QUERIES["mark_applied"], (step.number, step.phase))
    return True
