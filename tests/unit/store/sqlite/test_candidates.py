# SPDX-License-Identifier: Apache-2.0
"""Each operator's candidate is kept and replaced as a whole."""

from gatehouse.store.revision_values import Candidate
from gatehouse.store.sqlite.candidates import SqliteCandidates
from gatehouse.store.sqlite.connection import Database


def candidate(operator: str, text: str, at: float = 1.0) -> Candidate:
    return Candidate(operator=operator, base=3, text=text, changed_at=at)


def test_each_operator_has_one_of_his_own(database: Database) -> None:
    kept = SqliteCandidates(database)
    assert kept.get("ann") is None
    kept.put(candidate("ann", "a"))
    kept.put(candidate("bob", "b", 2.0))
    kept.put(candidate("ann", "a2", 3.0))
    assert kept.get("ann") == candidate("ann", "a2", 3.0)
    assert kept.get("bob") == candidate("bob", "b", 2.0)
    assert [one.operator for one in kept.all()] == ["ann", "bob"]


def test_forgetting_one_leaves_the_others(database: Database) -> None:
    kept = SqliteCandidates(database)
    kept.put(candidate("ann", "a"))
    kept.put(candidate("bob", "b"))
    assert kept.remove("ann")
    assert not kept.remove("ann")
    assert [one.operator for one in kept.all()] == ["bob"]
