# SPDX-License-Identifier: Apache-2.0
"""DANE from the zone to the delivery: real signed zones, a real validating resolver, real TLS.

No certificate here leads to a CA that the gateway trusts: what is verified is verified by TLSA.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.journal import facts
from tests.live.clients import deliver
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address, until
from tests.live.servers import PORT, Behaviour, FakeServer
from tests.live.signed_zone import BROKEN, GOOD, PLAIN, SignedZones
from tests.live.test_verified_delivery import DAY, FRESH, NOW, tls_server
from tests.unit.tls.authority import Made, issue

pytestmark = pytest.mark.peers

ROOT = issue("Records Root", ca=True, **FRESH)
MIDDLE = issue("Records Issuing", ROOT, ca=True, **FRESH)
OTHER = issue("some other host", **FRESH)

TEXT = """\
format = 1
[system]
hostname = "gw.dane.example"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[delivery]
dns_servers = ["{dns}"]
smtp_port = {smtp_port}
dns_timeout = 12
idle_timeout = 1
[trust]
system = false
[destination_controls.default]
tls = "preferred"
{controls}
[processes]
receivers = 1
"""
_numbers = itertools.count(1)


@dataclass
class Site:
    gateway: Gateway
    zones: SignedZones
    address: str
    servers: list[FakeServer]

    def server(self, behaviour: Behaviour) -> FakeServer:
        made = FakeServer(address(), behaviour)
        self.servers.append(made)
        return made

    def host(
        self, server: FakeServer, *records: str, zone: str = GOOD, damaged: Sequence[str] = ()
    ) -> str:
        """A mail host of this server with TLSA records for it."""
        name = self.zones.add(f"mx{next(_numbers)}.{zone}", {"A": [server.address]})
        if records:
            self.zones.add(f"_{PORT}._tcp.{name}", {"TLSA": records}, damaged=damaged)
        return name

    def domain(self, use: str, *hosts: str, zone: str = GOOD) -> str:
        """A domain under a rule, with these mail hosts in order."""
        name = f"d{next(_numbers)}.{use}.{zone}"
        records = [f"{10 * number} {host}." for number, host in enumerate(hosts, 1)]
        return self.zones.add(name, {"MX": records})

    def attempt(self, domain: str) -> str:
        """One message, and how its first try ended: "encrypted", "clear" or "deferred"."""
        self.zones.publish()
        content = b"Subject: t\r\n\r\nbody\r\n"
        mid = deliver((self.address, 2525), f"ann@{GOOD}", [f"bob@{domain}"], content)
        events = self.gateway.events

        def over() -> list[facts.RecipientsDelivered | facts.RecipientDelayed]:
            return [
                *events.of(facts.RecipientsDelivered, mid=mid),
                *events.of(facts.RecipientDelayed, mid=mid),
            ]

        (end, *_) = until(over, f"an end of the attempt for {domain}")
        if isinstance(end, facts.RecipientDelayed):
            return "deferred"
        return "encrypted" if end.tls else "clear"


@pytest.fixture(scope="module")
def site(zones: SignedZones, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    controls = "".join(
        f'[destination_controls.".{use}.{zone}"]\ndane = "{use}"\n'
        for use in ("opportunistic", "mandatory")
        for zone in (GOOD, PLAIN)
    )
    own = address()
    text = TEXT.format(address=own, dns=zones.endpoint, smtp_port=PORT, controls=controls)
    gateway = Gateway(tmp_path_factory.mktemp("dane"), text)
    made = Site(gateway, zones, own, [])
    try:
        with gateway:
            yield made
            gateway.assert_sound()
    finally:
        for server in made.servers:
            server.close()


def tlsa(usage: int, selector: int, made: Made) -> str:
    key = made.certificate.public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{usage} {selector} 1 {hashlib.sha256(spki if selector else made.der).hexdigest()}"


def behaviour(folder: Path, *chain: Made) -> Behaviour:
    return Behaviour(tls=True, context=tls_server(folder, *chain))


def old_and_nameless() -> Made:
    return issue("", start=NOW - 30 * DAY, end=NOW - DAY)


@dataclass(frozen=True)
class Cell:
    """What a host shows and publishes, and what becomes of mail for it."""

    records: Callable[[Made], Sequence[str]]
    opportunistic: str
    mandatory: str
    verdict: str = ""  # the word of the connection, where there is one
    result: str = ""  # RFC 8460 §4.3, under "mandatory"
    zone: str = GOOD
    damaged: tuple[str, ...] = ()


CELLS = {
    "match": Cell(lambda made: [tlsa(3, 1, made)], "encrypted", "encrypted", "verified"),
    "rollover": Cell(
        lambda made: [tlsa(3, 1, OTHER), tlsa(3, 1, made)], "encrypted", "encrypted", "verified"
    ),
    "mismatch": Cell(
        lambda made: [tlsa(3, 1, OTHER)],
        "deferred",
        "deferred",
        "dane mismatch",
        "validation-failure",
    ),
    "unusable": Cell(
        lambda made: [tlsa(1, 1, made)], "encrypted", "deferred", result="tlsa-invalid"
    ),
    "denied": Cell(lambda made: [], "encrypted", "deferred", result="dane-required"),
    "unsigned": Cell(
        lambda made: [tlsa(3, 1, OTHER)],
        "encrypted",
        "deferred",
        result="dane-required",
        zone=PLAIN,
    ),
    "bogus": Cell(
        lambda made: [tlsa(3, 1, made)],
        "deferred",
        "deferred",
        result="dnssec-invalid",
        damaged=("TLSA",),
    ),
}


@pytest.mark.parametrize("use", ["opportunistic", "mandatory"])
@pytest.mark.parametrize("case", CELLS)
def test_what_dns_proves_decides(site: Site, tmp_path: Path, case: str, use: str) -> None:
    cell = CELLS[case]
    made = old_and_nameless()
    server = site.server(behaviour(tmp_path, made))
    host = site.host(server, *cell.records(made), zone=cell.zone, damaged=cell.damaged)
    domain = site.domain(use, host, zone=cell.zone)
    outcome = site.attempt(domain)
    assert outcome == getattr(cell, use)
    assert not server.spoke_in_clear
    assert len(server.messages) == (outcome != "deferred")
    events = site.gateway.events
    if cell.verdict == "verified":
        (up,) = events.of(facts.TlsDelivered, domain=domain)
        assert (up.verdict, up.rule, up.result) == ("verified", "dane", "")
        assert up.basis.startswith("dane-ee")
    elif cell.verdict:
        failed = events.wait(facts.TlsDeliveryFailed, domain=domain)
        assert (failed.kind, failed.text, failed.rule) == ("verify", cell.verdict, "dane")
        assert failed.result == cell.result
    elif use == "mandatory":
        result = events.wait(facts.TlsPolicyResult, domain=domain)
        assert result.result == cell.result


def test_an_authority_vouches_for_the_name_of_the_host(site: Site, tmp_path: Path) -> None:
    for name, outcome in (("", "encrypted"), ("mx.other.example", "deferred")):
        server = site.server(Behaviour(tls=True))
        host = site.host(server, tlsa(2, 0, ROOT))
        made = issue("any", MIDDLE, dns=(name or host,), **FRESH)
        server.behaviour = behaviour(tmp_path, made, MIDDLE, ROOT)
        domain = site.domain("mandatory", host)
        assert site.attempt(domain) == outcome
        if outcome == "deferred":
            failed = site.gateway.events.wait(facts.TlsDeliveryFailed, domain=domain)
            assert (failed.text, failed.result) == ("name mismatch", "certificate-host-mismatch")


def test_an_authority_that_the_server_does_not_send_is_no_match(site: Site, tmp_path: Path) -> None:
    server = site.server(Behaviour(tls=True))
    host = site.host(server, tlsa(2, 0, ROOT))
    server.behaviour = behaviour(tmp_path, issue("any", MIDDLE, dns=(host,), **FRESH), MIDDLE)
    assert site.attempt(site.domain("opportunistic", host)) == "deferred"


def test_a_server_that_takes_tls_away_gets_nothing(site: Site) -> None:
    server = site.server(Behaviour())
    host = site.host(server, tlsa(3, 1, OTHER))
    assert site.attempt(site.domain("opportunistic", host)) == "deferred"
    assert server.messages == []
    assert server.heard("MAIL") == []


def test_the_next_host_is_tried_when_the_first_does_not_match(site: Site, tmp_path: Path) -> None:
    made = old_and_nameless()
    first = site.server(behaviour(tmp_path, made))
    second = site.server(behaviour(tmp_path, made))
    domain = site.domain(
        "opportunistic", site.host(first, tlsa(3, 1, OTHER)), site.host(second, tlsa(3, 1, made))
    )
    assert site.attempt(domain) == "encrypted"
    assert (len(first.messages), len(second.messages)) == (0, 1)


def test_a_host_whose_records_cannot_be_had_makes_room_for_the_next(
    site: Site, tmp_path: Path
) -> None:
    made = old_and_nameless()
    first, second = (site.server(behaviour(tmp_path, made)) for _ in range(2))
    bogus = site.host(first, tlsa(3, 1, made), damaged=("TLSA",))
    domain = site.domain("opportunistic", bogus, site.host(second, tlsa(3, 1, made)))
    assert site.attempt(domain) == "encrypted"
    assert (first.connections, len(second.messages)) == (0, 1)


def test_a_host_that_cannot_be_looked_up_defers(site: Site) -> None:
    assert site.attempt(site.domain("opportunistic", f"mx.{BROKEN}")) == "deferred"


def test_records_are_asked_for_only_where_dane_is_wanted(site: Site, tmp_path: Path) -> None:
    server = site.server(behaviour(tmp_path, old_and_nameless()))
    host = site.host(server, tlsa(3, 1, OTHER))
    assert site.attempt(site.domain("nothing", host)) == "encrypted"


def test_a_validating_resolver_raises_no_alarm(site: Site) -> None:
    assert site.gateway.events.of(facts.AlarmRaised, name="dane-not-effective") == []


def test_a_resolver_that_does_not_validate_raises_the_alarm(tmp_path: Path) -> None:
    dns = DnsServer(address())
    control = '[destination_controls.".bank.example"]\ndane = "mandatory"\n'
    text = TEXT.format(address=address(), dns=dns.endpoint, smtp_port=PORT, controls=control)
    try:
        with Gateway(tmp_path, text) as gateway:
            told = gateway.events.wait(facts.AlarmRaised, name="dane-not-effective")
            assert told.subject.startswith(
                "Warning <System> gw.dane.example: DANE is not effective: the resolver does not"
                f" validate (the answer of {dns.address} port 5300 for the signed root zone"
            )
            gateway.assert_sound()
    finally:
        dns.close()
