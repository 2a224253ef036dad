# SPDX-License-Identifier: Apache-2.0
"""Every file operation that durability depends on, so that a test can make each of them fail.

Rule: an error comes out as a `StoreError`; nothing here tries a flush a second time.
"""

import fcntl
import os
from pathlib import Path

from gatehouse.store.errors import StoreUnavailable, from_os_error

# Linux stops at 1024 buffers per call (IOV_MAX, <limits.h>).
_BUFFERS_PER_CALL = 1024


class Files:
    """The real ones. Tests derive from it and inject faults."""

    def create(self, path: Path) -> int:
        """A new file, mode 0600 from the first instant; never an existing one."""
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_os_error(error, f"create {path.name}") from error

    def write(self, fd: int, buffers: list[bytes], offset: int) -> int:
        """Write all buffers one behind the other at `offset`; the octets written."""
        done = 0
        try:
            for start in range(0, len(buffers), _BUFFERS_PER_CALL):
                part = buffers[start : start + _BUFFERS_PER_CALL]
                done += self._write_all(fd, part, offset + done)
        except OSError as error:
            raise from_os_error(error, "write a body") from error
        return done

    def _write_all(self, fd: int, buffers: list[bytes], offset: int) -> int:
        total = sum(map(len, buffers))
        written = os.pwritev(fd, buffers, offset)
        if written < total:
            rest = memoryview(b"".join(buffers))
            while written < total:  # a short write: the next call says why, or goes on
                more = os.pwrite(fd, rest[written:], offset + written)
                if more == 0:
                    raise StoreUnavailable("Could not write a body: nothing was written")
                written += more
        return total

    def flush(self, fd: int) -> None:
        """Put a file's data on stable storage."""
        try:
            os.fdatasync(fd)
        except OSError as error:
            raise from_os_error(error, "flush a body") from error

    def flush_directory(self, directory: Path) -> None:
        """Put the names in a directory on stable storage."""
        try:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise from_os_error(error, f"flush the directory {directory.name}") from error

    def cut(self, fd: int, length: int) -> None:
        """Take away what lies behind the first `length` octets."""
        try:
            os.ftruncate(fd, length)
        except OSError as error:
            raise from_os_error(error, "cut off what could not be flushed") from error

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone already is fine."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, f"remove {path.name}") from error

    def own(self, fd: int) -> bool:
        """Mark an open file as ours until it is closed or we die; False when it is another's."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise from_os_error(error, "lock a segment") from error
        return True
