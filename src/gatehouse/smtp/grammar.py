# SPDX-License-Identifier: Apache-2.0
"""Command lines cut into their parts, exactly as RFC 5321 §4.1 writes them.

Rule: a part is what the grammar says, or the whole command is refused; nothing is repaired. Every
expression is linear on any input: alternatives begin with different octets, or it is possessive.
Functions return None for what does not fit; the reply is chosen where the meaning is known.
"""

import re

# What most clients send, so that it costs one match: path, SIZE, BODY (RFC 5321 §4.1.2, RFC 1870,
# RFC 6152). Anything else, also what is merely rare, takes the careful way below.
PLAIN_MAIL = re.compile(
    rb"MAIL FROM:<([^<>\"\\\x00-\x20\x7f-\xff]*+)>"
    rb"(?: SIZE=([0-9]{1,20}))?(?: BODY=(7BIT|8BITMIME))?",
    re.IGNORECASE,
)
PLAIN_RCPT = re.compile(rb"RCPT TO:<([^<>\"\\\x00-\x20\x7f-\xff]++)>", re.IGNORECASE)

# A path with whatever follows it. Quoted strings may contain ">" (RFC 5321 §4.1.2).
_PATH = re.compile(rb"<((?:\"(?:[^\"\\]|\\.)*+\"|[^\"<>])*+)>(?: (.+))?", re.DOTALL)

# esmtp-param = esmtp-keyword ["=" esmtp-value], and UTF-8 in the value (RFC 6531 §3.3).
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*+)(?:=([\x21-\x3c\x3e-\x7e\x80-\xff]++))?")

# xtext (RFC 3461 §4): printable ASCII without "+" and "=", or "+" and two upper-case hex digits.
_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*+")
_HEXCHAR = re.compile(rb"\+([0-9A-F]{2})")

# A greeting name that may be shown and stored. RFC 5321 §4.1.1.1 wants a domain or literal; names
# with an underscore or without a dot are common and harmless, since nothing is decided on them.
_HELLO_NAME = re.compile(rb"[!-~]{1,255}")

# chunk-size [SP end-marker] (RFC 3030 §2)
_CHUNK = re.compile(rb"([0-9]{1,20})(?: (LAST))?", re.IGNORECASE)

# Cross-protocol attacks: a browser can be made to send these, with commands of ours in the body.
_HTTP = re.compile(
    rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) |[A-Za-z][A-Za-z0-9-]*+:",
    re.IGNORECASE,
)
TLS_RECORD = b"\x16\x03"
"""How a TLS handshake begins (RFC 8446 §5.1); no command does."""

_UNPRINTABLE = re.compile(r"[^\x20-\x5b\x5d-\x7e]")


def split_path(argument: bytes) -> tuple[bytes, bytes] | None:
    """What stands between < and >, and the parameters behind; `argument` begins at the <."""
    match = _PATH.fullmatch(argument)
    return None if match is None else (match[1], match[2] or b"")


def split_parameters(text: bytes) -> list[tuple[bytes, bytes | None]] | None:
    """Pairs of upper-cased keyword and value, in order; None where the grammar is not kept."""
    pairs: list[tuple[bytes, bytes | None]] = []
    for word in text.split(b" "):
        match = _PARAMETER.fullmatch(word)
        if match is None:
            return None
        pairs.append((match[1].upper(), match[2]))
    return pairs


def decode_xtext(text: bytes) -> str | None:
    """Decoded and printable ASCII (RFC 3461 §4), or None. Decode, then filter: +0A is a trap."""
    if not _XTEXT.fullmatch(text):
        return None
    decoded = _HEXCHAR.sub(lambda hexchar: bytes((int(hexchar[1], 16),)), text)
    if not decoded.isascii():
        return None
    shown = decoded.decode("ascii")
    return shown if shown.isprintable() else None


def hello_name(argument: bytes) -> str | None:
    """The name behind EHLO or HELO: one printable word, or None."""
    return argument.decode("ascii") if _HELLO_NAME.fullmatch(argument) else None


def chunk_size(argument: bytes) -> tuple[int, bool] | None:
    """Octets of a chunk and whether it is the last one; None for anything else."""
    match = _CHUNK.fullmatch(argument)
    return None if match is None else (int(match[1]), match[2] is not None)


def is_foreign(line: bytes) -> bool:
    """True for the first line of HTTP or one of its header fields: not a mail client."""
    return _HTTP.match(line) is not None


def show(line: bytes, limit: int) -> str:
    r"""A line of a stranger for operators: bounded, printable ASCII, the rest as \x0a."""
    text = line[:limit].decode("latin-1")
    return _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
