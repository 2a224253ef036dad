# SPDX-License-Identifier: Apache-2.0
"""The queue stays fast when it is long: every hot query finds its rows by an index."""

import pytest

from gatehouse.store.sqlite.changes import QUERIES
from gatehouse.store.sqlite.connection import Database

HOT = [
    "last_seq",
    "set_last_seq",
    "add_message",
    "add_recipient",
    "finish_whole",
    "settle_final",
    "settle_deferred",
    "is_there",
    "has_waiting",
    "remove",
    "newest_seq",
    "due_new",
    "due_retries",
    "next_retry_at",
    "message",
    "is_alert",
    "waiting_recipients",
    "all_recipients",
    "hold",
    "release",
    "show_again",
    "unschedule",
    "unschedule_destination",
    "move_body",
    "entered",
    "set_entered",
    "forget_entered",
]
# Asked by people, for alarms, or about once a minute; they may look at every row.
COLD = {
    "all_mids",
    "mids_of_destination",
    "list",
    "counts",
    "totals",
    "waiting_total",
    "oldest",
    "live_segments",
    "bodies_in_segment",
    "waiting_at",
}


def plan(database: Database, query: str) -> list[str]:
    values = {"held": 0, "sender": "", "destination": "", "recipient": "", "limit": 1, "offset": 0}
    text = QUERIES[query]
    numbered = [f"?{number}" for number in range(1, 9) if f"?{number}" in text]
    count = len(numbered) or text.count("?")
    bound = values if ":held" in text else (1,) * count
    with database.reading() as connection:
        return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + text, bound)]


@pytest.mark.parametrize("query", HOT)
def test_a_hot_query_looks_at_no_more_rows_than_it_needs(database: Database, query: str) -> None:
    for step in plan(database, query):
        assert not step.startswith("SCAN"), step
        assert "TEMP B-TREE" not in step, step


def test_the_check_would_notice_a_scan(database: Database) -> None:
    assert any(step.startswith("SCAN") for step in plan(database, "counts"))


def test_every_query_is_judged() -> None:
    assert set(HOT) | COLD == set(QUERIES)


def test_a_message_that_is_delivered_at_once_never_enters_the_retry_index(
    database: Database,
) -> None:
    with database.reading() as connection:
        (text,) = next(
            connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'recipient_retry'")
        )
    assert text.endswith("WHERE next_at IS NOT NULL")
