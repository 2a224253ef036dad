# SPDX-License-Identifier: Apache-2.0
"""Sending TLS reports: when, to whom, and what happens when it cannot be done."""

import asyncio
import json
import ssl
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gatehouse.config.checks import Loaded, load
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.running import Running
from gatehouse.journal import facts
from gatehouse.journal.tls_report import DAY_SECONDS, key_of
from gatehouse.mail.envelope import Notify
from gatehouse.mail.tls_report import extract
from gatehouse.service.base import resolver as dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.trust.anchors import SystemListUnusable
from gatehouse.service.watch.tls_reports import GIVE_UP_SECONDS, TlsReporter, TlsReportTools
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.tls_values import TlsCount
from gatehouse.store.values import QueueFilter
from tests.live.policy_host import PolicyHost, leaf, plain, root
from tests.unit.tls.authority import Made

DAY = 20_000
MIDNIGHT = (DAY + 1) * DAY_SECONDS
NAME = "tls.shop.example"


def running(**fields: Any) -> Running:
    loaded = load(DEFAULT_TEXT.encode())
    assert isinstance(loaded, Loaded)
    wanted: dict[str, Any] = {
        "enabled": True,
        "from_address": "tls@us.example",
        "organization": "Us",
        "contact": "postmaster@us.example",
    }
    settings = replace(loaded.running.tls_reporting, **(wanted | fields))
    return replace(loaded.running, hostname="gw1.us.example", tls_reporting=settings)


