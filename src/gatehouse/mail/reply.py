# SPDX-License-Identifier: Apache-2.0
"""One SMTP reply: the value that policy decides, the engine sends and the client reads.

The rule: what leaves as a reply is printable ASCII in lines of at most 512 octets (RFC 5321
§4.5.3.1.5), whatever text went into it, so that no peer can plant a line of its own in our answer.
Enhanced status codes stand in front of every line (RFC 2034 §4).
"""

from dataclasses import dataclass

MAX_LINE = 512  # RFC 5321 §4.5.3.1.5, octets with CRLF


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; `lines` hold the text only, code and enhanced code are put in front on the wire."""

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @property
    def positive(self) -> bool:
        """2xx: done."""
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        """3xx: go on."""
        return 300 <= self.code < 400

    @property
    def transient(self) -> bool:
        """4xx: try again later."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx: do not try again."""
        return 500 <= self.code < 600

    @property
    def text(self) -> str:
        """The first line with the enhanced code, without the reply code."""
        first = self.lines[0] if self.lines else ""
        if self.enhanced is None:
            return first
        return f"{self.enhanced} {first}" if first else self.enhanced

    def wire(self) -> bytes:
        """The reply as it is sent: ``250-...`` lines and a last ``250 ...`` line."""
        status = "" if self.enhanced is None else f"{self.enhanced} "
        *rest, last = self.lines or ("",)
        final = _line(f"{self.code} {status}", last)
        if not rest:
            return final
        prefix = f"{self.code}-{status}"
        return b"".join([_line(prefix, text) for text in rest]) + final


def _line(prefix: str, text: str) -> bytes:
    line = prefix + text
    if not (line.isascii() and line.isprintable()):
        line = "".join(
            char if char.isascii() and char.isprintable() else _escape(char) for char in line
        )
    return line[: MAX_LINE - 2].encode("ascii") + b"\r\n"


def _escape(char: str) -> str:
    """Control characters become a blank; other characters are shown by their number."""
    code = ord(char)
    return " " if code < 0x20 or 0x7F <= code < 0xA0 else f"\\u{{{code:x}}}"
