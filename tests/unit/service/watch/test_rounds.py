# SPDX-License-Identifier: Apache-2.0
"""What the gateway does by the clock: look at certificates, fetch lists, renew."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.config.checks import Loaded, load
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.running import CrlSettings, CrlSource, DeliverySettings, Running
from gatehouse.journal.facts import AlarmRaised, Fact
from gatehouse.service.base import secure_dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.commit.trials import Renewals
from gatehouse.service.trust import acme, anchors, keyring
from gatehouse.service.trust.web_fetch import FetchFailed
from gatehouse.service.watch.alarms import AlarmDesk
from gatehouse.service.watch.rounds import (
    DANE_ALARM,
    DANE_SECONDS,
    DNS_ALARM,
    DNS_SECONDS,
    Rounds,
    RoundsTools,
    ask_dns,
    ask_resolver,
)
from gatehouse.store.sqlite.store import SqliteStore
from gatehouse.tls import facets
from gatehouse.tls.certificates import CertifiedKey, pem_of_key
from tests.live.dns import PORT, DnsServer
from tests.live.gateway import address
from tests.unit.tls.authority import DAY, NOW, Made, issue


def defaults() -> Running:
    loaded = load(DEFAULT_TEXT.encode())
    assert isinstance(loaded, Loaded)
    return loaded.running


class Site:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = NOW.timestamp()
        self.facts: list[Fact] = []
        self.running: Running | None = defaults()
        self.clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        self.desk = AlarmDesk(store, self.facts.append, self.clock, lambda: "gw1")

    def rounds(self) -> Rounds:
        def fetch(source: CrlSource) -> bytes:
            raise FetchFailed("nobody there")

        async def apply(revision: int, operator: str, comment: str) -> None:
            raise AssertionError("nothing is to be applied here")

        return Rounds(
            RoundsTools(
                store=self.store,
                clock=self.clock,
                alarms=self.desk,
                running=lambda: self.running,
                fetch=fetch,
                installer=Renewals(self.store, self.clock, apply),
                committing=asyncio.Lock(),
            )
        )

    def alarms(self) -> list[str]:
        return [fact.name for fact in self.facts if isinstance(fact, AlarmRaised)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    _, store = open_house(tmp_path / "data")
    yield Site(store)
    store.close()


def keep(site: Site, made: Made) -> None:
    keyring.put(site.store, "mx", CertifiedKey(pem_of_key(made.key), (made.pem,)), site.now)


def test_an_ending_certificate_is_told_once(site: Site) -> None:
    keep(site, issue("mx.example.com", end=NOW + 10 * DAY))
    for _ in range(2):
        asyncio.run(site.rounds().expiry())
    assert site.alarms() == ["certificate-expiry"]


def test_a_custom_ca_is_looked_after_too(site: Site) -> None:
    root = issue("Partner Root", ca=True, end=NOW + 3 * DAY)
    site.store.secrets.put("trust/partner", root.pem, site.now)
    assert "partner" in anchors.custom(site.store)
    asyncio.run(site.rounds().expiry())
    (fact,) = site.facts
    assert isinstance(fact, AlarmRaised) and "Custom CA certificate partner" in fact.text


def test_a_source_that_fails_alarms_and_rests_until_its_next_turn(site: Site) -> None:
    assert site.running is not None
    source = CrlSource(url="http://crl.example/x", interval=3600, internal=False)
    lists = CrlSettings(sources=(source,), check_clients=True, check_servers=True, fail_open=True)
    site.running = replace(site.running, crl=lists)
    for _ in range(2):
        asyncio.run(site.rounds().revocation_lists())
    assert site.alarms() == ["crl-source"]
    site.now += 900
    asyncio.run(site.rounds().revocation_lists())
    assert site.alarms() == ["crl-source"] * 2  # the second moment of the series has passed


def standing(site: Site, made: Made) -> None:
    order = acme.StandingOrder(
        name="mx",
        domains=("mx.example.com",),
        directory="nonsense",
        contact="me@example.com",
        challenge="http-01",
        issued=facets.digest(made.certificate).hex(),
        ask_again_at=float("1e12"),
    )
    acme.keep_order(site.store, order, site.now)


def test_a_renewal_that_fails_alarms_and_waits(site: Site) -> None:
    made = issue("mx.example.com", start=NOW - 80 * DAY, end=NOW + 10 * DAY)
    keep(site, made)
    standing(site, made)
    for _ in range(2):
        asyncio.run(site.rounds().renewal())
    assert site.alarms() == ["certificate-renewal"]
    (order,) = acme.standing(site.store)
    assert (order.failures, order.error) == (1, "the directory's URL must be https")


def test_what_is_not_due_is_left_alone(site: Site) -> None:
    made = issue("mx.example.com", start=NOW - 10 * DAY, end=NOW + 80 * DAY)
    keep(site, made)
    standing(site, made)
    asyncio.run(site.rounds().renewal())
    assert site.alarms() == []


def test_before_anything_runs_there_is_nothing_to_do(site: Site) -> None:
    site.running = None
    for job in site.rounds().jobs():
        asyncio.run(_done(job.work))
    assert site.facts == []


async def _done(work) -> None:
    await work()


def with_dane(site: Site, found: secure_dns.Validation, *, wanted: bool = True) -> Rounds:
    async def validates(delivery: DeliverySettings) -> secure_dns.Validation:
        assert delivery.uses_dane, "nobody is asked when nobody wants DANE"
        return found

    running = defaults()
    site.running = replace(running, delivery=replace(running.delivery, uses_dane=wanted))
    return Rounds(replace(site.rounds()._tools, validates=validates))


def test_dane_without_a_validating_resolver_is_a_standing_alarm(site: Site) -> None:
    rounds = with_dane(site, secure_dns.DoesNotValidate("no AD bit"))
    told = []
    for _ in range(13):  # an hour
        asyncio.run(rounds.dane())
        told.append(len(site.alarms()))
        site.now += DANE_SECONDS
    assert told == [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5], "the pauses grow up to an hour"
    fact = site.facts[0]
    assert isinstance(fact, AlarmRaised)
    assert (fact.name, fact.alarm_class, fact.severity) == (DANE_ALARM, "System", "Warning")
    assert fact.text.startswith(
        "DANE is not effective: the resolver does not validate (no AD bit)."
    )


@pytest.mark.parametrize("found", [secure_dns.Validates(), secure_dns.Unknown("Timeout")])
def test_a_resolver_that_validates_or_is_silent_is_no_alarm(
    site: Site, found: secure_dns.Validation
) -> None:
    asyncio.run(with_dane(site, found).dane())
    assert site.alarms() == []


def test_a_resolver_that_failed_again_after_a_good_time_is_told_at_once(site: Site) -> None:
    bad = secure_dns.DoesNotValidate("no AD bit")
    asyncio.run(with_dane(site, bad).dane())
    for _ in range(13):
        site.now += DANE_SECONDS
        asyncio.run(with_dane(site, secure_dns.Validates()).dane())
    asyncio.run(with_dane(site, bad).dane())
    assert site.alarms() == [DANE_ALARM, DANE_ALARM]


def test_nobody_asks_the_resolver_when_no_destination_wants_dane(site: Site) -> None:
    asyncio.run(with_dane(site, secure_dns.DoesNotValidate("x"), wanted=False).dane())
    site.running = None
    asyncio.run(site.rounds().dane())
    assert site.alarms() == []


def test_the_resolver_of_delivery_is_the_one_that_is_asked() -> None:
    server = DnsServer(address())
    try:
        delivery = replace(
            defaults().delivery, dns_servers=((server.address, PORT),), dns_timeout=60
        )
        found = asyncio.run(ask(delivery))
        assert isinstance(found, secure_dns.DoesNotValidate)
        assert server.asked == [(".", "SOA")]
        untrusted = asyncio.run(ask(replace(delivery, dns_trusted=False)))
        assert isinstance(untrusted, secure_dns.DoesNotValidate)
        assert len(server.asked) == 1
    finally:
        server.close()


async def ask(delivery: DeliverySettings) -> secure_dns.Validation:
    return await ask_resolver(delivery)


# --- DNS ------------------------------------------------------------------------------------------


def looked(site: Site, *answers: str, text: str = DEFAULT_TEXT) -> list[str]:
    """The alarms after so many turns, each with what was wrong with DNS."""
    left = list(answers)

    async def ask(delivery: DeliverySettings) -> str:
        return left.pop(0)

    async def turns() -> None:
        rounds = Rounds(replace(site.rounds()._tools, answers=ask))
        for _ in range(len(answers) + 1):
            await rounds.dns()
            site.now += DNS_SECONDS

    loaded = load(text.encode())
    assert isinstance(loaded, Loaded)
    site.running = loaded.running
    asyncio.run(turns())
    return site.alarms()


def test_dns_that_gives_no_answer_twice_in_a_row_is_told(site: Site) -> None:
    assert looked(site, "", "Timeout", "Timeout") == [DNS_ALARM]
    (fact,) = site.facts
    assert isinstance(fact, AlarmRaised)
    assert fact.severity == "Critical"
    assert fact.text.startswith("No DNS server answers (Timeout).")


def test_dns_that_is_silent_once_or_at_the_start_is_not(site: Site) -> None:
    assert looked(site, "Timeout", "", "ServFail", "", "Timeout") == []


def test_who_needs_no_dns_is_not_told_of_it(site: Site) -> None:
    routed = DEFAULT_TEXT.replace("[smtp_routes]", '[smtp_routes]\n"." = ["192.0.2.1"]')
    assert looked(site, *["Timeout"] * 9, text=routed) == []


@pytest.mark.parametrize("silent", [True, False])
def test_the_servers_of_delivery_are_asked_whether_they_answer(silent: bool) -> None:
    server = DnsServer(address())
    try:
        where = ((server.address, PORT),)
        if silent:
            server.close()
        patience = 1 if silent else 60
        delivery = replace(defaults().delivery, dns_servers=where, dns_timeout=patience)
        assert bool(asyncio.run(_answered(delivery))) == silent
    finally:
        server.close()


async def _answered(delivery: DeliverySettings) -> str:
    return await ask_dns(delivery)
