# SPDX-License-Identifier: Apache-2.0
"""Several processes on one data directory: nobody loses, nobody sees half, numbers are unique."""

import subprocess
import sys
from pathlib import Path

from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import open_store
from gatehouse.store.values import Cursor, DueRecipient, QueueFilter
from tests.patience import PATIENCE


def start(data: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing_child", str(data), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": "src:."},
        cwd=Path(__file__).parents[2],
    )


def test_two_writers_and_a_reader_agree(tmp_path: Path) -> None:
    data = tmp_path / "data"
    # All three start on an empty directory at once: one of them migrates, the others wait for it.
    children = [start(data, 60), start(data, 60)]
    store = open_store(DataDirectory(data))
    cursor, seen = Cursor(), list[DueRecipient]()
    while any(child.poll() is None for child in children):
        page = store.queue.due(0.0, 5, cursor)
        seen += page.recipients
        cursor = page.cursor
    left: list[int] = []
    for child in children:
        output, _ = child.communicate(timeout=PATIENCE)
        assert child.returncode == 0
        left += map(int, output.split())
    while (page := store.queue.due(0.0, 5, cursor)).recipients:
        seen += page.recipients
        cursor = page.cursor
    assert len(left) == 80
    assert len(set(left)) == 80
    mids = [entry.mid for entry in seen]
    assert len(mids) == len(set(mids)), "a message was shown twice"
    assert set(left) <= set(mids), "a reader missed a commit"
    assert {entry.mid for entry in store.queue.list(QueueFilter(), 1000)} == set(left)
    for mid in left:
        found = store.queue.load(mid)
        assert found is not None
        assert store.spool.read_small(found.body)
    store.close()
