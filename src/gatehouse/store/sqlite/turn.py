# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to write: one lock between all processes of a data directory.

SQLite lets one connection write at a time and makes the others sleep and look again, in steps that
grow to 100 ms. An flock wakes the next one at once (docs/adr/0004). flock has no time limit, so a
waiting thread of ours does the waiting when the lock is not free; we wait for that thread, as long
as we want and no longer.
"""

import fcntl
import os
import threading
from pathlib import Path

from gatehouse.store.errors import StoreBusy, StoreUnavailable, from_os_error


class WriterTurn:
    """The right to write. Not for two threads at once: the connection's own lock comes first."""

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_os_error(error, f"open {path.name}") from error
        self._asked = threading.Semaphore(0)
        self._granted = threading.Semaphore(0)
        self._state = threading.Lock()
        self._wanted = False  # somebody still waits for what the thread was asked to get
        self._pending = False  # the thread is at it
        self._closed = False
        self._thread: threading.Thread | None = None

    def take(self, patience: float) -> None:
        """Get the turn within `patience` seconds, or raise `StoreBusy`."""
        if not self._pending and self._try():
            return
        with self._state:
            self._wanted = True
            if not self._pending:
                self._pending = True
                self._start_thread()
                self._asked.release()
        if self._granted.acquire(timeout=patience):
            return
        with self._state:
            if self._granted.acquire(blocking=False):  # it came in the last instant
                return
            self._wanted = False
        raise StoreBusy(f"Another process has kept the database for {patience:g} s")

    def give_back(self) -> None:
        """Let the next one write."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """End the waiting thread, if there is one that is idle."""
        if self._closed:
            return
        self._closed = True
        self._asked.release()
        if self._thread is not None and not self._pending:
            self._thread.join()
            self._thread = None
        if not self._pending:
            os.close(self._fd)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise StoreUnavailable(f"Could not lock the database: {error.strerror}") from error
        return True

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._wait_for_turns, daemon=True)
            self._thread.start()

    def _wait_for_turns(self) -> None:
        while True:
            self._asked.acquire()
            if self._closed:
                return
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            with self._state:
                self._pending = False
                if self._wanted:
                    self._wanted = False
                    self._granted.release()
                else:  # nobody waits any more
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