class Site:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = MIDNIGHT + 14_400.0
        self.facts: list[facts.Fact] = []
        self.answers: dict[str, dns.Answer] = {}
        self.ca: Made | None = None
        self.woken = 0

    async def txt(self, name: str) -> dns.Answer:
        return self.answers.get(name, dns.NoName())

    async def addresses(self, host: str) -> dns.Answer:
        return self.answers.get(host, dns.NoName())

    def context(self, _running: Running) -> ssl.SSLContext:
        if self.ca is None:
            raise SystemListUnusable("no list")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca.pem.decode())
        return context

    def wake(self) -> None:
        self.woken += 1

    def reporter(self, **fields: Any) -> TlsReporter:
        return TlsReporter(
            running(**fields),
            TlsReportTools(
                store=self.store,
                clock=Clock(wall=lambda: self.now, monotonic=lambda: self.now),
                resolver=lambda _: cast(dns.Resolver, self),
                context=self.context,
                record=self.facts.append,
                wake=self.wake,
            ),
        )

    def turn(self, **fields: Any) -> int:
        return asyncio.run(self.reporter(**fields).turn())

    def asks(self, rua: str, domain: str = "shop.example") -> None:
        self.answers[f"_smtp._tls.{domain}"] = dns.Found(((0, f"v=TLSRPTv1; rua={rua}"),))

    def counted(self, domain: str = "shop.example", day: int = DAY) -> None:
        fact = facts.TlsPolicyResult(at=day * DAY_SECONDS, domain=domain, policy_type="sts")
        self.store.tls_reports.add([TlsCount(*key_of(fact), 7)])

    def sent(self) -> list[tuple[str, str]]:
        found = [fact for fact in self.facts if isinstance(fact, facts.TlsReportSent)]
        return [(fact.domain, fact.outcome) for fact in found]

    def bodies(self) -> list[bytes]:
        queue, spool = self.store.queue, self.store.spool
        mids = [entry.mid for entry in queue.list(QueueFilter(), 100)]
        return [spool.read_small(one.body) for one in queue.load_many(mids)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = open_store(DataDirectory(tmp_path / "data"))
    yield Site(store)
    store.close()


def test_a_report_goes_out_as_mail(site: Site) -> None:
    site.counted()
    site.asks("mailto:reports@shop.example")
    assert site.turn() == 1
    (entry,) = site.store.queue.list(QueueFilter(), 10)
    message = site.store.queue.load(entry.mid)
    assert message is not None and message.sender is not None
    assert message.tls_required_no, "it is delivered even if TLS fails"
    assert message.sender.text == "tls@us.example"
    (recipient,) = message.recipients
    assert recipient.recipient.address.text == "reports@shop.example"
    assert recipient.recipient.notify == frozenset({Notify.NEVER})
    assert message.expires_at == site.now + 86_400
    content = extract(site.store.spool.read_small(message.body))
    assert isinstance(content, bytes)
    report = json.loads(content)
    assert report["policies"][0]["summary"]["total-successful-session-count"] == 7
    assert report["contact-info"] == "postmaster@us.example"
    assert site.sent() == [("shop.example", "sent")]
    assert site.woken == 1
    assert [type(fact).__name__ for fact in site.facts[:3]] == [
        "MessageStarted",
        "RecipientAccepted",
        "MessageQueued",
    ]


def test_a_report_goes_out_once(site: Site) -> None:
    site.counted()
    site.asks("mailto:reports@shop.example")
    site.turn()
    site.now += 3600
    assert site.turn() == 0
    assert len(site.bodies()) == 1


def test_the_day_of_today_is_not_reported_yet(site: Site) -> None:
    site.counted(day=DAY + 1)
    site.asks("mailto:reports@shop.example")
    assert site.turn() == 0


def test_reports_leave_within_the_spread_and_not_all_at_once(site: Site) -> None:
    for number in range(40):
        site.counted(f"d{number}.example")
    site.now = MIDNIGHT + 0.0
    early = site.turn(spread=14_400)
    site.now = MIDNIGHT + 7200.0
    half = early + site.turn(spread=14_400)
    site.now = MIDNIGHT + 14_400.0
    assert early <= 1
    assert 8 < half < 32
    assert half + site.turn(spread=14_400) == 40


def test_who_asks_for_no_report_gets_none(site: Site) -> None:
    site.counted()
    assert site.turn() == 1
    assert site.sent() == [("shop.example", "not wanted")]
    assert (site.turn(), site.bodies()) == (0, [])


def test_nothing_is_sent_where_reporting_is_off(site: Site) -> None:
    site.counted()
    site.asks("mailto:reports@shop.example")
    assert site.turn(enabled=False) == 0


def test_silent_dns_is_asked_again_with_growing_waits_for_a_day(site: Site) -> None:
    site.counted()
    site.answers["_smtp._tls.shop.example"] = dns.Temporary("Timeout")
    began = site.now
    tries: list[float] = []

    async def two_days() -> None:
        reporter = site.reporter()
        while site.now < began + 2 * GIVE_UP_SECONDS:
            if await reporter.turn():
                tries.append(site.now - began)
            site.now += 600 if site.now < began + 7200 else 3600

    asyncio.run(two_days())
    assert tries[:4] == [0.0, 600.0, 1800.0, 4200.0]
    assert len(tries) < 14
    assert site.sent()[-1] == ("shop.example", "given up")
    assert all(outcome == "waiting" for _, outcome in site.sent()[:-1])


def test_after_silence_the_report_is_sent(site: Site) -> None:
    site.counted()
    site.answers["_smtp._tls.shop.example"] = dns.Temporary("Timeout")
    site.turn()
    site.asks("mailto:reports@shop.example")
    site.now += 601
    site.turn()
    assert [outcome for _, outcome in site.sent()] == ["waiting", "sent"]


def test_old_days_are_neither_sent_nor_kept(site: Site) -> None:
    site.counted(day=DAY - 1)
    site.counted("old.example", day=DAY - 7)
    site.asks("mailto:a@b.example")
    site.now = (DAY + 2) * DAY_SECONDS + 3600.0
    assert site.turn() == 0
    assert site.store.tls_reports.days() == (DAY - 1,)


# --- by HTTPS -------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Iterator[PolicyHost]:
    made = PolicyHost(tmp_path, "127.0.0.1")
    yield made
    made.close()


@pytest.fixture(scope="module")
def ca() -> Made:
    return root()


def https(site: Site, host: PolicyHost, ca: Made) -> None:
    site.ca = ca
    site.counted()
    site.asks(f"https://{NAME}:{host.port}/v1/tls")
    site.answers[NAME] = dns.Found(((4, "127.0.0.1"),))


def test_a_report_is_posted_packed(site: Site, host: PolicyHost, ca: Made) -> None:
    served = host.add(NAME, leaf(NAME, ca), plain(b"", "201 Created"))
    https(site, host, ca)
    site.turn(internal=True)
    assert site.sent() == [("shop.example", "sent")]
    head, _, body = served.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/tls HTTP/1.1\r\n")
    assert b"Content-Type: application/tlsrpt+gzip" in head
    report = json.loads(zlib.decompress(body, wbits=31))
    assert report["report-id"] == "2024-10-04.shop.example@gw1.us.example"


def refuse(host: PolicyHost, ca: Made) -> None:
    host.add(NAME, leaf(NAME, ca), plain(b"", "500 Oops"))


def expired(host: PolicyHost, ca: Made) -> None:
    host.add(NAME, leaf(NAME, ca, days=-1), plain(b""))


def lead_away(host: PolicyHost, ca: Made) -> None:
    host.add(NAME, leaf(NAME, ca), b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n")


@pytest.mark.parametrize("prepare", [refuse, expired, lead_away])
def test_a_server_that_does_not_take_it_is_tried_again(
    site: Site, host: PolicyHost, ca: Made, prepare: Callable[[PolicyHost, Made], None]
) -> None:
    prepare(host, ca)
    https(site, host, ca)
    site.turn(internal=True)
    assert site.sent() == [("shop.example", "waiting")]
    assert len(host.hosts[NAME].requests) <= 1, "nothing is followed, nothing is tried twice"


def test_one_target_that_takes_it_is_enough(site: Site, host: PolicyHost, ca: Made) -> None:
    refuse(host, ca)
    https(site, host, ca)
    site.asks(f"https://{NAME}:{host.port}/,mailto:reports@shop.example")
    site.turn(internal=True)
    assert site.sent() == [("shop.example", "sent")]


def test_nothing_is_posted_to_addresses_inside(site: Site, host: PolicyHost, ca: Made) -> None:
    served = host.add(NAME, leaf(NAME, ca), plain(b""))
    https(site, host, ca)
    site.turn(internal=False)
    assert site.sent() == [("shop.example", "waiting")]
    assert served.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1:{port}/", "names an address"),
        ("https://localhost:{port}/", "names an address"),
        ("https://[::1]:{port}/", "names an address"),
        ("https://169.254.169.254/latest/meta-data/", "names an address"),
        ("https://user@tls.shop.example/", "no URL"),
        ("https://nobody.example/", "no address"),
    ],
)
def test_a_record_cannot_make_us_talk_to_our_neighbours(
    site: Site, host: PolicyHost, ca: Made, url: str, words: str
) -> None:
    served = host.add(NAME, leaf(NAME, ca), plain(b""))
    https(site, host, ca)
    site.asks(url.format(port=host.port))
    site.turn(internal=False)
    assert site.sent() == [("shop.example", "waiting")]
    assert served.requests == []
    (fact,) = [one for one in site.facts if isinstance(one, facts.TlsReportSent)]
    assert words in fact.note


def test_without_a_trust_list_nothing_is_posted(site: Site, host: PolicyHost, ca: Made) -> None:
    https(site, host, ca)
    site.ca = None
    site.turn(internal=True)
    assert site.sent() == [("shop.example", "waiting")]
