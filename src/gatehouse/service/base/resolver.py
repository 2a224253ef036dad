# SPDX-License-Identifier: Apache-2.0
"""DNS for everybody: MX, addresses, reverse names; bounded, cached, and never guessing.

An answer is one of four values. The difference between "there is no such thing" and "I could not
find out" decides between a bounce and a deferral (RFC 5321 §5.1, hostile-input "unknown means still
ours"), so a timeout, SERVFAIL or REFUSED is always `Temporary` and never cached as an absence.
Names of loopback and of this machine's hosts file are answered from the file, as every MTA does.
"""

import asyncio
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

HOSTS_FILE = Path("/etc/hosts")
# RFC 2308 §5 suggests at most three hours for a negative answer; an operator who just created the
# record wants it seen within minutes.
LONGEST_NEGATIVE_TTL = 300.0
LONGEST_TTL = 3600.0
# Where a zone says 0, a burst of mail still asks only once.
SHORTEST_TTL = 1.0
MAX_CACHED = 20_000
# One look-up with all its retries; a resolver that is silent longer than this defers the mail.
LOOKUP_SECONDS = 10.0
# More records than this in one answer are cut: the number is the sender's choice, the work is ours.
MAX_RECORDS = 64
K = TypeVar("K")
V = TypeVar("V")
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Found:
    """There are records. For MX each is (preference, host), else text."""

    records: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class NoData:
    """The name exists and has nothing of this type."""


@dataclass(frozen=True, slots=True)
class NoName:
    """The name does not exist (NXDOMAIN)."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """Nobody could say: the resolver failed, refused, lied or was silent. `error` names it."""

    error: str


Answer = Found | NoData | NoName | Temporary


@dataclass(frozen=True, slots=True)
class ReverseName:
    """What the address is called. `verified`: the name's own addresses contain the address."""

    host: str | None
    verified: bool
    seconds: float = 0.0


