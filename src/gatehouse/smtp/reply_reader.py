# SPDX-License-Identifier: Apache-2.0
"""Server replies out of bytes: one complete reply, one fault, or nothing because more bytes are
needed.

RFC 5321 §4.2: `NNN[-| ]text CRLF`. The rules, all on the strict side because a reply that is
misread decides the fate of a message:

- A line ends with CRLF and nothing else. A bare LF, a bare CR or a NUL anywhere is a fault.
- The first digit is 2 to 5 (SMTP has no 1xx replies). The second may be any digit: the grammar says
  0 to 5, but servers in use answer 471, 571 or 573, and their meaning is in the first digit
  (§4.2.1).
- Every line of one reply carries the same code. `250` with nothing behind it is a whole reply.
- Lines, their number and the whole are bounded.
- Text is for people. Bytes outside printable ASCII are kept as `\\xNN`, so that nothing a server
  says can act on a log or a terminal; only the code and the enhanced code (RFC 3463, when its class
  agrees with the code) are evaluated.
"""

import re
from dataclasses import dataclass

from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_limits

# What nearly every reply is: one line of printable text, short, with or without an enhanced code.
# A short cut only; whatever it does not match is read by the rules below, with the same result.
_COMMON = re.compile(
    rb"([2-5])([0-9][0-9]) (?:(?!3)\1(\.[0-9]{1,3}\.[0-9]{1,3}) )?(?![0-9]\.)([ -~]{1,400})\r\n"
)
_CODE = re.compile(rb"[2-5][0-9][0-9](?=[ -]|\Z)")
_ENHANCED = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?= |\Z)")


@dataclass(frozen=True, slots=True)
class Malformed:
    """The server's bytes are no reply; what they would have decided is unknown."""

    what: str


class ReplyReader:
    """A buffer of server bytes that gives whole replies."""

    __slots__ = ("_buffer", "_code", "_lines", "_octets", "_position")

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0
        self._code = b""  # of the reply whose lines are being collected
        self._lines: list[str] = []
        self._octets = 0

    @property
    def pending(self) -> bool:
        """Whether bytes or lines wait for the rest of their reply."""
        return bool(self._lines) or self._position < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes from the wire. What is kept stays bounded as long as `next_reply` is asked
        until None.
        """
        if self._position < len(self._buffer):
            self._buffer = self._buffer[self._position :] + data
        else:
            self._buffer = data
        self._position = 0

    def next_reply(self) -> Reply | Malformed | None:
        """The next whole reply. After Malformed, ask no more: the place in the stream is lost."""
        if not self._lines:
            common = _COMMON.match(self._buffer, self._position)
            if common is not None:
                self._position = common.end()
                digit, rest, detail, text = common.groups()
                enhanced = None if detail is None else (digit + detail).decode()
                return Reply(int(digit + rest), enhanced, (text.decode(),))
        while True:
            end = self._buffer.find(
                b"\n", self._position, self._position + client_limits.MAX_REPLY_LINE
            )
            if end < 0:
                return self._unfinished()
            line = self._buffer[self._position : end + 1]
            self._position = end + 1
            answer = self._take(line)
            if answer is not None:
                return answer

    def _unfinished(self) -> Malformed | None:
        """No line end in reach: fine while the line may still become one."""
        rest = self._buffer[self._position :]
        if len(rest) >= client_limits.MAX_REPLY_LINE:
            return Malformed("reply line too long")
        if b"\0" in rest:
            return Malformed("NUL in reply")
        if b"\r" in rest[:-1]:
            return Malformed("bare CR in reply")
        return None

    def _take(self, line: bytes) -> Reply | Malformed | None:
        """One line with its LF: a whole reply, a fault, or None when the reply goes on."""
        if line[-2:] != b"\r\n":
            return Malformed("bare LF in reply")
        if line.count(b"\r") != 1:
            return Malformed("bare CR in reply")
        if b"\0" in line:
            return Malformed("NUL in reply")
        code = _CODE.match(line[:-2])
        if code is None:
            return Malformed(f"not a reply line: {_legible(line[:40])}")
        return self._collect(code[0], line)

    def _collect(self, code: bytes, line: bytes) -> Reply | Malformed | None:
        self._octets += len(line)
        if self._lines and code != self._code:
            return Malformed(f"reply contradicts itself: {self._code.decode()} and {code.decode()}")
        if len(self._lines) == client_limits.MAX_REPLY_LINES:
            return Malformed("reply has too many lines")
        if self._octets > client_limits.MAX_REPLY_OCTETS:
            return Malformed("reply too long")
        self._lines.append(_legible(line[4:-2]))
        if line[3:4] == b"-":
            self._code = code
            return None
        lines = self._lines
        self._lines = []
        self._octets = 0
        return _reply(int(code), lines)


def _legible(raw: bytes) -> str:
    """Text that is safe wherever it is shown: printable ASCII, tabs as blanks, the rest as
    `\\xNN`.
    """
    text = raw.decode("latin-1")
    if raw.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else " " if c == "\t" else f"\\x{ord(c):02x}" for c in text)


def _reply(code: int, lines: list[str]) -> Reply:
    """Lift the enhanced code out of the text if its class is the code's; otherwise it stays text.

    RFC 2034 §4 wants it in each line; lines without it, or with another, keep their text.
    """
    found = _ENHANCED.match(lines[0])
    if found is None or int(found[1]) != code // 100:
        return Reply(code, None, tuple(lines))
    enhanced = found[0]
    if len(lines) == 1:
        return Reply(code, enhanced, (lines[0][found.end() + 1 :],))
    prefix = enhanced + " "
    return Reply(
        code,
        enhanced,
        tuple("" if line == enhanced else line.removeprefix(prefix) for line in lines),
    )
