# SPDX-License-Identifier: Apache-2.0
"""Numbers are never given twice: not by two processes, not after a crash, not after a failure."""

import threading

import pytest

from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.ids import SqliteIds


def test_numbers_count_from_one_and_kinds_are_apart(database: Database) -> None:
    ids = SqliteIds(database)
    assert [ids.next("mid") for _ in range(130)] == list(range(1, 131))
    assert ids.next("icid") == 1


def test_after_a_crash_the_rest_of_a_block_is_skipped(database: Database) -> None:
    first = SqliteIds(database)
    assert first.next("mid") == 1
    assert SqliteIds(database).next("mid") == 65


def test_a_topped_up_block_needs_no_transaction_of_its_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = SqliteIds(database, block=4)
    assert ids.next("mid") == 1
    with database.transaction() as connection:
        grants = ids.top_up(connection)
    ids.grant(grants)
    monkeypatch.setattr(database, "transaction", None)
    assert [ids.next("mid") for _ in range(7)] == list(range(2, 9))


def test_a_block_whose_transaction_failed_is_never_used(database: Database) -> None:
    ids = SqliteIds(database, block=4)
    ids.next("mid")

    def fail() -> None:
        with database.transaction() as connection:
            assert ids.top_up(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    other = SqliteIds(database, block=4)
    mine = [ids.next("mid") for _ in range(8)]
    theirs = [other.next("mid") for _ in range(8)]
    assert not set(mine) & set(theirs)


def test_threads_never_share_a_number(database: Database) -> None:
    ids = SqliteIds(database, block=5)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(ids.next("mid") for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 200
