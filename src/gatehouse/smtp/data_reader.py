# SPDX-License-Identifier: Apache-2.0
r"""Content of DATA: where it ends, what it is without stuffed dots, and whether it is pure.

Rule: content ends at CRLF.CRLF and at nothing else (RFC 5321 §4.1.1.4), wherever segments are cut.
Content with a CR that no LF follows, an LF that no CR precedes, or a NUL is impure: what another
server would take for an end of data must not pass through us (SMTP smuggling, CVE-2023-51764 and
its sisters). Impure content is read to its true end and given up.

How: what could be the beginning of CRLF.CRLF at the end of the bytes seen is held back, at most
four octets; so each piece is complete in itself, and is searched, counted and replaced as a whole.
Lines longer than 1000 octets (§4.5.3.1.6) are taken as they are; who sends them on decides.
"""

from io import IncrementalNewlineDecoder

END = b"\r\n.\r\n"
_PURE = (None, "\r\n")  # no end of line at all, or this one only


class DataReader:
    """Reads one message. `size` counts unstuffed octets; `over` and `impure` are verdicts."""

    __slots__ = ("_first", "_held", "_limit", "impure", "over", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = b"\r\n"  # the end of the DATA line: "." right after it ends empty content
        self._first = True  # that CRLF is no content
        self.size = 0
        self.over = False
        self.impure = False

    def read(self, data: bytes) -> tuple[bytes, int]:
        """Take `data`; the clean content in it, and the offset behind the end mark or -1.

        The content is empty once the message is given up. It is at most four octets longer than
        `data`.
        """
        held = self._held
        window = held + data
        end = first = window.find(b"\r\n.")  # of most messages the only one, and the end
        if first >= 0 and window[first : first + 5] != END:
            end = window.find(END, first)
        if end >= 0:
            piece = window[: end + 2]  # the first CRLF of the mark ends the last line
            behind = end + len(END) - len(held)
        else:
            cut = len(window) - _could_begin_end(window)
            piece = window[:cut]
            self._held = window[cut:]
            behind = -1
        if piece:
            piece = self._clean(piece, stuffed=first != end)
        return piece, behind

    def _clean(self, piece: bytes, *, stuffed: bool) -> bytes:
        if self.impure:
            return b""
        if not is_pure(piece):
            self.impure = True
            return b""
        if stuffed:
            piece = piece.replace(b"\r\n.", b"\r\n")  # RFC 5321 §4.5.2
        if self._first:
            self._first = False
            piece = piece[2:]
        self.size += len(piece)
        if self.size > self._limit:
            self.over = True
            return b""
        return piece


def is_pure(piece: bytes) -> bool:
    """True when CR and LF occur only as CRLF, and NUL nowhere; `piece` must not cut a CRLF."""
    # The decoder of universal newlines tells which ends of line it has seen, in one pass; counting
    # CR, LF and CRLF one after the other takes three times as long. Latin-1 has a letter for each
    # octet and never a newline of its own.
    seen = IncrementalNewlineDecoder(None, translate=False)
    seen.decode(piece.decode("latin-1"), True)
    return seen.newlines in _PURE and 0 not in piece


def _could_begin_end(window: bytes) -> int:
    """Length of the longest end of `window` that CRLF.CRLF may begin with."""
    last = window[-1:]
    if last == b"\n":
        return 2 if window.endswith(b"\r\n") else 0
    if last == b"\r":
        return 4 if window.endswith(b"\r\n.\r") else 1
    if last == b".":
        return 3 if window.endswith(b"\r\n.") else 0
    return 0
