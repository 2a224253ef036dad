# SPDX-License-Identifier: Apache-2.0
"""Where mail for a domain goes: SMTP routes first, else the MX records, in the order to try.

RFC 5321 §5.1 (order, random among equals, implicit MX, removing ourselves), RFC 7505 (null MX).
Pure: DNS answers and the dice are arguments. Every outcome is a value: an unanswered question is
`Temporary` and defers, it is never read as "there is none".
"""

import enum
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from gatehouse.mail import address
from gatehouse.policy import destinations, smart_hosts
from gatehouse.policy.route_table import RouteHost, address_text

SMTP_PORT = 25  # RFC 5321 §4.5.4.2
MAX_HOSTS = 20  # our own: large providers publish 5 to 10; more only keeps a runner busy
MAX_ADDRESSES = 8  # our own, per host: enough for both families, bounded against hostile zones

Dice = Callable[[], float]


class HopKind(enum.Enum):
    """How a next hop was found."""

    MX = "mx"  # an MX record
    IMPLICIT_MX = "implicit-mx"  # the domain itself, since it has no MX record
    ROUTE = "route"  # an SMTP route
    LITERAL = "literal"  # the recipient's domain is an address literal


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop:
    """One host to try; `host` is a name or an address without brackets."""

    host: str
    port: int
    kind: HopKind
    preference: int
    domain: str
    smart: smart_hosts.SmartHost | None = None  # with TLS and a login of its own
    secure: bool = False  # DNSSEC proves that the domain named this host

    @property
    def is_address(self) -> bool:
        """The host needs no look-up."""
        return address_text(self.host) is not None


# --- what DNS said about the MX records of a domain


@dataclass(frozen=True, slots=True)
class MxRecords:
    """The MX records: (preference, host) in any order; `secure`: DNSSEC proves them."""

    records: tuple[tuple[int, str], ...]
    secure: bool = False


@dataclass(frozen=True, slots=True)
class NoMx:
    """The domain exists and has no MX record; `secure`: DNSSEC proves that."""

    secure: bool = False


@dataclass(frozen=True, slots=True)
class NoDomain:
    """NXDOMAIN."""


@dataclass(frozen=True, slots=True)
class DnsFailure:
    """No answer that one could believe: SERVFAIL, timeout, malformed."""

    reason: str


MxAnswer = MxRecords | NoMx | NoDomain | DnsFailure


# --- what follows


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts to try, in this order; never empty."""

    hops: tuple[NextHop, ...]


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain says that it takes no mail (RFC 7505): 556, 5.1.10."""


@dataclass(frozen=True, slots=True)
class NoSuchDomain:
    """The domain does not exist: 5.1.2."""


@dataclass(frozen=True, slots=True)
class Loop:
    """This host is ourselves: 5.4.6. Hosts behind it in the list are not tried (RFC 5321 §5.1)."""

    host: str


@dataclass(frozen=True, slots=True)
class Unroutable:
    """The domain exists, but names no host that could be tried: 5.4.4."""

    reason: str


@dataclass(frozen=True, slots=True)
class Temporary:
    """Cannot be decided now: defer."""

    reason: str


Plan = Hosts | NullMx | NoSuchDomain | Loop | Unroutable | Temporary


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a host to try, in this order; never empty."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ourselves:
    """What we are called and where we listen, to notice that mail would come back to us."""

    names: frozenset[str] = frozenset()  # canonical host names of system and interfaces
    endpoints: frozenset[tuple[str, int]] = frozenset()  # (address, port) of each listener
    addresses: frozenset[str] = frozenset()  # all addresses of the machine that are known

    def is_me(self, ip: str, port: int) -> bool:
        """Would a connection to this address and port reach one of our own listeners?

        On port 25 every address of this machine counts, because port 25 is often redirected to an
        unprivileged listener; on other ports (a laboratory, an inner server) only listeners count.
        """
        if ipaddress.ip_address(ip).is_unspecified:
            return True
        wildcard = ("0.0.0.0", port) in self.endpoints or ("::", port) in self.endpoints
        local = ip in self.addresses or ipaddress.ip_address(ip).is_loopback
        return (ip, port) in self.endpoints or (local and (wildcard or port == SMTP_PORT))


def plan_route(domain: str, route: Iterable[RouteHost], *, smtp_port: int, dice: Dice) -> Hosts:
    """The hosts of an SMTP route by priority, random among equals. No MX look-up for them."""
    hops = [
        NextHop(
            host=one.host,
            port=one.port or smtp_port,
            kind=HopKind.ROUTE,
            preference=one.priority,
            domain=domain,
            smart=one.smart,
        )
        for one in route
    ]
    return Hosts(_ordered(hops, dice))


