# SPDX-License-Identifier: Apache-2.0
"""The candidate's file."""

import stat
from pathlib import Path

import pytest

from gatehouse.faces.actions.candidate import Candidate
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreError


def test_it_is_replaced_for_its_owner_alone_and_forgotten(tmp_path: Path) -> None:
    candidate = Candidate(DataDirectory(tmp_path))
    assert candidate.read() is None
    candidate.write(b"one")
    candidate.write(b"two")
    assert candidate.read() == b"two"
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert candidate.clear()
    assert not candidate.clear()
    assert list(tmp_path.iterdir()) == []


def test_trouble_is_the_stores_and_leaves_the_old_one(tmp_path: Path) -> None:
    missing = Candidate(DataDirectory(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="keep the candidate"):
        missing.write(b"x")
    (tmp_path / "candidate.toml").mkdir()
    blocked = Candidate(DataDirectory(tmp_path))
    for use in (blocked.read, blocked.clear, lambda: blocked.write(b"x")):
        with pytest.raises(StoreError):
            use()
    assert [one.name for one in tmp_path.iterdir()] == ["candidate.toml"]
