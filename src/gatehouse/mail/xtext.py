# SPDX-License-Identifier: Apache-2.0
"""xtext and original recipients: how the DSN extension writes foreign text (RFC 3461 §4, RFC 6533).

The rule: xtext stands for printable ASCII. What decodes to a control character (``ENVID=+00``) or
is broken (``+4``, ``+G1``) is answered with None, since it would be written into the fields of a
report one day. Original recipients are kept decoded as ``type;text``.
"""

import re

_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*+")  # RFC 3461 §4: no "+" or "=" for itself
_HEXCHAR = re.compile(rb"\+([0-9A-F]{2})")
_NOT_XCHAR = re.compile(r"[^!-*,-<>-~]")
_TYPE = re.compile(
    rb"[A-Za-z0-9-]{1,40}+"
)  # an atom; every registered type fits ("rfc822", "x400")
# RFC 6533 §3: EmbeddedUnicodeChar; the three forms are one hexadecimal number.
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def decode_xtext(raw: bytes) -> str | None:
    """The text behind an xtext, or None when it is broken or hides something unprintable."""
    if not _XTEXT.fullmatch(raw):
        return None
    text = _HEXCHAR.sub(lambda match: bytes([int(match[1], 16)]), raw).decode("latin-1")
    return text if text.isascii() and text.isprintable() else None


def encode_xtext(text: str) -> str:
    """Printable ASCII as xtext; anything else is dropped, since xtext has no name for it."""
    clean = "".join(char for char in text if char.isascii() and char.isprintable())
    return _NOT_XCHAR.sub(lambda match: f"+{ord(match[0]):02X}", clean)


def parse_orcpt(raw: bytes) -> str | None:
    """The value of ORCPT as ``type;text``, decoded, or None when it is broken.

    For type ``utf-8`` the text may hold UTF-8 or ``\\x{HEX}`` (RFC 6533 §3), also within xtext.
    """
    kind, semicolon, value = raw.partition(b";")
    if not semicolon or not value or not _TYPE.fullmatch(kind):
        return None
    name = kind.decode("ascii").lower()
    text = _decode_utf8_address(value) if name == "utf-8" else decode_xtext(value)
    return f"{name};{text}" if text else None


def format_orcpt(orcpt: str, *, smtputf8: bool) -> str:
    """The value of ORCPT on the wire, for a next hop with or without SMTPUTF8."""
    kind, _, text = orcpt.partition(";")
    if kind != "utf-8":
        return f"{kind};{encode_xtext(text)}"
    return f"{kind};" + "".join(_format_utf8(char, raw=smtputf8) for char in text)


def _decode_utf8_address(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return None
    if text.isascii():
        decoded = decode_xtext(value)  # some clients write utf-8-addr-xtext as plain xtext
        if decoded is None:
            return None
        text = decoded
    try:
        text = _EMBEDDED.sub(lambda match: chr(int(match[1], 16)), text)
    except ValueError:  # beyond U+10FFFF
        return None
    return None if _HIDDEN.search(text) else text


def _format_utf8(char: str, *, raw: bool) -> str:
    if char in "\\+=" or not (char.isprintable() and char != " "):
        return f"\\x{{{ord(char):02X}}}"
    return char if raw or char.isascii() else f"\\x{{{ord(char):02X}}}"
