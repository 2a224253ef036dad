# SPDX-License-Identifier: Apache-2.0
"""The file layer: whole writes, private files, and no second try for a flush."""

import os
import stat
from pathlib import Path

import pytest

from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.files import Files


@pytest.fixture
def fd(tmp_path: Path) -> int:
    return Files().create(tmp_path / "f")


def test_a_new_file_is_private_and_never_an_old_one(tmp_path: Path, fd: int) -> None:
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    with pytest.raises(StoreUnavailable, match="File exists"):
        Files().create(tmp_path / "f")
    os.close(fd)


def test_more_buffers_than_one_call_takes_are_all_written(tmp_path: Path, fd: int) -> None:
    buffers = [b"%d," % number for number in range(3000)]
    assert Files().write(fd, buffers, 3) == sum(map(len, buffers))
    assert (tmp_path / "f").read_bytes() == b"\0\0\0" + b"".join(buffers)
    os.close(fd)


def test_a_short_write_is_continued(
    tmp_path: Path, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwritev", lambda fd, buffers, at: os.pwrite(fd, buffers[0][:2], at))
    assert Files().write(fd, [b"hello", b" world"], 0) == 11
    assert (tmp_path / "f").read_bytes() == b"hello world"
    os.close(fd)


def test_a_failed_flush_is_tried_once(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail(number: int) -> None:
        calls.append(number)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        Files().flush(fd)
    assert calls == [fd]
    os.close(fd)


def test_a_file_has_one_owner(tmp_path: Path, fd: int) -> None:
    second = os.open(tmp_path / "f", os.O_RDWR)
    assert Files().own(fd)
    assert not Files().own(second)
    os.close(fd)
    assert Files().own(second)
    os.close(second)
