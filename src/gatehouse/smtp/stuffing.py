# SPDX-License-Identifier: Apache-2.0
"""Content on its way out: dots doubled, the end marked, and proof that no line ends with anything
but CRLF.

RFC 5321 §4.5.2 (transparency) and §2.3.8: a bare CR or LF must not be sent. Some receivers take a
bare one for a line end, and then an attacker's text inside our message becomes a second message
(SMTP smuggling). Content is checked when it comes in; it is checked again here, at the one place
where content becomes wire, because a way in that forgets must not become a way out.

Whole chunks, C speed: the newline decoder of `io` is used as a scanner, which sees every kind of
line end in one pass and keeps a CR at the end of a chunk in mind. Counting CR, LF and CRLF costs
four times as much.
"""

import io
import re

_DOT_LINE = re.compile(rb"\n\.")  # as a search, faster than `in` and `replace` with two bytes


class ImpureBody(Exception):
    """Content with a bare CR, a bare LF or a NUL reached the wire: a broken contract, and the
    message must not end.
    """


class Stuffer:
    """The content of one message, chunk by chunk."""

    __slots__ = ("_last", "_scanner")

    def __init__(self) -> None:
        self._last = b"\n"  # the byte before the next one; content begins at a line's beginning
        self._scanner = io.IncrementalNewlineDecoder(None, translate=False)

    def stuff(self, chunk: bytes) -> bytes:
        """The chunk as it goes on the wire; the very same object if nothing is to be doubled."""
        if not chunk:
            return chunk
        self._scanner.decode(chunk.decode("latin-1"))
        self._check()
        if b"\0" in chunk:
            raise ImpureBody("NUL in outgoing content")
        before = self._last
        self._last = chunk[-1:]
        if b"." not in chunk:
            return chunk
        if _DOT_LINE.search(chunk):
            stuffed = chunk.replace(b"\n.", b"\n..")
        else:
            stuffed = chunk
        return b"." + stuffed if before == b"\n" and chunk[:1] == b"." else stuffed

    def finish(self) -> bytes:
        """What stands behind the last chunk: the missing line end if there is one missing, and
        the lone dot.
        """
        self._scanner.decode("", final=True)  # a CR that was waiting for its LF is a bare one
        self._check()
        return b".\r\n" if self._last == b"\n" else b"\r\n.\r\n"

    def _check(self) -> None:
        if self._scanner.newlines not in (None, "\r\n"):
            raise ImpureBody("bare CR or LF in outgoing content")
