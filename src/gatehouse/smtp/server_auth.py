# SPDX-License-Identifier: Apache-2.0
"""The syntax of AUTH and of the client's responses (RFC 4954 §4). Checking secrets is not ours.

Rule: base64 is decoded strictly or refused; what came is never part of a reply, an event text or an
exception, since it may be a password.
"""

import base64
import binascii
from dataclasses import dataclass

from gatehouse.mail.reply import Reply
from gatehouse.smtp import server_replies as replies


@dataclass(frozen=True, slots=True)
class AuthCommand:
    """AUTH with a mechanism that we offer."""

    mechanism: str
    initial: bytes | None = None


def read_auth(argument: bytes, offered: tuple[str, ...]) -> AuthCommand | Reply:
    """Read what stands behind the verb."""
    words = argument.split(b" ")
    if not words[0] or len(words) > 2:
        return replies.AUTH_SYNTAX
    mechanism = words[0].decode("ascii", "replace").upper()
    if mechanism not in offered:
        return replies.AUTH_UNKNOWN
    if len(words) == 1:
        return AuthCommand(mechanism)
    initial = b"" if words[1] == b"=" else _decode(words[1])
    return replies.AUTH_BAD_BASE64 if initial is None else AuthCommand(mechanism, initial)


def decode_response(line: bytes) -> bytes | Reply:
    """Read a line that answers a challenge; ``*`` cancels."""
    if line == b"*":
        return replies.AUTH_CANCELLED
    data = _decode(line) if line else b""
    return replies.AUTH_BAD_BASE64 if data is None else data


def _decode(text: bytes) -> bytes | None:
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