def read_hosts(text: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Parse a hosts file into names → addresses and address → first name."""
    forward: dict[str, list[str]] = {}
    backward: dict[str, str] = {}
    for line in text.split("\n"):
        fields = line.split("#", 1)[0].split()
        if len(fields) < 2:
            continue
        try:
            address = str(ipaddress.ip_address(fields[0]))
        except ValueError:
            continue
        for name in fields[1:]:
            forward.setdefault(name.lower().rstrip("."), []).append(address)
        backward.setdefault(address, fields[1].lower().rstrip("."))
    return forward, backward


class Resolver:
    """A caching stub resolver. `servers` empty means the system's own configuration."""

    def __init__(
        self,
        servers: tuple[tuple[str, int], ...],
        monotonic: Callable[[], float],
        seconds: float = LOOKUP_SECONDS,
        hosts_file: Path | None = HOSTS_FILE,
    ) -> None:
        self._monotonic = monotonic
        self._cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._asked: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._reverse: OrderedDict[str, tuple[float, ReverseName]] = OrderedDict()
        self._resolver = self._make(servers, seconds)
        self._forward, backward = self._hosts(hosts_file)
        self._local = {
            ip: ReverseName(name, ip in self._forward.get(name, ()))
            for ip, name in backward.items()
        }
        self.requests = 0
        self.cache_hits = 0

    @staticmethod
    def _hosts(path: Path | None) -> tuple[dict[str, list[str]], dict[str, str]]:
        try:
            return read_hosts(path.read_text("utf-8", "replace")) if path is not None else ({}, {})
        except OSError:
            return {}, {}

    @staticmethod
    def _make(
        servers: tuple[tuple[str, int], ...], seconds: float
    ) -> dns.asyncresolver.Resolver | None:
        try:
            resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            return None
        if servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in servers
            ]
        resolver.lifetime = seconds
        resolver.timeout = seconds / 3
        resolver.search = []
        resolver.cache = None
        return resolver

    async def mx(self, domain: str) -> Answer:
        """MX records of a domain as (preference, host without trailing dot); "" is the null MX."""
        return await self._lookup(domain, "MX")

    async def addresses(self, host: str) -> Answer:
        """IPv4 and IPv6 addresses of a host as (4, text) and (6, text).

        One family that cannot be found out does not hide the other: mail goes where it can.
        """
        known = self._forward.get(host)
        if known:
            return Found(tuple((6 if ":" in text else 4, text) for text in known))
        four, six = await asyncio.gather(self._lookup(host, "A"), self._lookup(host, "AAAA"))
        both = [a for a in (four, six) if isinstance(a, Found)]
        if both:
            return Found(tuple(record for answer in both for record in answer.records))
        for answer in (four, six):
            if isinstance(answer, Temporary):
                return answer
        return four if isinstance(four, NoName) else NoData()

    def known_reverse(self, ip: str) -> ReverseName | None:
        """What is known of an address without asking: the fast path of every connection."""
        cached = self._reverse.get(ip)
        if cached is not None and cached[0] > self._monotonic():
            return cached[1]
        return self._local.get(ip)

    async def reverse(self, ip: str) -> ReverseName:
        """The reverse name of an address, and whether its forward look-up confirms it."""
        known = self.known_reverse(ip)
        if known is not None:
            return known
        started = self._monotonic()
        answer = await self._lookup(str(dns.reversename.from_address(ip)), "PTR")
        result = ReverseName(None, False)
        if isinstance(answer, Found):
            host = answer.records[0][1]
            forward = await self.addresses(host)
            same = isinstance(forward, Found) and any(text == ip for _, text in forward.records)
            result = ReverseName(host, same)
        now = self._monotonic()
        result = ReverseName(result.host, result.verified, now - started)
        life = LONGEST_NEGATIVE_TTL if not isinstance(answer, Temporary) else SHORTEST_TTL
        self._remember(self._reverse, ip, (now + life, result))
        return result

    @staticmethod
    def _remember(cache: "OrderedDict[K, V]", key: K, value: V) -> None:
        """Keep a value; the oldest goes when a peer makes us look up names without end."""
        cache[key] = value
        cache.move_to_end(key)
        if len(cache) > MAX_CACHED:
            cache.popitem(last=False)

    async def _lookup(self, name: str, rdtype: str) -> Answer:
        key = (name, rdtype)
        cached = self._cache.get(key)
        if cached is not None and cached[0] > self._monotonic():
            self.cache_hits += 1
            return cached[1]
        waiting = self._asked.get(key)
        if waiting is not None:
            return await asyncio.shield(waiting)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[key] = future
        answer: Answer = Temporary("cancelled")
        try:
            answer, life = await self._ask(name, rdtype)
            if life > 0:
                self._remember(self._cache, key, (self._monotonic() + life, answer))
        finally:
            del self._asked[key]
            future.set_result(answer)
        return answer

    async def _ask(self, name: str, rdtype: str) -> tuple[Answer, float]:
        """Ask the servers once; the answer and how long it may be remembered in seconds."""
        if self._resolver is None:
            return Temporary("no DNS server is configured"), 0.0
        self.requests += 1
        try:
            reply = await self._resolver.resolve(name, rdtype, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return NoName(), LONGEST_NEGATIVE_TTL
        except dns.resolver.NoNameservers:
            return Temporary("ServFail"), 0.0
        except dns.exception.Timeout:
            return Temporary("Timeout"), 0.0
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Temporary(type(error).__name__), 0.0
        if reply.rrset is None:
            return NoData(), LONGEST_NEGATIVE_TTL
        records = tuple(
            record
            for record in (_read(item, rdtype) for item in list(reply.rrset)[:MAX_RECORDS])
            if record is not None
        )
        if not records:
            return NoData(), LONGEST_NEGATIVE_TTL
        return Found(records), min(max(float(reply.rrset.ttl), SHORTEST_TTL), LONGEST_TTL)


def _read(item: object, rdtype: str) -> tuple[int, str] | None:
    """One record as a pair; None for one whose name no host can have (it is data, not a host)."""
    if rdtype == "MX":
        host = item.exchange.to_text(omit_final_dot=True).lower()  # type: ignore[attr-defined]
        host = "" if host in (".", "@") else host
        good = host == "" or _is_host(host)
        return (item.preference, host) if good else None  # type: ignore[attr-defined]
    if rdtype == "PTR":
        host = item.target.to_text(omit_final_dot=True).lower()  # type: ignore[attr-defined]
        return (0, host) if _is_host(host) else None
    return (4 if rdtype == "A" else 6, item.address)  # type: ignore[attr-defined]


def _is_host(name: str) -> bool:
    return _HOST_NAME.fullmatch(name) is not None and ".." not in name
