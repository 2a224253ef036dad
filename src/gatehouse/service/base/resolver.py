# SPDX-License-Identifier: Apache-2.0
"""DNS for everybody: MX, addresses, reverse names; bounded, cached, and never guessing.

An answer is one of four values. The difference between "there is no such thing" and "I could not
find out" decides between a bounce and a deferral (RFC 5321 §5.1, hostile-input "unknown means still
ours"), so a timeout, SERVFAIL or REFUSED is always `Temporary` and never cached as an absence.
Names of loopback and of this machine's hosts file are answered from the file, as every MTA does.

Whether an answer is secure is said by the AD bit of a resolver that is trusted for it (RFC 4035
§3.2.3, RFC 7672 §2.1.3): one on loopback, or one that the operator vouches for. From any other the
bit is a stranger's word and counts for nothing. What is made of it for DANE is in `secure_dns`.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

from gatehouse.policy.access import NameState
from gatehouse.service.base import dns_records

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
# On loopback, and yet no resolver: the DNS of Docker's networks passes every answer on as it came,
# also the AD bit of whoever stands outside.
ONLY_FORWARDS = frozenset({"127.0.0.11"})
# What fits into a datagram on every path (DNS flag day 2020); more comes over TCP.
EDNS_PAYLOAD = 1232
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Found:
    """There are records. For MX each is (preference, host), else text; TLSA as hexadecimal RDATA.

    `secure`: a trusted resolver validated the whole answer, aliases too.
    """

    records: tuple[tuple[int, str], ...]
    secure: bool = False
    canonical: str = ""  # the name behind aliases; empty where there were none
    expires: float = field(default=0.0, compare=False)  # by the resolver's monotonic clock


@dataclass(frozen=True, slots=True)
class NoData:
    """The name exists and has nothing of this type; `secure`: that is proven."""

    secure: bool = False


@dataclass(frozen=True, slots=True)
class NoName:
    """The name does not exist (NXDOMAIN); `secure`: that is proven."""

    secure: bool = False


@dataclass(frozen=True, slots=True)
class Temporary:
    """Nobody could say: the resolver failed, refused, lied or was silent. `error` names it.

    `bogus`, where the resolver tells: there was an answer, and it failed validation in this way.
    """

    error: str
    bogus: str = ""


Answer = Found | NoData | NoName | Temporary


@dataclass(frozen=True, slots=True)
class ReverseName:
    """What the address is called. `verified`: the name's own addresses contain the address."""

    host: str | None
    verified: bool
    seconds: float = 0.0
    failed: bool = False  # a look-up failed: nobody knows what there is

    @property
    def state(self) -> NameState:
        """The same in the words of the host access table."""
        if self.verified:
            return NameState.VERIFIED
        if self.failed:
            return NameState.SERV_FAIL
        return NameState.NX_DOMAIN if self.host is None else NameState.NOT_DOUBLE_VERIFIED


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
    """A caching stub resolver. `servers` empty means the system's own configuration.

    `trusted`: whether its AD bit counts; None: when all its servers are on loopback.
    """

    def __init__(
        self,
        servers: tuple[tuple[str, int], ...],
        monotonic: Callable[[], float],
        seconds: float = LOOKUP_SECONDS,
        hosts_file: Path | None = HOSTS_FILE,
        *,
        trusted: bool | None = False,
    ) -> None:
        self._monotonic, self._seconds = monotonic, seconds
        self._cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._asked: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._reverse: OrderedDict[str, tuple[float, ReverseName]] = OrderedDict()
        self._resolver = self._make(servers, seconds)
        self.trusted = self._on_loopback() if trusted is None else trusted
        if self.trusted and self._resolver is not None:
            # DO and not AD in the question: a server that only copies flags must not look like one
            # that validates (RFC 6840 §5.7, §5.8).
            self._resolver.use_edns(0, dns.flags.DO, EDNS_PAYLOAD)
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

    def servers(self) -> tuple[tuple[str, int], ...]:
        """Address and port of each server."""
        if self._resolver is None:
            return ()
        return tuple(
            (each, self._resolver.port)
            if isinstance(each, str)
            else (getattr(each, "address", ""), each.answer_port())
            for each in self._resolver.nameservers
        )

    def alone(self, server: tuple[str, int]) -> "Resolver":
        """A resolver like this one that asks one server only, and remembers nothing."""
        return Resolver((server,), self._monotonic, self._seconds, None, trusted=self.trusted)

    def _on_loopback(self) -> bool:
        """Whether nobody stands between us and every server we ask."""
        addresses = [address for address, _ in self.servers()]
        try:
            return bool(addresses) and all(
                ipaddress.ip_address(each).is_loopback and each not in ONLY_FORWARDS
                for each in addresses
            )
        except ValueError:
            return False

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
            return Found(
                tuple(record for answer in both for record in answer.records),
                secure=all(a.secure for a in both) and len({a.canonical for a in both}) == 1,
                canonical=both[0].canonical,
                expires=min(a.expires for a in both),
            )
        for answer in (four, six):
            if isinstance(answer, Temporary):
                return answer
        if isinstance(four, NoName):
            return four
        return NoData(secure=all(isinstance(a, NoData) and a.secure for a in (four, six)))

    async def records(self, name: str, rdtype: str) -> Answer:
        """Records of another type: CNAME (the alias itself is not followed), SOA or TLSA."""
        return await self._lookup(name, rdtype)

    async def txt(self, name: str) -> Answer:
        """TXT records of a name, each as (0, its strings joined); for MTA-STS and TLS reports."""
        return await self._lookup(name, "TXT")

    async def listed(self, ip: str, zone: str) -> Answer:
        """Does a DNS list have this address? Found is yes, NoName no (RFC 5782 §2.1, §2.4)."""
        name = str(dns.reversename.from_address(ip)).rstrip(".")
        reversed_address = name.rpartition(".in-addr.arpa")[0] or name.rpartition(".ip6.arpa")[0]
        return await self._lookup(f"{reversed_address}.{zone}", "A")

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
        host, same, failed = None, False, isinstance(answer, Temporary)
        if isinstance(answer, Found):
            host = answer.records[0][1]
            forward = await self.addresses(host)
            same = isinstance(forward, Found) and any(text == ip for _, text in forward.records)
            failed = isinstance(forward, Temporary)
        now = self._monotonic()
        result = ReverseName(host, same, now - started, failed)
        life = SHORTEST_TTL if failed else LONGEST_NEGATIVE_TTL
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
        except dns.resolver.NXDOMAIN as error:
            proof = next(iter(error.kwargs["responses"].values()))
            return NoName(self._is_secure(proof)), _negative_life(proof)
        except dns.resolver.NoNameservers as error:
            return Temporary("ServFail", dns_records.why_bogus(error)), 0.0
        except dns.exception.Timeout:
            return Temporary("Timeout"), 0.0
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Temporary(type(error).__name__), 0.0
        secure = self._is_secure(reply.response)
        items = list(reply.rrset or ())[:MAX_RECORDS]
        read = (dns_records.read(item, rdtype) for item in items)
        records = tuple(record for record in read if record is not None)
        if not records:
            return NoData(secure), _negative_life(reply.response)
        # An alias may live shorter than what is behind it.
        life = min(max(float(reply.chaining_result.minimum_ttl), SHORTEST_TTL), LONGEST_TTL)
        canonical = dns_records.canonical(reply)
        return Found(records, secure, canonical, self._monotonic() + life), life

    def _is_secure(self, response: dns.message.Message) -> bool:
        return self.trusted and bool(response.flags & dns.flags.AD)


def _negative_life(response: dns.message.QueryMessage) -> float:
    """How long an absence is remembered (RFC 2308 §5); without an SOA record: as long as any."""
    try:
        told = float(response.resolve_chaining().minimum_ttl)
    except dns.exception.DNSException:
        return SHORTEST_TTL
    return min(max(told, SHORTEST_TTL), LONGEST_NEGATIVE_TTL)
