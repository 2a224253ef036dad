# SPDX-License-Identifier: Apache-2.0
"""What a server offers, read out of its EHLO reply.

RFC 5321 §4.1.1.1. Servers are sloppy here and nothing dangerous hangs on it, so reading is
tolerant: case, blanks, repetitions and unknown keywords do not matter, and a line that makes no
sense offers nothing. It is bounded by the reply it stands in. The list is worth what the connection
is: one that was read in clear is dropped once TLS is up.
"""

from dataclasses import dataclass

from gatehouse.smtp import client_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The offers; the default is that of a server which only knows HELO."""

    size_offered: bool = False  # SIZE= may be given with MAIL (RFC 1870)
    size: int | None = (
        None  # the largest message; None: not said, or "0", which means no fixed limit
    )
    pipelining: bool = False  # RFC 2920
    eightbitmime: bool = False  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    chunking: bool = False  # RFC 3030
    dsn: bool = False  # RFC 3461
    starttls: bool = False  # RFC 3207
    enhanced: bool = False  # RFC 2034
    requiretls: bool = False  # RFC 8689
    auth: tuple[str, ...] = ()  # RFC 4954, mechanism names
    max_recipients: int | None = None  # RFC 9422, RCPTMAX
    max_messages: int | None = None  # RFC 9422, MAILMAX


# Keywords that are either there or not; what stands behind them ("STARTTLS x") changes nothing.
_FLAGS = {
    "PIPELINING": "pipelining",
    "8BITMIME": "eightbitmime",
    "SMTPUTF8": "smtputf8",
    "CHUNKING": "chunking",
    "DSN": "dsn",
    "STARTTLS": "starttls",
    "ENHANCEDSTATUSCODES": "enhanced",
    "REQUIRETLS": "requiretls",
}
_MECHANISM = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")  # RFC 4422 §3.1


def parse_capabilities(lines: tuple[str, ...]) -> Capabilities:
    """Read the lines of a 250 reply to EHLO. The first is the server's name and no offer."""
    flags: dict[str, bool] = {}
    sizes: list[int] = []
    mechanisms: dict[str, None] = {}
    limits: dict[str, int] = {}
    for line in lines[1:]:
        # Old servers offer "AUTH=LOGIN" (a draft before RFC 2554).
        keyword, *words = line.upper().replace("AUTH=", "AUTH ", 1).split() or [""]
        match keyword:
            case "SIZE":
                _read_size(words, sizes)
            case "AUTH":
                _read_mechanisms(words, mechanisms)
            case "LIMITS":
                _read_limits(words, limits)
            case flag if flag in _FLAGS:
                flags[_FLAGS[flag]] = True
    return Capabilities(
        size_offered=bool(sizes),
        size=min((size for size in sizes if size), default=None),
        auth=tuple(mechanisms),
        max_recipients=limits.get("RCPTMAX"),
        max_messages=limits.get("MAILMAX"),
        **flags,
    )


def _read_size(words: list[str], sizes: list[int]) -> None:
    """`SIZE`, `SIZE 0` and `SIZE n`; a value that is no number offers nothing. Of two values the
    smaller counts.
    """
    if not words:
        sizes.append(0)
    elif (number := _number(words[0], client_limits.MAX_SIZE_DIGITS)) is not None:
        sizes.append(number)


def _read_mechanisms(words: list[str], mechanisms: dict[str, None]) -> None:
    for word in words:
        if len(mechanisms) == client_limits.MAX_AUTH_MECHANISMS:
            return
        if len(word) <= client_limits.MAX_MECHANISM_NAME and _MECHANISM.issuperset(word):
            mechanisms[word] = None


def _read_limits(words: list[str], limits: dict[str, int]) -> None:
    """RFC 9422 §4: `LIMITS RCPTMAX=100 MAILMAX=20`; the lowest value wins, zero is none."""
    for word in words:
        name, _, value = word.partition("=")
        number = _number(value, client_limits.MAX_LIMIT_DIGITS)
        if name in ("RCPTMAX", "MAILMAX") and number:
            limits[name] = min(number, limits.get(name, number))


def _number(text: str, digits: int) -> int | None:
    if len(text) <= digits and text.isascii() and text.isdigit():
        return int(text)
    return None
