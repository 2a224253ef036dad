# SPDX-License-Identifier: Apache-2.0
"""XCLIENT: a trusted client says for whom it speaks (Postfix's extension, XCLIENT_README).

    XCLIENT 1*( SP name "=" xtext )

Rule: the engine knows this command only where the operator has named the client's address; the
syntax is read as strictly as that of any other command. `[UNAVAILABLE]` and `[TEMPUNAVAIL]` are
values of their own: that a name could not be found is something else than not saying one.

LOGIN is read and has no effect, ever: it would let whoever may say XCLIENT be any user without a
password. A client that needs a user's rights says AUTH behind XCLIENT.
"""

import enum
import ipaddress
from dataclasses import dataclass, fields, replace

from gatehouse.mail.address import parse_domain
from gatehouse.smtp import grammar

ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
"""What the EHLO reply announces behind XCLIENT."""

MAX_VALUE = 255  # XCLIENT_README: NAME and HELO have up to 255 characters
_MAX_PORT = 65_535
_IPV6_PREFIX = "ipv6:"


class Unavailable(enum.Enum):
    """Why a value is not there."""

    FOR_GOOD = "[UNAVAILABLE]"  # there is none
    FOR_NOW = "[TEMPUNAVAIL]"  # looking it up failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAttributes:
    """What was said about the client; None: nothing was said. LOGIN is dropped."""

    name: str | Unavailable | None = None  # the host name, in lower case
    address: str | Unavailable | None = None  # an IPv4-mapped address is an IPv4 address
    port: int | Unavailable | None = None
    extended: bool | Unavailable | None = None  # PROTO: ESMTP, else SMTP
    helo: str | Unavailable | None = None
    local_address: str | Unavailable | None = None  # DESTADDR
    local_port: int | Unavailable | None = None  # DESTPORT

    def after(self, earlier: "ClientAttributes") -> "ClientAttributes":
        """This command, and what an earlier one of the connection said that this one does not.

        One command line has no room for all attributes at their longest, so that clients send two.
        """
        said = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) is not None
        }
        return replace(earlier, **said)


def parse_xclient(argument: bytes) -> ClientAttributes | None:
    """What stands behind the verb; None where the grammar is not kept, or a name stands twice."""
    pairs = grammar.split_parameters(argument)
    if pairs is None or len(dict(pairs)) != len(pairs):
        return None
    found: dict[str, object] = {}
    for keyword, raw in pairs:
        reader = _READERS.get(keyword)
        text = None if raw is None else grammar.decode_xtext(raw)
        if reader is None or not text or len(text) > MAX_VALUE:
            return None
        field, read = reader
        value = _UNAVAILABLE.get(text.upper()) or read(text)
        if value is None:
            return None
        if field:
            found[field] = value
    return ClientAttributes(**found)  # type: ignore[arg-type]  # each reader returns its field's type


def _name(text: str) -> str | None:
    name = parse_domain(text)
    return None if name is None or name.startswith("[") else name


def _address(text: str) -> str | None:
    """IPv4 bare, IPv6 behind IPV6: and never in brackets (XCLIENT_README)."""
    try:
        if not text.lower().startswith(_IPV6_PREFIX):
            return str(ipaddress.IPv4Address(text))
        address = ipaddress.IPv6Address(text[len(_IPV6_PREFIX) :])
    except ValueError:
        return None
    return None if address.scope_id else str(address.ipv4_mapped or address)


def _port(text: str) -> int | None:
    if not text.isdigit() or len(text) > 5 or int(text) > _MAX_PORT:
        return None
    return int(text)


def _extended(text: str) -> bool | None:
    return {"SMTP": False, "ESMTP": True}.get(text.upper())


def _helo(text: str) -> str | None:
    return grammar.hello_name(text.encode("ascii"))


def _login(text: str) -> str:
    return text


_UNAVAILABLE = {one.value: one for one in Unavailable}
_READERS = {
    b"NAME": ("name", _name),
    b"ADDR": ("address", _address),
    b"PORT": ("port", _port),
    b"PROTO": ("extended", _extended),
    b"HELO": ("helo", _helo),
    b"LOGIN": ("", _login),
    b"DESTADDR": ("local_address", _address),
    b"DESTPORT": ("local_port", _port),
}
