# SPDX-License-Identifier: Apache-2.0
"""How the database is opened, and what becomes of its errors."""

from pathlib import Path

import apsw
import pytest

from gatehouse.store.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
)
from gatehouse.store.sqlite.connection import (
    Database,
    SqliteSettings,
    refuse_unsafe_sqlite,
    translated,
)


@pytest.mark.parametrize("version", ["3.44.6", "3.50.7", "3.51.3", "3.53.0", "3.54.1", "4.0.0"])
def test_versions_with_the_fix_are_taken(version: str) -> None:
    refuse_unsafe_sqlite(version)


@pytest.mark.parametrize(
    "version", ["3.40.1", "3.44.5", "3.45.3", "3.50.6", "3.51.2", "3.52.0", "3.7.0"]
)
def test_versions_with_the_wal_reset_race_are_refused(version: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"WAL-reset race.*apsw 3\.51\.3"):
        refuse_unsafe_sqlite(version)


def test_what_was_opened_survives_a_power_failure(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    with database.transaction() as connection:
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 2
        assert connection.pragma("foreign_keys") == 1
    database.close()


def test_an_exception_undoes_the_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    with database.transaction() as connection:
        connection.execute("CREATE TABLE t (x)")

    def write_and_fail() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.transaction() as connection:
        assert list(connection.execute("SELECT * FROM t")) == []
    database.close()


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    with database.transaction() as connection:
        connection.execute("CREATE TABLE t (x)")
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        with database.snapshot() as reader:
            assert list(reader.execute("SELECT * FROM t")) == []
    database.close()


def test_a_writer_that_keeps_the_turn_makes_others_busy(tmp_path: Path) -> None:
    first = Database(tmp_path / "q.db")
    second = Database(tmp_path / "q.db", SqliteSettings(patience=0.05))
    with first.transaction(), pytest.raises(StoreBusy), second.transaction():
        pass
    with second.transaction():
        pass
    first.close()
    second.close()


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "q.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    database = Database(tmp_path / "q.db")
    with pytest.raises(StoreCorrupt), database.transaction():
        pass
    database.close()


def test_the_reserve_is_real_space_or_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db", SqliteSettings(reserve_octets=65536))
    reserve = tmp_path / "q.db.reserve"
    assert database.keep_reserve()
    assert reserve.stat().st_blocks * 512 >= 65536
    database.make_room()
    assert not reserve.exists()
    database.close()
    greedy = Database(tmp_path / "q.db", SqliteSettings(reserve_octets=2**60))
    assert not greedy.keep_reserve()
    assert not reserve.exists()
    greedy.close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (apsw.FullError("x"), StoreFull),
        (apsw.BusyError("x"), StoreBusy),
        (apsw.LockedError("x"), StoreBusy),
        (apsw.CorruptError("x"), StoreCorrupt),
        (apsw.NotADBError("x"), StoreCorrupt),
        (apsw.ConstraintError("x"), StoreRefused),
        (apsw.IOError("x"), StoreUnavailable),
        (apsw.ReadOnlyError("x"), StoreUnavailable),
        (apsw.CantOpenError("x"), StoreUnavailable),
    ],
)
def test_each_error_has_its_word(error: apsw.Error, expected: type[StoreError]) -> None:
    assert type(translated(error)) is expected
