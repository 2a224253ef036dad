# SPDX-License-Identifier: Apache-2.0
"""Sessions of operators that are open now: what the process that holds them tells the others.

Answers over the supervisor's line are flat tables, so the list travels as one JSON text.
"""

from collections.abc import Iterable

import msgspec

QUESTION = "sessions"  # to every process; those that hold none do not have the answer's key
_KEY = "sessions"

_encode = msgspec.json.Encoder().encode


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session. Times are unix seconds; `idle`: since something was typed."""

    name: str
    way: str
    address: str
    since: float
    idle: float


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has logged in and not left, with or without a session; `since` as above."""

    name: str
    way: str
    address: str
    since: float


_decode = msgspec.json.Decoder(tuple[OpenSession, ...]).decode


def told(sessions: Iterable[OpenSession]) -> dict[str, int | float | str | None]:
    """As an answer."""
    return {_KEY: _encode(list(sessions)).decode()}


def heard(answer: dict[str, int | float | str | None]) -> tuple[OpenSession, ...]:
    """From an answer of any process."""
    text = answer.get(_KEY)
    return _decode(text) if isinstance(text, str) else ()
