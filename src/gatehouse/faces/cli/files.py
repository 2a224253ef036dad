# SPDX-License-Identifier: Apache-2.0
"""Files that a person names: read within a bound, written new and for their owner alone."""

import os
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
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except (OSError, ValueError) as error:
        raise _fault("file-unwritable", "The file cannot be written", error, name) from None


def replace(name: str, content: bytes) -> None:
    """The file that has this name is another one from now on, 0600; the old one or the new one."""
    path = Path(name)
    draft = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    write_new(str(draft), content)
    try:
        os.replace(draft, path)
    except (OSError, ValueError) as error:
        draft.unlink(missing_ok=True)
        raise _fault("file-unwritable", "The file cannot be written", error, name) from None


def _fault(reference: str, what: str, error: Exception, name: str) -> OperatorError:
    reason = getattr(error, "strerror", None) or "the name cannot be used"
    return OperatorError(reference, f"{what}: {reason}.", name)
