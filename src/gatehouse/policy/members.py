# SPDX-License-Identifier: Apache-2.0
"""The members of a sender group: one text form each, parsed into what it matches.

The forms are those of the modelled appliance: addresses whole, partial, in ranges and in CIDR
(short forms allowed), host names, ".domain" for any host below it, states of the reverse name, DNS
lists (RFC 5782), ALL. Scores and network owners are the appliance's forms too, `country[KR]` is our
own; the three match only where a local source says what they are, and the checks say so.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gatehouse.mail import address

MAX_MEMBER = 300  # a domain has 253 characters (RFC 1035 §2.3.4), an IPv6 range 79
V4_BITS = 32
V6_BITS = 128

_WHOLE_V4 = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})")
_PARTIAL_V4 = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,3})\.?")
_RANGE_V4 = re.compile(r"((?:\d{1,3}\.){0,3})(\d{1,3})-(\d{1,3})\.?")
_CIDR_V4 = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,3})/(\d{1,2})")
_STATE = re.compile(r"nx\.domain|serv\.fail|not\.double\.verified", re.IGNORECASE)
_BRACKETS = re.compile(r"(sbrs|dnslist|country)\[([^\[\]]*)\]", re.IGNORECASE)
_OWNER = re.compile(r"sbo:(\d{1,18})", re.IGNORECASE)
_SCORES = re.compile(r"([+-]?\d{1,2}(?:\.\d{1,2})?):([+-]?\d{1,2}(?:\.\d{1,2})?)")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
SCORE_LIMIT = 10.0  # scores of the appliance go from -10.0 to 10.0


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """All addresses of one family from `low` to `high`, both included."""

    bits: int  # 32 or 128
    low: int
    high: int
    tidy: bool = True  # False: a CIDR whose address has bits behind the prefix


@dataclass(frozen=True, slots=True)
class HostName:
    """One host by its confirmed reverse name."""

    name: str


@dataclass(frozen=True, slots=True)
class HostsBelow:
    """Any host below a domain, not the domain itself."""

    domain: str


@dataclass(frozen=True, slots=True)
class Everything:
    """ALL."""


@dataclass(frozen=True, slots=True)
class ReverseState:
    """Clients whose reverse name is in this state: nx.domain, serv.fail, not.double.verified."""

    state: str  # in lower case


@dataclass(frozen=True, slots=True)
class DnsList:
    """Clients that a DNS list lists (RFC 5782)."""

    zone: str


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Clients whose reputation score lies between these, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NoScore:
    """Clients of whom no score is known."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Clients in the networks of an owner."""

    number: int


@dataclass(frozen=True, slots=True)
class Country:
    """Clients in the networks of a country."""

    code: str  # ISO 3166-1 alpha-2, in upper case


@dataclass(frozen=True, slots=True)
class MemberFault:
    """Why a text is no member."""

    reason: str


Sourced = ScoreRange | NoScore | Owner | Country
Matcher = AddressSpan | HostName | HostsBelow | ReverseState | DnsList | Sourced | Everything
Member = Matcher | MemberFault


def parse_member(text: str) -> Member:
    """Parse one member; every text has exactly one reading."""
    if len(text) > MAX_MEMBER:
        return MemberFault(f"longer than {MAX_MEMBER} characters")
    whole = _WHOLE_V4.fullmatch(text)
    if whole is not None:  # most members of a large table: a shorter way to what follows
        a, b, c, d = map(int, whole.groups())
        if max(a, b, c, d) <= 255:
            number = a << 24 | b << 16 | c << 8 | d
            return AddressSpan(V4_BITS, number, number)
    if text.upper() == "ALL":
        return Everything()
    if _STATE.fullmatch(text):
        return ReverseState(text.lower())
    if bracketed := _BRACKETS.fullmatch(text):
        return _BRACKETED[bracketed[1].lower()](bracketed[2])
    if owner := _OWNER.fullmatch(text):
        return Owner(int(owner[1]))
    if ":" in text:
        return _parse_v6(text)
    if text and text[0].isdigit() and not re.search(r"[a-z]", text, re.IGNORECASE):
        return _parse_v4(text)
    return _parse_host(text)


