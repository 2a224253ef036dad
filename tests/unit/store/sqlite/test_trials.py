# SPDX-License-Identifier: Apache-2.0
"""A revision that is tried is remembered until it is kept or replaced, in the same transactions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreMoved
from gatehouse.store.revision_values import Candidate, NewRevision, NewTrial, Trial
from gatehouse.store.sqlite.store import SqliteStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(DataDirectory(tmp_path))
    opened.revisions.append(text="good", operator="ann", comment="", committed_at=1.0)
    yield opened
    opened.close()


def commit(store: SqliteStore, **fields: object) -> int:
    new = NewRevision(text="new", operator="ann", comment="", committed_at=2.0, **fields)  # type: ignore[arg-type]
    return store.commit_revision(new)


def test_a_commit_begins_a_trial_and_takes_the_candidate(store: SqliteStore) -> None:
    store.candidates.put(Candidate(operator="ann", base=1, text="new", changed_at=1.0))
    number = commit(store, trial=NewTrial(good=1, confirm_by=99.0), candidate="ann")
    expected = Trial(revision=number, good=1, seen_running=False, confirm_by=99.0)
    assert store.trials.current() == expected
    assert store.candidates.get("ann") is None


def test_what_runs_and_needs_no_confirmation_is_tried_no_more(store: SqliteStore) -> None:
    number = commit(store, trial=NewTrial(good=1), secrets={"undo": b"x"})
    store.settle_trial(number, confirm_by=None, secrets={"undo": None}, at=3.0)
    assert store.trials.current() is None
    assert store.secrets.get("undo") is None


def test_what_runs_can_wait_for_its_confirmation(store: SqliteStore) -> None:
    number = commit(store, trial=NewTrial(good=1, confirm_by=99.0))
    store.settle_trial(number, confirm_by=120.0, secrets={}, at=3.0)
    trial = store.trials.current()
    assert trial is not None
    assert trial.seen_running
    assert trial.confirm_by == 120.0


def test_only_who_says_so_ends_a_trial(store: SqliteStore) -> None:
    commit(store, trial=NewTrial(good=1))
    commit(store)
    assert store.trials.current() is not None
    commit(store, ends_trial=True)
    assert store.trials.current() is None


def test_who_comes_second_is_refused_and_changes_nothing(store: SqliteStore) -> None:
    commit(store, after=1)
    with pytest.raises(StoreMoved, match="Revision 2"):
        commit(store, after=1, secrets={"a": b"x"}, trial=NewTrial(good=1))
    assert store.secrets.get("a") is None
    assert store.trials.current() is None
    current = store.revisions.current()
    assert current is not None
    assert current.number == 2


def test_a_candidate_and_what_waits_with_it_are_kept_together(store: SqliteStore) -> None:
    broken = Candidate(operator="ann", base=1, text=None, changed_at=1.0)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        store.keep_candidate(broken, {"pending/ann/x": b"1"})
    assert store.secrets.get("pending/ann/x") is None
    good = Candidate(operator="ann", base=1, text="t", changed_at=1.0)
    store.keep_candidate(good, {"pending/ann/x": b"1"})
    assert store.candidates.get("ann") == good
    assert store.secrets.get("pending/ann/x") == b"1"
