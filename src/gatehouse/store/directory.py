# SPDX-License-Identifier: Apache-2.0
"""The data directory: what lies where, who may look, and that only one gateway uses it.

Everything below it is for its owner alone (0700, 0600). Two gateways on one directory would
deliver each message twice, so the running one holds an flock on `lock`; the kernel lets go of it
when the process dies. The processes of a gateway inherit that lock: when only its supervisor dies,
the next gateway waits until the last of them has let go.
"""

import fcntl
import os
import stat
import time
from pathlib import Path

from gatehouse.store.errors import StoreUnavailable, from_os_error
from gatehouse.store.values import Space

# OpenSMTPD refuses new mail below 5 % of inodes; bytes are asked for by the caller.
MIN_INODES_PERCENT = 5.0
# Processes whose supervisor died end by themselves within two or three seconds.
LEFTOVER_SECONDS = 15.0
_LOOK_SECONDS = 0.05


class DataDirectory:
    """Paths below the data directory. Making one touches nothing; `prepare` creates the layout."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.database = self.path / "queue.db"
        self.spool = self.path / "spool"
        self.logs = self.path / "logs"
        self.master_key = self.path / "master.key"
        self.configuration = self.path / "configuration"  # files of people who work from afar
        self.control_socket = self.path / "control.sock"
        self.visits = self.path / "visits"  # who is logged in; see service.commit.visits
        self._lock_file = self.path / "lock"

    def prepare(self) -> None:
        """Create what is missing; refuse a directory that is another user's or open to others."""
        for directory in (self.path, self.spool, self.logs):
            _make_private(directory)

    def lock(self, patience: float = LEFTOVER_SECONDS) -> "DirectoryLock":
        """Become the only gateway here, until the result is closed or the process dies.

        A gateway that runs is refused at once; what is left of a dead one is waited for.
        """
        try:
            fd = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_os_error(error, "open the lock file") from error
        ends = time.monotonic() + patience
        while not _try_lock(fd):
            owner = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            if _lives(owner) or time.monotonic() >= ends:
                os.close(fd)
                raise StoreUnavailable(
                    f"Another gateway (process {owner or 'unknown'}) is running on {self.path}"
                )
            time.sleep(_LOOK_SECONDS)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
        return DirectoryLock(fd)

    def running(self) -> int | None:
        """The process id of the gateway running here; 0: unknown which, None: none runs."""
        try:
            fd = os.open(self._lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os_error(error, "open the lock file") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(fd, 20, 0).strip()
            return int(text) if text.isdigit() else 0
        finally:
            os.close(fd)
        return None

    def keep_idle(self) -> "DirectoryLock | None":
        """Let no gateway start here until the result is closed; None: one runs already.

        Several may hold it at once. A gateway that is started meanwhile waits, as it does for what
        is left of a dead one.
        """
        try:
            fd = os.open(self._lock_file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_os_error(error, "open the lock file") from error
        if _try_lock(fd, fcntl.LOCK_SH):
            return DirectoryLock(fd)
        os.close(fd)
        return None

    def space(self, min_bytes: int, min_inodes_percent: float = MIN_INODES_PERCENT) -> Space:
        """What is left, and whether it is enough to take on new mail."""
        try:
            found = os.statvfs(self.spool)
        except OSError as error:
            raise from_os_error(error, "ask for free space") from error
        free = found.f_bavail * found.f_frsize
        # Some file systems make inodes as they go and report none at all.
        inodes = 100.0 * found.f_favail / found.f_files if found.f_files else 100.0
        return Space(free, inodes, free >= min_bytes and inodes >= min_inodes_percent)


class DirectoryLock:
    """The right to run a gateway on a data directory, or to keep it without one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """For processes of this gateway to inherit: the lock lasts as long as one of them."""
        return self._fd

    def close(self) -> None:
        """Let another gateway start."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(owner: str) -> bool:
    """Whether the process that wrote its number into the lock file is still there."""
    if not owner.isdigit():
        return False  # just being written, or somebody only looks: it will soon be told
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        raise from_os_error(error, f"create {directory}") from error
    if status.st_uid != os.geteuid():
        raise StoreUnavailable(
            f"{directory} belongs to uid {status.st_uid}, but the gateway runs as {os.geteuid()}"
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreUnavailable(f"{directory} is open to others: chmod 700 {directory}")
