# SPDX-License-Identifier: Apache-2.0
"""Names and passwords in the one form in which they are compared (SASLprep, RFC 4013).

Rule: what two people type as the same name is the same name, or it is refused; nothing is repaired
in another way. Names are folded to lower case on top of that, as RFC 8265 §3.3 does for user names,
so `Scanner1` and `scanner1` are one account. Everything is bounded before it is looked at.
"""

import stringprep
import unicodedata

MAX_NAME = 255
"""RFC 4616 §2: at least 255 octets must be possible; nobody needs more."""

MAX_PASSWORD = 1024
"""Octets (ours): RFC 4616 §2 asks for 255, pass phrases and tokens of machines are longer."""

# RFC 3454 is written for Unicode 3.2, and SASLprep with it.
_UNICODE = unicodedata.ucd_3_2_0

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, stored: bool = False) -> str | None:
    """The prepared text, or None where RFC 4013 forbids it or nothing is left.

    `stored`: the text is going to be kept, so it may hold no code point without a meaning
    (RFC 3454 §7); what a client sends is only compared.
    """
    if text.isascii():
        return text if text and text.isprintable() else None
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in text
        if not stringprep.in_table_b1(char)
    )
    prepared = _UNICODE.normalize("NFKC", mapped)
    if not prepared or any(table(char) for char in prepared for table in _PROHIBITED):
        return None
    if stored and any(stringprep.in_table_a1(char) for char in prepared):
        return None
    return prepared if _one_direction(prepared) else None


def _one_direction(text: str) -> bool:
    """RFC 3454 §6: right-to-left text holds no left-to-right letters, and begins and ends so."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    ends_so = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends_so and not any(map(stringprep.in_table_d2, text))


def prepare_name(text: str, *, stored: bool = False) -> str | None:
    """The name of a user as it is kept and compared, or None when it can be none."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_NAME:
        return None
    prepared = saslprep(text, stored=stored)
    if prepared is None or " " in prepared:  # RFC 8265 §3.1: no spaces in a user name
        return None
    folded = _UNICODE.normalize("NFKC", prepared.lower())
    return folded if len(folded.encode()) <= MAX_NAME else None


def prepare_password(text: str, *, stored: bool = False) -> str | None:
    """A password as it is hashed and compared, or None when it can be none."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_PASSWORD:
        return None
    return saslprep(text, stored=stored)


def decode(octets: bytes) -> str | None:
    """What a client sent, as text; None unless it is UTF-8."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
