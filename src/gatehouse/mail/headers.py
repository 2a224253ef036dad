# SPDX-License-Identifier: Apache-2.0
"""What we must know from a header block, read from the raw bytes (RFC 5322 §2.2).

The rule: the bytes stay the truth. One pass of a linear expression finds the few fields that matter
(trace count, identity, loop and report marks); nothing is parsed into a tree, since general mail
parsers recurse, block and see line ends that SMTP does not know. Only CRLF ends a line, only the
first `MAX_SCANNED` octets count, and what leaves here as text is decoded, printable and bounded.
"""

import binascii
import re
from dataclasses import dataclass

MAX_SCANNED = 256 * 1024  # more than twice Postfix's header_size_limit; beyond, nothing counts
MAX_TEXT = 1000  # characters of a subject or message identifier; RFC 5322 §2.1.1 has lines of 998
MAX_ENCODED = 8 * 1024  # octets looked at for them: MAX_TEXT three-octet characters in base64

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What one look at the header block told; texts are clean, "" when the field is missing."""

    message_id: str  # with its < >
    subject: str  # encoded words decoded
    received: int  # number of Received fields (RFC 5321 §6.3)
    has_date: bool
    has_from: bool
    auto_submitted: bool  # sent by a machine or in bulk: gets no report (RFC 3834)
    tls_required_no: bool  # "TLS-Required: No", once and with no other value (RFC 8689 §3)


def header_end(data: bytes | bytearray, start: int = 0) -> int:
    """Offset just behind the blank line that ends the headers, -1 when it has not come yet.

    `start`: what was searched before, so that growing data is searched once.
    """
    if data[:2] == b"\r\n":
        return 2
    found = data.find(_END, max(start - len(_END) + 1, 0))
    return found + len(_END) if found >= 0 else -1


# A name, blanks that old grammar allows (RFC 5322 §4.5), a colon. Matched against the block in
# lower case: that is faster than a matcher that ignores case.
_FIELD = re.compile(
    rb"\r\n(received|message-id|subject|date|from|auto-submitted|precedence|tls-required)[ \t]*+:"
)
_VALUE = re.compile(rb"[^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+")  # folded lines included
_WORD_END = re.compile(rb"[;( \t]")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


def scan(block: bytes) -> HeaderFacts:
    """Read the facts from a header block. The first of several fields of a name is taken."""
    lines = b"\r\n" + block[:MAX_SCANNED]
    blank = lines.find(_END)
    if blank >= 0:  # what follows is body, not header
        lines = lines[: blank + 2]
    received = 0
    first: dict[bytes, int] = {}  # name to the offset behind its colon
    repeated: set[bytes] = set()
    for field in _FIELD.finditer(lines.lower()):
        name = field[1]
        if name == b"received":
            received += 1
        elif name in first:
            repeated.add(name)
        else:
            first[name] = field.end()
    message_id, subject = first.get(b"message-id"), first.get(b"subject")
    return HeaderFacts(
        message_id="" if message_id is None else _clean_text(_value(lines, message_id)),
        subject="" if subject is None else _decode_words(_value(lines, subject)),
        received=received,
        has_date=b"date" in first,
        has_from=b"from" in first,
        auto_submitted=_automatic(lines, first),
        tls_required_no=(
            b"tls-required" not in repeated and _token(lines, first.get(b"tls-required")) == b"no"
        ),
    )


def _value(lines: bytes, start: int) -> bytes:
    """The unfolded value that starts at `start`, at most `MAX_ENCODED` octets of it."""
    end = min(start + MAX_ENCODED, len(lines))
    match = _VALUE.match(lines, start, end)
    value = match[0] if match else b""
    return (_FOLD.sub(b"", value) if b"\r" in value else value).strip(b" \t")


def _token(lines: bytes, start: int | None) -> bytes:
    """A value that is one word, without parameters and comment, in lower case; "" if missing."""
    if start is None:
        return b""
    return _WORD_END.split(_value(lines, start), maxsplit=1)[0].lower()


def _automatic(lines: bytes, first: dict[bytes, int]) -> bool:
    # RFC 3834 §5: any value but "no" marks a machine's mail.
    if b"auto-submitted" in first and _token(lines, first[b"auto-submitted"]) != b"no":
        return True
    return _token(lines, first.get(b"precedence")) in (b"bulk", b"junk")


# --- text ------------------------------------------------------------------------------------

# Charset names that are decoded, with the codec for each. A charset is never looked up by the name
# in the message: that registry also holds idna, utf-7, rot13 and byte transformations.
_ISO_8859 = {f"iso-8859-{part}": f"iso8859_{part}" for part in range(1, 16) if part != 12}
_WINDOWS = {f"windows-125{page}": f"cp125{page}" for page in range(9)}
_CHARSETS = {
    **_ISO_8859,
    **_WINDOWS,
    "utf-8": "utf_8",
    "utf8": "utf_8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "gb2312": "gb18030",  # a superset; what is called gb2312 seldom keeps to it
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "iso-2022-jp": "iso2022_jp",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "koi8-r": "koi8_r",
}
# RFC 2047 §2; "*language" by RFC 2231 §5. 75 characters are allowed, senders take more.
_ENCODED_WORD = re.compile(
    rb"=\?([A-Za-z0-9_-]{1,32}+)(?:\*[A-Za-z0-9-]{0,32}+)?\?([BbQq])\?([^? \t]{0,4096}+)\?="
)
# RFC 5322 wants printable text; C0, C1, bidi and line separators would rewrite an operator's line.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e007f]"
)


def _clean_text(raw: bytes) -> str:
    """Printable text from octets that should be ASCII or UTF-8 (RFC 6532)."""
    return _printable(raw[: 4 * MAX_TEXT].decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    text = text.replace("\t", " ")
    if not text.isprintable():
        text = _UNPRINTABLE.sub(_escape, text)
    return text[:MAX_TEXT].strip()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _decode_words(raw: bytes) -> str:
    """Decode the encoded words of unstructured text (RFC 2047 §6.2)."""
    if b"=?" not in raw:
        return _clean_text(raw)
    parts: list[str] = []
    codec, held = "", b""  # neighbours of one charset are joined: many senders split characters
    position = 0
    for word in _ENCODED_WORD.finditer(raw):
        between = raw[position : word.start()]
        position = word.end()
        wanted = _CHARSETS.get(word[1].decode("ascii").lower(), "")
        if between.strip(b" \t") or wanted != codec:
            parts.append(held.decode(codec or "ascii", "backslashreplace"))
            held = b""
        if between.strip(b" \t") or not wanted or not codec:
            parts.append(between.decode("utf-8", "backslashreplace"))
        if wanted:
            held += _decode_word(word[2], word[3])
        else:  # unknown charset: shown as it came
            parts.append(word[0].decode("ascii", "backslashreplace"))
        codec = wanted
    parts.append(held.decode(codec or "ascii", "backslashreplace"))
    parts.append(raw[position:].decode("utf-8", "backslashreplace"))
    return _printable("".join(parts))


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Qq":
        return binascii.a2b_qp(text, header=True)
    try:
        return binascii.a2b_base64(text + b"===")  # missing padding is common; more does no harm
    except binascii.Error:
        return text
