# SPDX-License-Identifier: Apache-2.0
"""What DNSSEC proves about a mail host: its TLSA records, that it has none, or neither.

Rule: RFC 7672 §2. TLSA is asked for only where the host's addresses are secure (§2.2.2: unsigned
zones of large providers fail on TLSA questions). A failed look-up is never "no DANE": the host then
counts as unreachable and the mail waits (§2.2), because an attacker can make any look-up fail.

`validates` finds out whether the resolver does what all of this rests on.
"""

import asyncio
import enum
from dataclasses import dataclass
from typing import assert_never

from dns.rdtypes.ANY.TLSA import TLSA

from gatehouse.service.base.resolver import Answer, Found, NoData, NoName, Resolver, Temporary
from gatehouse.tls.dane import TlsaRecord, parse_tlsa
from gatehouse.tls.failures import ReportWord

PROBE = "."  # signed since 2010, and every resolver has it in its cache
_LONGEST_NAME = 253  # RFC 1035 §3.1 in text form

# The library would refuse the whole answer for one record whose digest has a wrong length. Such a
# record is unusable, and the others count all the same (RFC 7672 §2.2): `tls.dane` sees to that.
TLSA._cert_length_by_mtype = {}


class Absence(enum.Enum):
    """Why there are no TLSA records that count."""

    DENIED = "secure denial"  # it is proven that there are none
    INSECURE = "insecure"  # the zone is not signed: whatever it says proves nothing
    NOT_TRUSTED = "resolver not trusted"  # our resolver's word does not count: DANE is off


@dataclass(frozen=True, slots=True)
class SecureTlsa:
    """There are records, and they are authentic; whether one is usable `tls.dane.usable` says."""

    base: str  # the TLSA base domain: the name for SNI and the first reference name
    records: tuple[TlsaRecord, ...]
    expires: float  # by the resolver's monotonic clock


@dataclass(frozen=True, slots=True)
class NoTlsa:
    """DANE does not apply to this host."""

    why: Absence


@dataclass(frozen=True, slots=True)
class TlsaFailure:
    """Nobody could say: the host counts as unreachable. `bogus`: an answer failed validation."""

    reason: str
    bogus: bool = False

    @property
    def report_word(self) -> ReportWord:
        """The result type for a TLS report."""
        return ReportWord.DNSSEC_INVALID


TlsaAnswer = SecureTlsa | NoTlsa | TlsaFailure


@dataclass(frozen=True, slots=True)
class Validates:
    """The resolver proves what it says."""


@dataclass(frozen=True, slots=True)
class DoesNotValidate:
    """It answers, and proves nothing: DANE is not effective."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It did not answer; whatever needs it is deferred anyway."""

    reason: str


Validation = Validates | DoesNotValidate | Unknown


async def tlsa(resolver: Resolver, host: str, port: int) -> TlsaAnswer:
    """The TLSA records of a host (lower-case A-labels, no dot at the end) and port."""
    if not resolver.trusted:
        return NoTlsa(Absence.NOT_TRUSTED)
    bases = await _base_domains(resolver, host)
    if not isinstance(bases, tuple):
        return bases
    insecure = False
    for base in bases:
        name = f"_{port}._tcp.{base}"
        if len(name) > _LONGEST_NAME:
            continue  # no such name can exist
        answer = await resolver.records(name, "TLSA")
        match answer:
            case Found(records, True):
                return SecureTlsa(base, _parsed(records), answer.expires)
            case Temporary():
                return _failure(answer)
            case Found() | NoData() | NoName():
                insecure = insecure or not answer.secure
            case other:
                assert_never(other)
    return NoTlsa(Absence.INSECURE if insecure else Absence.DENIED)


async def validates(resolver: Resolver, probe: str = PROBE) -> Validation:
    """Ask for a name that is signed, and see whether the answer is proven (RFC 4035 §3.2.3).

    Each server is asked by itself: what one refuses as bogus the next is asked for, and one that
    does not validate would hand it out.
    """
    if not resolver.servers():
        return Unknown("no DNS server is configured")
    if not resolver.trusted:
        return DoesNotValidate("it is not on this machine, and dns_trusted does not vouch for it")
    found = await asyncio.gather(
        *(_probed(resolver.alone(each), probe) for each in resolver.servers())
    )
    for kind in (DoesNotValidate, Validates, Unknown):
        for each in found:
            if isinstance(each, kind):
                return each
    raise AssertionError("every server has a result")


async def _probed(resolver: Resolver, probe: str) -> Validation:
    answer = await resolver.records(probe, "SOA")
    match answer:
        case Temporary(error, bogus):
            return Unknown(bogus or error)
        case Found() | NoData() | NoName():
            if answer.secure:
                return Validates()
            ((address, port),) = resolver.servers()
            return DoesNotValidate(
                f"the answer of {address} port {port} for the signed root zone carries no AD bit"
            )
        case other:
            assert_never(other)


async def _base_domains(resolver: Resolver, host: str) -> tuple[str, ...] | NoTlsa | TlsaFailure:
    """Names to look below for TLSA, the best first (RFC 7672 §2.2.2)."""
    answer = await resolver.addresses(host)
    match answer:
        case Temporary():
            return _failure(answer)
        case NoData() | NoName():
            return NoTlsa(Absence.DENIED if answer.secure else Absence.INSECURE)
        case Found(_, True, canonical):
            return (canonical, host) if canonical else (host,)
        case Found(_, False, ""):
            return NoTlsa(Absence.INSECURE)
        case Found():
            pass
        case other:
            assert_never(other)
    # An alias into an unsigned zone: when the alias itself is signed, its name may have TLSA.
    return _of_alias(host, await resolver.records(host, "CNAME"))


def _of_alias(host: str, alias: Answer) -> tuple[str, ...] | NoTlsa | TlsaFailure:
    if isinstance(alias, Temporary):
        return _failure(alias)
    return (host,) if isinstance(alias, Found) and alias.secure else NoTlsa(Absence.INSECURE)


def _parsed(records: tuple[tuple[int, str], ...]) -> tuple[TlsaRecord, ...]:
    """Records that are none are left out; when nothing is left, none is usable."""
    found = (parse_tlsa(bytes.fromhex(text)) for _, text in records)
    return tuple(each for each in found if each is not None)


def _failure(answer: Temporary) -> TlsaFailure:
    return TlsaFailure(answer.bogus or answer.error, bogus=bool(answer.bogus))
