# SPDX-License-Identifier: Apache-2.0
"""API tokens: 256 bits of chance, shown once, kept as their SHA-256.

The hash needs neither salt nor price, since there is nothing to guess. The prefix is there so that
scanners of repositories recognise a token that was left in one.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

PREFIX = "ghk_"
_OCTETS = 32
_ID_OCTETS = 6
_FORM = re.compile(r"ghk_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once, with what is kept of it."""

    id: str
    text: str = field(repr=False)
    digest: bytes = field(repr=False)


def new_token() -> NewToken:
    """A token that nobody has had."""
    octets = secrets.token_bytes(_OCTETS)
    text = PREFIX + base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")
    return NewToken(secrets.token_hex(_ID_OCTETS), text, _digest(text))


def token_digest(text: str) -> bytes | None:
    """By what a token is looked up; None for what has not the form of one."""
    return _digest(text) if _FORM.fullmatch(text) else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()
