# SPDX-License-Identifier: Apache-2.0
"""The candidate: a configuration that was loaded and checked and does not run yet.

There is one for the whole gateway, in a file of its own in the data directory, replaced in one
step: a crash leaves the old one or the new one, never a half.
"""

import os
from contextlib import suppress
from pathlib import Path

from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import from_os_error

_NAME = "candidate.toml"


class Candidate:
    """Reads and replaces it; raises StoreError."""

    def __init__(self, directory: DataDirectory) -> None:
        self._path = directory.path / _NAME

    def read(self) -> bytes | None:
        """The text, None when there is no candidate."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os_error(error, "read the candidate") from error

    def write(self, text: bytes) -> None:
        """Replace it."""
        new = self._path.with_name(f"{_NAME}.{os.getpid()}")
        try:
            _write_private(new, text)
            new.replace(self._path)
            _flush_directory(self._path.parent)
        except OSError as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise from_os_error(error, "keep the candidate") from error

    def clear(self) -> bool:
        """Forget it; False when there was none."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise from_os_error(error, "forget the candidate") from error
        return True


def _write_private(path: Path, text: bytes) -> None:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(fd)


def _flush_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
