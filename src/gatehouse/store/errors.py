# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with remembering, in words that the receiver can turn into a reply.

Rule: a write that failed has failed. A failed fsync or commit is never repeated into a success,
because the kernel may have dropped the dirty pages and report success the second time. `StoreBusy`
and `StoreUnavailable` are a 451 4.3.0 for the client, `StoreFull` a 452 4.3.1.
"""

import errno


class StoreError(Exception):
    """The store did not do what it was asked; nothing of it may be promised to anybody."""


class StoreBusy(StoreError):
    """Another process kept its turn to write for too long."""


class StoreUnavailable(StoreError):
    """A file or the database could not be read, written or flushed."""


class StoreFull(StoreError):
    """No space, no inodes or no quota left."""


class StoreCorrupt(StoreError):
    """What lies on disk is not what was written: cut off, foreign or damaged."""


class BodyMissing(StoreCorrupt):
    """The segment of a body is not there. Load the message again: its body may have been moved."""


class StoreRefused(StoreError):
    """The operation contradicts what is stored, such as a MID that is taken."""


class StoreMoved(StoreRefused):
    """Somebody else has committed a configuration meanwhile."""


# ENOSPC also stands for "no inodes"; EDQUOT for either under a quota; EFBIG for a file size limit.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def from_os_error(error: OSError, doing: str) -> StoreError:
    """The store's word for a system's error; `doing` says what was tried: "write a body"."""
    text = f"Could not {doing}: {error.strerror or error}"
    return StoreFull(text) if error.errno in _FULL else StoreUnavailable(text)