def _parse_host(text: str) -> Member:
    below = text.startswith(".")
    name = address.parse_domain(text[1:] if below else text)
    if name is None or name.startswith("["):
        return MemberFault("neither an address, a host name, a .domain nor ALL")
    return HostsBelow(name) if below else HostName(name)


def _parse_scores(text: str) -> Member:
    if text.lower() == "none":
        return NoScore()
    written = _SCORES.fullmatch(text)
    if written is None:
        return MemberFault("a score range is SBRS[-10.0:-3.0] or SBRS[none]")
    low, high = float(written[1]), float(written[2])
    if low > high:
        return MemberFault("the range ends before it begins")
    if low < -SCORE_LIMIT or high > SCORE_LIMIT:
        return MemberFault("a score lies between -10.0 and 10.0")
    return ScoreRange(low, high)


def _parse_list(text: str) -> Member:
    zone = address.parse_domain(text)
    if zone is None or zone.startswith("["):
        return MemberFault("a DNS list is a domain: dnslist[bl.example.net]")
    return DnsList(zone)


def _parse_country(text: str) -> Member:
    if not _COUNTRY.fullmatch(text):
        return MemberFault("a country is two letters (ISO 3166-1): country[KR]")
    return Country(text.upper())


_BRACKETED: Mapping[str, Callable[[str], Member]] = MappingProxyType(
    {"sbrs": _parse_scores, "dnslist": _parse_list, "country": _parse_country}
)


def _parse_v4(text: str) -> Member:
    if cidr := _CIDR_V4.fullmatch(text):
        return _v4_cidr(cidr[1], int(cidr[2]))
    if whole := _PARTIAL_V4.fullmatch(text):
        octets = _octets(whole[1])
        if octets is None:
            return MemberFault("an octet of an IPv4 address is at most 255")
        return _v4_span(octets, octets)
    if ranged := _RANGE_V4.fullmatch(text):
        first, last = _octets(ranged[1] + ranged[2]), _octets(ranged[1] + ranged[3])
        if first is None or last is None:
            return MemberFault("an octet of an IPv4 address is at most 255")
        if first > last:
            return MemberFault("the range ends before it begins")
        return _v4_span(first, last)
    return MemberFault("not an IPv4 address, partial address, range or CIDR block")


def _v4_cidr(base: str, prefix: int) -> Member:
    octets = _octets(base)
    if octets is None:
        return MemberFault("an octet of an IPv4 address is at most 255")
    if prefix > V4_BITS:
        return MemberFault("an IPv4 prefix length is at most 32")
    number = int.from_bytes(bytes(octets).ljust(4, b"\0"), "big")
    return _block(V4_BITS, number, prefix)


def _v4_span(first: list[int], last: list[int]) -> AddressSpan:
    """What is missing behind the given octets is free: zeros to all ones."""
    low = int.from_bytes(bytes(first).ljust(4, b"\0"), "big")
    high = int.from_bytes(bytes(last).ljust(4, b"\xff"), "big")
    return AddressSpan(V4_BITS, low, high)


def _octets(text: str) -> list[int] | None:
    numbers = [int(part) for part in text.split(".")]
    return numbers if max(numbers) <= 255 else None


def _parse_v6(text: str) -> Member:
    if "%" in text:
        return MemberFault("an IPv6 zone (%...) has a meaning on one host only")
    try:
        if "/" in text:
            base, _, prefix = text.partition("/")
            if not prefix.isdecimal() or int(prefix) > V6_BITS:
                return MemberFault("an IPv6 prefix length is a number up to 128")
            return _block(V6_BITS, int(ipaddress.IPv6Address(base)), int(prefix))
        first, dash, last = text.partition("-")
        low = int(ipaddress.IPv6Address(first))
        high = int(ipaddress.IPv6Address(last)) if dash else low
    except ValueError:
        return MemberFault("not an IPv6 address, range or CIDR block")
    if high < low:
        return MemberFault("the range ends before it begins")
    return AddressSpan(V6_BITS, low, high)


def _block(bits: int, number: int, prefix: int) -> AddressSpan:
    free = (1 << (bits - prefix)) - 1
    return AddressSpan(bits, number & ~free, number | free, tidy=not number & free)
