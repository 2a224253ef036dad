# SPDX-License-Identifier: Apache-2.0
"""How values from outside stand in a log line: one record is one line, always.

Value rules of the mail log grammar (`mail-log/1`): in quoted text `\\` and the quote get a
backslash; control characters become `\\n`, `\\t` or `\\xHH`; everything else stays UTF-8. Beyond
the grammar, characters that turn the reading direction or end a line for some viewers are written
as `\\uHHHH`: a subject must not be able to show an operator a line that was never logged.
"""

import re
from collections.abc import Sequence

# C0, DEL and C1; line and paragraph separator; the bidi controls (Unicode UAX #9 §2); the byte
# order mark; lone surrogates, which UTF-8 cannot carry.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\t": "\\t"}


def clean(text: str) -> str:
    """Escape what may not stand in a log line. Nothing else changes, so it may run twice."""
    # isprintable() runs in C and is true for nearly every line; it is false for a few harmless
    # characters too (a no-break space), which the expression then leaves alone.
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def quoted(text: str, quote: str = "'") -> str:
    """`text` in quotes; whoever builds the line still runs `clean` over all of it."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if quote in text:
        text = text.replace(quote, "\\" + quote)
    return f"{quote}{text}{quote}"


def reply_tuple(code: str, lines: Sequence[str]) -> str:
    """A remote reply as Python's repr of a tuple: `('550', ['no such user'])`."""
    return repr((code, list(lines)))


def rid_list(rids: Sequence[int]) -> str:
    """Recipient numbers as `[0, 1]`."""
    return f"[{rids[0]}]" if len(rids) == 1 else repr(list(rids))


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
