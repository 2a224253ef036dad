# SPDX-License-Identifier: Apache-2.0
"""Configuration revisions are appended and never changed."""

import pytest

from gatehouse.store.errors import StoreRefused
from gatehouse.store.revision_values import Revision
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.revisions import SqliteRevisions


def append(revisions: SqliteRevisions, text: str) -> int:
    return revisions.append(text=text, operator="ann", comment="because", committed_at=5.0)


def test_the_last_one_is_in_force(database: Database) -> None:
    revisions = SqliteRevisions(database)
    assert revisions.current() is None
    assert [append(revisions, text) for text in ("a", "b", "c")] == [1, 2, 3]
    expected = Revision(number=3, committed_at=5.0, operator="ann", comment="because", text="c")
    assert revisions.current() == expected
    assert revisions.get(3) == expected
    assert revisions.get(4) is None


def test_history_is_newest_first_and_comes_in_pages(database: Database) -> None:
    revisions = SqliteRevisions(database)
    for text in "abcd":
        append(revisions, text)
    assert [revision.number for revision in revisions.history(2)] == [4, 3]
    assert [revision.number for revision in revisions.history(9, before=3)] == [2, 1]
    assert not hasattr(revisions.history(1)[0], "text"), "thousands of them would be gigabytes"


@pytest.mark.parametrize("query", ["UPDATE revision SET text = 'x'", "DELETE FROM revision"])
def test_a_revision_cannot_be_changed_or_removed(database: Database, query: str) -> None:
    revisions = SqliteRevisions(database)
    append(revisions, "a")
    with (
        pytest.raises(StoreRefused, match="a revision is never"),
        database.transaction() as connection,
    ):
        connection.execute(query)
