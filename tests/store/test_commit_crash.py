# SPDX-License-Identifier: Apache-2.0
"""A process dies at each write of a commit: the next start has the old or the new, no mixture.

The database is the only thing that a commit writes. Old and new are the text together with the
certificate that belongs to it. Whether the new one can run or not, the next start comes up.
"""

import asyncio
import json
from pathlib import Path

import pytest

from gatehouse.policy.alarms import Alarm
from gatehouse.service.base.clock import Clock
from gatehouse.service.commit.conductor import ApplyFailed
from gatehouse.service.commit.trials import Trials, TrialTools
from gatehouse.service.trust import keyring, pending
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import SqliteStore, open_store
from tests import warm
from tests.store.commit_child import NEW, OLD, pair

# More than a commit makes; what is never reached is noticed below.
MOST = 60


def run_child(data: Path, outcome: str, fault: object) -> tuple[list[str], bool]:
    """What the child said, and whether it died."""
    run = warm.run("tests.store.commit_child", str(data), outcome, json.dumps(fault))
    assert run.returncode in (0, 9), run.stderr
    return run.stdout.decode().split("\n"), run.returncode == 9


def start(store: SqliteStore, refused: str) -> tuple[str, list[Alarm]]:
    """The text by which the next start runs, and its alarms."""
    ran: list[str] = []
    alarms: list[Alarm] = []

    async def begin(revision: int, tried: bool) -> None:
        found = store.revisions.get(revision)
        assert found is not None
        if found.text == refused:
            raise ApplyFailed("it cannot run")
        ran.append(found.text)

    async def apply(revision: int, operator: str, comment: str) -> None:
        await begin(revision, False)

    async def tell(alarm: Alarm) -> None:
        alarms.append(alarm)

    tools = TrialTools(
        store=store,
        clock=Clock(wall=lambda: 10.0, monotonic=lambda: 0.0),
        committing=asyncio.Lock(),
        start=begin,
        apply=apply,
        tell=tell,
    )
    asyncio.run(Trials(tools).start())
    return ran[-1], alarms


def check(data: Path, outcome: str, said: list[str]) -> str:
    """All of the old or all of the new; which of the two."""
    store = open_store(DataDirectory(data))
    try:
        text, _ = start(store, NEW if outcome == "fail" else "")
        assert text in (OLD, NEW)
        word = "new" if text == NEW else "old"
        assert keyring.get(store, "mx") == pair(word), "MIXTURE: text and certificate"
        assert bool(pending.names(store, "ann")) == (word == "old"), "MIXTURE: what waits"
        assert store.trials.current() is None
        if "END" in said:
            assert word == ("old" if outcome == "fail" else "new"), "LOST: it was promised"
        if word == "old":
            kept = store.candidates.get("ann")
            assert kept is not None, "LOST: the candidate"
            assert kept.text == NEW
        return word
    finally:
        store.close()


@pytest.mark.parametrize(
    ("outcome", "operation", "at", "how"),
    [
        ("run", "write", 2, "tear"),
        ("run", "sync", 1, "die"),
        ("run", "sync", 1, "die after"),
        ("run", "sync", 2, "die"),
        ("fail", "sync", 1, "die after"),
        ("fail", "sync", 2, "die after"),
        ("fail", "sync", 3, "die"),
    ],
)
def test_a_death_at_this_write_leaves_the_old_or_the_new(
    tmp_path: Path, outcome: str, operation: str, at: int, how: str
) -> None:
    fault = {"operation": operation, "at": at, "how": how}
    said, died = run_child(tmp_path / "data", outcome, fault)
    assert died, "the write was never reached: this case would prove nothing"
    check(tmp_path / "data", outcome, said)


@pytest.mark.parametrize(("outcome", "word"), [("run", "new"), ("fail", "old")])
def test_without_a_death_it_is_as_the_outcome_says(tmp_path: Path, outcome: str, word: str) -> None:
    said, died = run_child(tmp_path / "data", outcome, None)
    assert not died
    assert "END" in said
    assert check(tmp_path / "data", outcome, said) == word


@pytest.mark.crash
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("outcome", ["run", "fail"])
@pytest.mark.parametrize("operation", ["write", "sync"])
def test_a_death_at_every_write_and_flush(tmp_path: Path, outcome: str, operation: str) -> None:
    words: list[str] = []
    for at in range(1, MOST):
        for how in ("die", "die after", *(("tear",) if operation == "write" else ())):
            data = tmp_path / f"{at}-{how}"
            said, died = run_child(data, outcome, {"operation": operation, "at": at, "how": how})
            if not died:
                # What was written survives a process that dies before its flush: only a write
                # that did not happen leaves the old.
                both = outcome == "run" and operation == "write"
                assert set(words) == (
                    {"old", "new"} if both else {"old" if outcome == "fail" else "new"}
                )
                return
            words.append(check(data, outcome, said))
    raise AssertionError("a commit makes more writes than are looked at")
