# SPDX-License-Identifier: Apache-2.0
"""Files that a person names: read within a bound, written new and for their owner alone.

Rule: a file is there with all that belongs into it, or it is not there. Of a configuration that was
cut off in its text the rest could be read as a whole one.

Somebody who sits at this machine has the rights that the system gives him. Who works from afar has
the gateway's, by way of a process of ours, and so gets one folder and plain names in it.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gatehouse.faces.actions.errors import OperatorError


def read(name: str, most: int) -> bytes:
    """What a file holds, and little more than `most` of it; OperatorError."""
    try:
        with Path(name).open("rb") as stream:
            return stream.read(most + 1)
    except (OSError, ValueError) as error:
        raise _fault("file-unreadable", "The file cannot be read", error, name) from None


def write_new(name: str, content: bytes) -> None:
    """A file that was not there, 0600 from its first instant; OperatorError."""
    try:
        _fill(os.open(name, _NEW, 0o600), content, partial(os.unlink, name))
    except (OSError, ValueError) as error:
        raise _fault("file-unwritable", "The file cannot be written", error, name) from None


def replace(name: str, content: bytes) -> None:
    """The file that has this name is another one from now on, 0600; the old one or the new one."""
    try:
        path = Path(name)
        # A device or a pipe would be gone: for root `/dev/null` is a name like any other.
        if os.path.lexists(path) and not (path.is_symlink() or path.is_file()):
            raise FileExistsError(errno.EEXIST, "it is no file that could be replaced")
        draft = path.with_name(f".gatehouse-{secrets.token_hex(8)}")
        _fill(os.open(draft, _NEW, 0o600), content, draft.unlink)
        try:
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise _fault("file-unwritable", "The file cannot be written", error, name) from None


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def _fill(descriptor: int, content: bytes, undo: Callable[[], None]) -> None:
    """Write a file that was just made; with a full disk, or at Ctrl-C, it is gone again."""
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        undo()
        raise


_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
MOST_FILES = 1000  # in a folder for people from afar; ours: nobody looks through more


class Folder:
    """One folder of the gateway's: no paths, no links, no devices. Made when it is first used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str, most: int) -> bytes:
        """What a file there holds, and little more than `most` of it; OperatorError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with os.fdopen(self._open(name, flags), "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise ValueError("no file")
                return stream.read(most + 1)
        except (OSError, ValueError) as error:
            raise _fault("file-unreadable", "The file cannot be read", error, name) from None

    def write_new(self, name: str, content: bytes) -> None:
        """A file that was not there, 0600 from its first instant; OperatorError."""
        try:
            if self._path.is_dir() and len(os.listdir(self._path)) >= MOST_FILES:
                raise OperatorError(
                    "too-many-files", f"There are {MOST_FILES} files already.", self._path.name
                )
            opened = self._open(name, _NEW | os.O_NOFOLLOW)
            _fill(opened, content, partial(os.unlink, self._path / name))
        except (OSError, ValueError) as error:
            raise _fault("file-unwritable", "The file cannot be written", error, name) from None

    def _open(self, name: str, flags: int) -> int:
        if _PLAIN_NAME.fullmatch(name) is None:
            raise OperatorError(
                "file-elsewhere",
                "From afar only files in the gateway's own folder can be named.",
                name[:100],
                f"A plain name, like gw1.toml; the folder is {self._path}.",
            )
        self._path.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(self._path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return os.open(name, flags, 0o600, dir_fd=folder)
        finally:
            os.close(folder)


def _fault(reference: str, what: str, error: Exception, name: str) -> OperatorError:
    reason = getattr(error, "strerror", None) or "the name cannot be used"
    return OperatorError(reference, f"{what}: {reason}.", name)
