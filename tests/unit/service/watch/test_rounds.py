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
from gatehouse.config.running import CrlSettings, CrlSource, Running
from gatehouse.journal.facts import AlarmRaised, Fact
from gatehouse.service.base.clock import Clock
from gatehouse.service.trust import acme, anchors, keyring
from gatehouse.service.trust.web_fetch import FetchFailed
from gatehouse.service.watch.alarms import AlarmDesk
from gatehouse.service.watch.rounds import Rounds, RoundsTools
from gatehouse.store.sqlite.store import SqliteStore
from gatehouse.tls import facets
from gatehouse.tls.certificates import CertifiedKey, pem_of_key
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
                apply=apply,
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