def plan_literal(domain: str, *, smtp_port: int) -> Hosts | Unroutable:
    """The host of an address literal, "[192.0.2.1]" or "[IPv6:2001:db8::1]"."""
    host = address_text(domain)
    if host is None:
        return Unroutable("not an address literal")
    hop = NextHop(host=host, port=smtp_port, kind=HopKind.LITERAL, preference=0, domain=domain)
    return Hosts((hop,))


def plan_mx(
    domain: str, answer: MxAnswer, *, ourselves: Ourselves, smtp_port: int, dice: Dice
) -> Plan:
    """The hosts that the MX records name, in the order of RFC 5321 §5.1."""
    match answer:
        case MxRecords():
            return _plan_records(domain, answer, ourselves, smtp_port, dice)
        case NoMx(secure):
            if domain in ourselves.names:
                return Loop(domain)
            hop = NextHop(
                host=domain,
                port=smtp_port,
                kind=HopKind.IMPLICIT_MX,
                preference=0,
                domain=domain,
                secure=secure,
            )
            return Hosts((hop,))
        case NoDomain():
            return NoSuchDomain()
        case DnsFailure(reason):
            return Temporary(reason)
        case other:
            assert_never(other)


def plan_addresses(
    hop: NextHop,
    found: Iterable[str],
    *,
    preference: destinations.IpPreference,
    ourselves: Ourselves,
) -> Addresses | Loop | Unroutable:
    """The addresses of one host to try: the preferred family first, bounded, never ourselves.

    A route that an administrator wrote may point anywhere but at our own listener; a name found in
    DNS must not lead to this machine (a zone is written by strangers).
    """
    addresses = list(dict.fromkeys(_unmapped(one) for one in found))
    v4 = [one for one in addresses if ipaddress.ip_address(one).version == 4]
    v6 = [one for one in addresses if ipaddress.ip_address(one).version == 6]
    ordered = _by_family(v4, v6, preference)
    usable = [one for one in ordered if not ourselves.is_me(one, hop.port)]
    if ordered and not usable:
        return Loop(hop.host)
    if not usable:
        reason = "no address of the required family" if addresses else "the host has no address"
        return Unroutable(reason)
    return Addresses(tuple(usable[:MAX_ADDRESSES]))


def _plan_records(
    domain: str,
    answer: MxRecords,
    ourselves: Ourselves,
    smtp_port: int,
    dice: Dice,
) -> Plan:
    records = answer.records
    # RFC 7505 §3: "." must stand alone; beside other records it is ignored.
    if records and all(host in ("", ".") for _, host in records):
        return NullMx()
    hops = [
        NextHop(
            host=name,
            port=smtp_port,
            kind=HopKind.MX,
            preference=preference,
            domain=domain,
            secure=answer.secure,
        )
        for preference, host in records
        if (name := address.parse_domain(host)) is not None and not name.startswith("[")
    ]
    if not hops:
        return Unroutable("no MX record names a valid host")
    # RFC 5321 §5.1: with ourselves in the list, only hosts strictly better than us may be tried.
    ours = min((hop.preference for hop in hops if hop.host in ourselves.names), default=None)
    if ours is not None:
        hops = [hop for hop in hops if hop.preference < ours]
        if not hops:
            return Loop(domain)
    return Hosts(_ordered(hops, dice))


def _ordered(hops: list[NextHop], dice: Dice) -> tuple[NextHop, ...]:
    """Best first, random among equals; the second of two records for one host is dropped."""
    shuffled = sorted(((hop.preference, dice(), hop) for hop in hops), key=lambda row: row[:2])
    first: dict[tuple[str, int], NextHop] = {}
    for _, _, hop in shuffled:
        first.setdefault((hop.host, hop.port), hop)
    return tuple(first.values())[:MAX_HOSTS]


def _by_family(v4: list[str], v6: list[str], preference: destinations.IpPreference) -> list[str]:
    """The preferred family first, yet a long list of it leaves one place to the other."""
    match preference:
        case destinations.IpPreference.REQUIRE_V4:
            return v4
        case destinations.IpPreference.REQUIRE_V6:
            return v6
        case destinations.IpPreference.PREFER_V4:
            first, second = v4, v6
        case destinations.IpPreference.PREFER_V6:
            first, second = v6, v4
        case other:
            assert_never(other)
    kept = MAX_ADDRESSES - 1 if second else MAX_ADDRESSES
    return first[:kept] + second


def _unmapped(text: str) -> str:
    """::ffff:192.0.2.1 is 192.0.2.1: as such it is compared with our own addresses."""
    parsed = ipaddress.ip_address(text)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
