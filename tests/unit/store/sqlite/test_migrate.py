# SPDX-License-Identifier: Apache-2.0
"""Migrations: together they make the written schema, each runs once, whole or not at all."""

import re
from pathlib import Path

import apsw
import pytest

from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.sqlite import migrate as module
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.migrate import known_migrations, migrate
from gatehouse.store.sqlite.place import SQL


def schema(connection: apsw.Connection) -> dict[str, str]:
    """Every table, index and trigger by name, without comments and layout."""
    rows = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_schema")
    return {
        name: re.sub(r"\s+", " ", re.sub(r"--.*", "", text).replace("IF NOT EXISTS ", ""))
        for name, text in rows
    }


def test_the_migrations_make_the_written_schema(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    assert migrate(database) == len(known_migrations())
    assert migrate(database) == 0
    written = apsw.Connection(":memory:")
    written.execute((SQL.parent / "schema.sql").read_text())
    with database.reading() as connection:
        assert schema(connection) == schema(written)
    database.close()


def test_numbers_are_in_order_and_unique() -> None:
    steps = [(step.number, step.phase) for step in known_migrations()]
    assert steps == sorted(set(steps), key=lambda step: (step[0], step[1] == "post"))
    assert steps[0] == (1, "pre")


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    migrate(database)
    with database.transaction() as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, 'pre')")
    with pytest.raises(StoreUnavailable, match="schema version 9999"):
        migrate(database)
    database.close()


def test_a_step_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = tmp_path / "steps"
    steps.mkdir()
    (steps / "0001_good.pre.sql").write_text("CREATE TABLE good (x);")
    (steps / "0001_good.post.sql").write_text("CREATE TABLE after (x);")
    (steps / "0002_bad.pre.sql").write_text("CREATE TABLE half (x); CREATE TABLE good (x);")
    (steps / "README").write_text("not a step")
    found = known_migrations(steps)
    assert [step.path.name[:12] for step in found] == [
        "0001_good.pr",
        "0001_good.po",
        "0002_bad.pre",
    ]
    monkeypatch.setattr(module, "known_migrations", lambda: found)
    database = Database(tmp_path / "q.db")
    assert migrate(database, ("post",)) == 1
    with pytest.raises(StoreUnavailable):
        migrate(database)
    with database.reading() as connection:
        assert set(schema(connection)) >= {"good", "after"}
        assert "half" not in schema(connection)
    database.close()
