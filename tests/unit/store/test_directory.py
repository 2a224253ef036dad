# SPDX-License-Identifier: Apache-2.0
"""The data directory: private, and used by one gateway at a time."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreUnavailable


def test_the_layout_is_made_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        directory = DataDirectory(tmp_path / "d")
        directory.prepare()
    finally:
        os.umask(before)
    for path in (directory.path, directory.spool, directory.logs):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    directory.prepare()


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "d")
    directory.prepare()
    directory.path.chmod(0o750)
    with pytest.raises(StoreUnavailable, match="chmod 700"):
        directory.prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "d")
    directory.prepare()
    os.chown(directory.path, 12345, -1)
    with pytest.raises(StoreUnavailable, match="uid 12345"):
        directory.prepare()


def test_two_gateways_never_share_a_directory(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "d")
    directory.prepare()
    assert directory.running() is None
    lock = directory.lock()
    assert directory.running() == os.getpid()
    with pytest.raises(StoreUnavailable, match=f"process {os.getpid()}"):
        DataDirectory(tmp_path / "d").lock()
    lock.close()
    lock.close()
    assert directory.running() is None
    directory.lock().close()


def _of_a_dead_gateway(directory: DataDirectory) -> int:
    """The lock of a gateway whose supervisor is dead, as one of its processes has inherited it."""
    lock = directory.lock()
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    (directory.path / "lock").write_bytes(dead.stdout)
    inherited = os.dup(lock.fileno())
    lock.close()
    return inherited


def test_the_processes_of_a_dead_gateway_are_waited_for(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "d")
    directory.prepare()
    inherited = _of_a_dead_gateway(directory)
    timer = threading.Timer(0.1, os.close, (inherited,))
    timer.start()
    directory.lock().close()
    timer.join()


def test_processes_of_a_dead_gateway_that_do_not_end_keep_the_directory(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "d")
    directory.prepare()
    inherited = _of_a_dead_gateway(directory)
    try:
        with pytest.raises(StoreUnavailable, match="Another gateway"):
            directory.lock(patience=0.0)
    finally:
        os.close(inherited)


def test_no_gateway_starts_while_a_command_keeps_it_idle(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    first, second = directory.keep_idle(), directory.keep_idle()
    assert first is not None and second is not None, "commands do not hinder each other"
    assert directory.running() is None
    first.close()
    with pytest.raises(StoreUnavailable):
        directory.lock(patience=0.0)
    second.close()
    lock = directory.lock(patience=0.0)
    assert directory.keep_idle() is None
    lock.close()


def test_space_is_not_enough_below_the_reserve(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "d")
    directory.prepare()
    assert directory.space(1, 0.0).enough
    assert not directory.space(2**62, 0.0).enough
    assert not directory.space(1, 100.1).enough
