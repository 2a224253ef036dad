# SPDX-License-Identifier: Apache-2.0
"""The bytes that have come and are not used yet; cuts command lines out of them.

Rule: a line ends with CRLF and nothing else. A line without end is never kept: past the longest
line that any command may have, its octets are counted and dropped until the CRLF comes.
"""

from gatehouse.smtp import limits


class CommandReader:
    """Bytes in order of arrival. Content is taken from the same place, by `take`."""

    __slots__ = ("_buffer", "_skipped", "_skipped_head", "_start", "length", "longest")

    def __init__(self) -> None:
        self._buffer = b""
        self._start = 0  # the offset of the first unused octet
        self._skipped = 0  # octets dropped of the line that we are in
        self._skipped_head = b""
        self.length = 0  # octets of the last line, with its CRLF
        self.longest = limits.UNTERMINATED_LINE  # AUTH needs more (RFC 4954 §4.3)

    @property
    def pending(self) -> int:
        """Octets that wait."""
        return len(self._buffer) - self._start

    def add(self, data: bytes) -> None:
        """Bytes have come."""
        if self._start:
            self._buffer = self._buffer[self._start :] + data
            self._start = 0
        else:
            self._buffer = self._buffer + data if self._buffer else data

    def clear(self) -> None:
        """Forget everything."""
        self._buffer = b""
        self._start = self._skipped = 0

    def line(self) -> bytes | None:
        """The next line without CRLF; None when it is not complete. `length` is its length.

        Of an overlong line only the beginning is returned; the length is the true one.
        """
        buffer, start = self._buffer, self._start
        if not buffer:
            return None
        end = buffer.find(b"\r\n", start)
        if end < 0:
            self._drop_overlong()
            return None
        self._start = behind = end + 2
        self.length = behind - start
        if behind == len(buffer):
            self._buffer = b""
            self._start = 0
        if not self._skipped:
            return buffer[start:end]
        self.length += self._skipped
        self._skipped = 0
        return self._skipped_head

    def starts_with(self, prefix: bytes) -> bool:
        """True when the unfinished line begins with `prefix`."""
        if self._skipped:
            return self._skipped_head.startswith(prefix)
        return self._buffer.startswith(prefix, self._start)

    @property
    def dropped(self) -> int:
        """Octets dropped so far of a line that has no end yet."""
        return self._skipped

    def take(self, most: int | None = None) -> bytes:
        """The next octets, all or at most so many; they are used now."""
        buffer, start = self._buffer, self._start
        if most is None or most >= len(buffer) - start:
            self._buffer = b""
            self._start = 0
            return buffer[start:] if start else buffer
        self._start = start + most
        return buffer[start : self._start]

    def give_back(self, data: bytes) -> None:
        """What was taken and belongs to the next command; only directly after taking all."""
        self._buffer = data
        self._start = 0

    def _drop_overlong(self) -> None:
        have = len(self._buffer) - self._start
        if not self._skipped and have <= self.longest:
            return
        if not self._skipped:
            self._skipped_head = self._buffer[self._start : self._start + limits.LOGGED_TEXT]
        keep = 1 if self._buffer.endswith(b"\r") else 0  # its LF may be the next octet
        self._skipped += have - keep
        self._buffer = b"\r" if keep else b""
        self._start = 0
