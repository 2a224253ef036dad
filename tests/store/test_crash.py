# SPDX-License-Identifier: Apache-2.0
"""A process dies at each step of a commit; the next one finds what was promised, nothing else."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import QueueFilter
from tests import warm
from tests.store.crash_child import content

Plan = dict[str, dict[str, object]]

FILE_STEPS: list[Plan] = [
    {"files": {operation: [None] * skip + [how]}}
    for operation, skips in (("create", 1), ("write", 4), ("flush", 3), ("flush_directory", 1))
    for skip in range(skips)
    for how in ("die", "die after")
]
DISK_STEPS: list[Plan] = [
    {"disk": {"operation": operation, "at": at, "how": how}}
    for operation, ats, hows in (
        ("write", (1, 2, 3, 5, 8, 12), ("die", "tear", "die after")),
        ("sync", (1, 2, 3), ("die", "die after")),
    )
    for at in ats
    for how in hows
]

LATE_STEPS: list[Plan] = [{"late": {}, **plan} for plan in FILE_STEPS + DISK_STEPS]


def run_child(data: Path, plan: object) -> tuple[dict[str, set[int]], bool]:
    """What the child said by kind of word, and whether it died on the way."""
    run = warm.run("tests.store.crash_child", str(data), json.dumps(plan))
    said: dict[str, set[int]] = defaultdict(set)
    for line in run.stdout.decode().splitlines():
        word, number = line.split()
        said[word].add(int(number))
    assert run.returncode in (0, 9), run.stderr
    return said, run.returncode == 9


def check(store: SqliteStore, said: dict[str, set[int]]) -> None:
    store.recover()
    queued = {entry.mid for entry in store.queue.list(QueueFilter(), 1000)}
    assert said["ACK"] - said["TRY"] <= queued, "LOST: promised and gone"
    assert queued <= said["OFFER"], "PHANTOM: never offered"
    assert not queued & said["DONE"], "settled and still there"
    for mid in queued:
        found = store.queue.load(mid)
        assert found is not None
        assert b"".join(store.spool.read(found.body)) == content(mid), "CORRUPT"
    store.reclaim()
    on_disk = set(store.spool.segments())
    assert on_disk == set(store.queue.live_segments()), "ORPHAN: a segment without a row"
    assert store.ids.next("mid") > max(said["OFFER"]), "a MID was given twice"


@pytest.mark.parametrize("plan", FILE_STEPS + DISK_STEPS + LATE_STEPS, ids=json.dumps)
def test_a_death_at_this_step_loses_and_invents_nothing(
    tmp_path: Path, plan: dict[str, dict[str, object]]
) -> None:
    said, died = run_child(tmp_path / "data", plan)
    assert died, "the step was never reached: this case would prove nothing"
    store = open_store(DataDirectory(tmp_path / "data"))
    try:
        check(store, said)
    finally:
        store.close()


@pytest.mark.parametrize("plan", [{}, {"late": {}}], ids=json.dumps)
def test_the_child_comes_to_its_end_without_faults(tmp_path: Path, plan: Plan) -> None:
    said, died = run_child(tmp_path / "data", plan)
    assert not died
    assert said["END"] == {0}
    store = open_store(DataDirectory(tmp_path / "data"))
    try:
        check(store, said)
        assert store.queue.totals().messages == 12 - 4
    finally:
        store.close()


def test_the_check_bites(tmp_path: Path) -> None:
    """A body damaged on disk, or a promise that was not kept, must not go unnoticed."""
    said, _ = run_child(tmp_path / "data", {})
    store = open_store(DataDirectory(tmp_path / "data"))
    try:
        lost = {**said, "ACK": said["ACK"] | {max(said["OFFER"]) + 1}, "TRY": said["TRY"]}
        with pytest.raises(AssertionError, match="LOST"):
            check(store, lost)
        with pytest.raises(AssertionError, match="PHANTOM"):
            check(store, {**said, "OFFER": {0}, "ACK": set(), "TRY": said["TRY"]})
    finally:
        store.close()
