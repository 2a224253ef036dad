# SPDX-License-Identifier: Apache-2.0
"""Content of BDAT: chunks of announced length (RFC 3030 §2), under the same purity as DATA.

Rule: the octets behind a BDAT line belong to it, whether we want them or not. A refused command is
answered when its octets have gone by; only so does the next octet after them count as a command.
Dots mean nothing here; a chunk border may fall anywhere, also between CR and LF.
"""

from gatehouse.smtp.data_reader import is_pure


class ChunkReader:
    """Reads one message in chunks. `size` counts octets; `over` and `impure` are verdicts."""

    __slots__ = ("_held", "_limit", "impure", "last", "left", "over", "size", "total")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = b""  # a CR whose LF has not come yet
        self.size = 0
        self.over = False
        self.impure = False
        self.left = 0  # octets of the chunk still to come
        self.total = 0  # octets of the chunk as announced
        self.last = False

    def begin(self, total: int, last: bool) -> None:
        """A BDAT line has come."""
        self.left = self.total = total
        self.last = last

    def read(self, data: bytes) -> bytes:
        """Take octets of the chunk, no more than `left`; the clean content in them."""
        self.left -= len(data)
        self.size += len(data)
        if self.size > self._limit:
            self.over = True
        if self.impure:
            return b""
        piece = self._held + data if self._held else data
        self._held = b""
        if piece.endswith(b"\r") and not (self.last and self.left == 0):
            self._held = b"\r"
            piece = piece[:-1]
        if not is_pure(piece):
            self.impure = True
        return b"" if self.impure or self.over else piece

    def finish(self) -> None:
        """The last chunk is complete: a CR still held back has no LF any more."""
        if self._held:
            self.impure = True
