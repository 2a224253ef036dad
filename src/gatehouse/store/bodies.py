# SPDX-License-Identifier: Apache-2.0
"""What the store can do with bodies: the part of `interface` that speaks of octets on disk."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from gatehouse.store.errors import StoreError
from gatehouse.store.values import BodyRef


class OpenBody(Protocol):
    """A body that is being received. Exactly one of `finish` and `abort` ends it."""

    @property
    def size(self) -> int:
        """Octets written so far."""

    def write(self, chunk: bytes) -> None:
        """Take the next octets of the body."""

    def finish(self) -> BodyRef:
        """The body is complete. It is durable only after the writer's next successful `sync`."""

    def abort(self) -> None:
        """Forget the body; harmless after either end."""


class BodyWriter(Protocol):
    """The one per process that appends bodies to the spool."""

    def begin(self) -> OpenBody:
        """A new, empty body."""

    def sync(self) -> None:
        """Make every body finished so far durable. One that a failed sync has lost stays lost."""

    def seal(self, envelopes: Mapping[int, bytes]) -> tuple[dict[int, int], list[StoreError]]:
        """`sync`, with these envelopes put behind the bodies in the segments they name.

        Returns where each such group ends if it is durable, and the errors of the others.
        """

    def is_durable(self, ref: BodyRef) -> bool:
        """Whether a body of this writer that nobody settled yet is on stable storage."""

    def settle(self, ref: BodyRef) -> None:
        """The queue knows the body, or nobody ever will: we no longer guard its segment."""

    def close(self) -> None:
        """Let go of the open segments."""


class BodyReader(Protocol):
    """Reads bodies back, never a damaged one to its end."""

    def read(self, ref: BodyRef, chunk_size: int = 65536) -> Iterator[bytes]:
        """The body in chunks; the last one comes only after the checksum proved right."""

    def read_small(self, ref: BodyRef) -> bytes:
        """The whole body at once, checked; for bodies known to be small."""
