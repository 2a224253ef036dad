# SPDX-License-Identifier: Apache-2.0
"""What a validating resolver says of hosts in signed, unsigned, damaged and dead zones."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gatehouse.service.base import secure_dns
from gatehouse.service.base.resolver import Found, NoData, NoName, Resolver, Temporary
from gatehouse.service.base.secure_dns import Absence, NoTlsa, SecureTlsa, TlsaFailure
from gatehouse.tls.dane import TlsaRecord
from tests.live import signed_zone
from tests.live.signed_zone import SignedZones

pytestmark = pytest.mark.peers

ONE = "3 1 1 " + "ab" * 32
OTHER = "3 1 1 " + "cd" * 32
_numbers = itertools.count(1)


def ask(
    zones: SignedZones,
    question: Callable[[Resolver], Coroutine[Any, Any, Any]],
    seconds: float = 15.0,
) -> Any:
    zones.publish()

    async def body() -> Any:
        resolver = Resolver(zones.servers, time.monotonic, seconds, hosts_file=None, trusted=None)
        return await question(resolver)

    return asyncio.run(body())


def tlsa(zones: SignedZones, host: str, seconds: float = 15.0) -> secure_dns.TlsaAnswer:
    answer: secure_dns.TlsaAnswer = ask(zones, lambda r: secure_dns.tlsa(r, host, 25), seconds)
    return answer


def mx(zones: SignedZones, domain: str) -> object:
    return ask(zones, lambda r: r.mx(domain))


def host(
    zones: SignedZones, *records: str, zone: str = signed_zone.GOOD, damaged: tuple[str, ...] = ()
) -> str:
    """A host with an address and TLSA records."""
    name = zones.add(f"mx{next(_numbers)}.{zone}", {"A": ["127.0.0.9"]})
    if records:
        zones.add(f"_25._tcp.{name}", {"TLSA": records}, damaged=damaged)
    return name


def record(text: str) -> TlsaRecord:
    usage, selector, matching, data = text.split()
    return TlsaRecord(int(usage), int(selector), int(matching), bytes.fromhex(data))


def test_the_resolver_validates(zones: SignedZones) -> None:
    assert ask(zones, secure_dns.validates) == secure_dns.Validates()


def test_records_of_a_signed_host_are_secure(zones: SignedZones) -> None:
    name, began = host(zones, ONE, OTHER), time.monotonic()
    answer = tlsa(zones, name)
    assert isinstance(answer, SecureTlsa)
    assert answer.base == name
    assert set(answer.records) == {record(ONE), record(OTHER)}
    assert began < answer.expires <= time.monotonic() + signed_zone.TTL


def test_records_change_when_they_are_published_anew(zones: SignedZones) -> None:
    name = host(zones, ONE)
    assert tlsa(zones, name).records == (record(ONE),)  # type: ignore[union-attr]
    zones.add(f"_25._tcp.{name}", {"TLSA": [OTHER]})
    assert tlsa(zones, name).records == (record(OTHER),)  # type: ignore[union-attr]
    zones.remove(f"_25._tcp.{name}")
    assert tlsa(zones, name) == NoTlsa(Absence.DENIED)


def test_an_answer_that_does_not_fit_a_datagram_comes_over_tcp(zones: SignedZones) -> None:
    many = [f"3 1 2 {number:0128x}" for number in range(30)]
    answer = tlsa(zones, host(zones, *many))
    assert isinstance(answer, SecureTlsa)
    assert len(answer.records) == 30


def test_a_signed_host_without_records_is_proven_to_have_none(zones: SignedZones) -> None:
    assert tlsa(zones, host(zones)) == NoTlsa(Absence.DENIED)


def test_records_in_an_unsigned_zone_prove_nothing(zones: SignedZones) -> None:
    assert tlsa(zones, host(zones, ONE, zone=signed_zone.PLAIN)) == NoTlsa(Absence.INSECURE)


def test_damaged_records_are_a_failure_and_not_an_absence(zones: SignedZones) -> None:
    name = host(zones, ONE, damaged=("TLSA",))
    answer = tlsa(zones, name)
    assert answer == TlsaFailure("DNSSEC bogus", bogus=True)
    assert answer.report_word.value == "dnssec-invalid"
    addresses = ask(zones, lambda r: r.addresses(name))
    assert addresses.secure, "the addresses are good: it is only the records that are damaged"


@pytest.mark.parametrize("zone", [signed_zone.BOGUS, signed_zone.BROKEN, signed_zone.SILENT])
def test_where_nobody_can_say_the_mail_waits(zones: SignedZones, zone: str) -> None:
    name = f"mx.{zone}"
    if zone == signed_zone.BOGUS:
        host(zones, ONE, zone=zone)
    answer = tlsa(zones, name, 0.5 if zone == signed_zone.SILENT else 15.0)
    assert isinstance(answer, TlsaFailure)
    assert answer.bogus == (zone == signed_zone.BOGUS)


def test_an_alias_in_signed_zones_leads_to_the_records_of_its_target(zones: SignedZones) -> None:
    target = host(zones, ONE)
    alias = zones.add("alias1.good.example", {"CNAME": [f"{target}."]})
    zones.add(f"_25._tcp.{alias}", {"TLSA": [OTHER]})
    answer = tlsa(zones, alias)
    assert isinstance(answer, SecureTlsa)
    assert (answer.base, answer.records) == (target, (record(ONE),))


def test_an_alias_whose_target_has_no_records_may_have_its_own(zones: SignedZones) -> None:
    alias = zones.add("alias2.good.example", {"CNAME": [f"{host(zones)}."]})
    zones.add(f"_25._tcp.{alias}", {"TLSA": [OTHER]})
    answer = tlsa(zones, alias)
    assert isinstance(answer, SecureTlsa)
    assert (answer.base, answer.records) == (alias, (record(OTHER),))


def test_a_signed_alias_into_an_unsigned_zone_may_have_its_own_records(zones: SignedZones) -> None:
    target = host(zones, ONE, zone=signed_zone.PLAIN)
    alias = zones.add("alias3.good.example", {"CNAME": [f"{target}."]})
    zones.add(f"_25._tcp.{alias}", {"TLSA": [OTHER]})
    answer = tlsa(zones, alias)
    assert isinstance(answer, SecureTlsa)
    assert (answer.base, answer.records) == (alias, (record(OTHER),))


def test_an_unsigned_alias_of_a_signed_host_proves_nothing(zones: SignedZones) -> None:
    alias = zones.add("alias4.plain.example", {"CNAME": [f"{host(zones, ONE)}."]})
    assert tlsa(zones, alias) == NoTlsa(Absence.INSECURE)


def test_records_behind_an_alias_into_an_unsigned_zone_prove_nothing(zones: SignedZones) -> None:
    name = host(zones)
    elsewhere = zones.add("records.plain.example", {"TLSA": [ONE]})
    zones.add(f"_25._tcp.{name}", {"CNAME": [f"{elsewhere}."]})
    assert tlsa(zones, name) == NoTlsa(Absence.INSECURE)


def test_mail_hosts_are_secure_where_their_domain_is_signed(zones: SignedZones) -> None:
    zones.add("d1.good.example", {"MX": ["10 mx.good.example."]})
    zones.add("d1.plain.example", {"MX": ["10 mx.good.example."]})
    zones.add("d2.good.example", {"CNAME": ["d1.good.example."]})
    zones.add("bare.good.example", {"A": ["127.0.0.9"]})
    hosts = ((10, "mx.good.example"),)
    for domain, answer in {
        "d1.good.example": Found(hosts, secure=True),
        "d1.plain.example": Found(hosts),
        "d2.good.example": Found(hosts, secure=True, canonical="d1.good.example"),
        "bare.good.example": NoData(secure=True),
        "gone.good.example": NoName(secure=True),
        "gone.plain.example": NoName(),
        "mx.broken.example": Temporary("ServFail"),
    }.items():
        assert mx(zones, domain) == answer, domain
