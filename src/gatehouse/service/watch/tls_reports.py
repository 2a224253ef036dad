# SPDX-License-Identifier: Apache-2.0
"""Sends the TLS reports of each day to the domains that ask for them (RFC 8460 §4.1, §5).

A report is due after its day has ended, at a moment within `spread` that differs from domain to
domain and stays the same after a restart. A failed try is repeated with growing waits for a day
(§5.5); then the report is given up: it is optional, and nobody waits for it. What a report says
travels over verified HTTPS, or as a mail of ours that is delivered even if TLS fails (§3).
"""

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from gatehouse.config.running import Running
from gatehouse.journal import facts, tls_report
from gatehouse.journal.tls_report import DAY_SECONDS, Key, Report
from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.tls_report import GZIP_TYPE, packed
from gatehouse.policy.fetch_targets import WebTarget, parse_target
from gatehouse.service.base import resolver as dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.trust.anchors import SystemListUnusable
from gatehouse.service.trust.web_fetch import FetchFailed, FetchSettings, Question, exchange
from gatehouse.service.trust.web_trust import web_context
from gatehouse.service.watch.own_mail import announce
from gatehouse.service.watch.report_mail import Letter, queue_report
from gatehouse.service.watch.schedule import Job
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store
from gatehouse.store.tls_values import TlsReportState
from gatehouse.tls.tlsrpt import RECORD_LABEL, HttpsTarget, MailTarget, Target, parse_record

TURN_SECONDS = 60.0
LONGEST_TURN = 45.0  # other jobs wait meanwhile; what is left comes with the next turn
FIRST_WAIT = 600.0
LONGEST_WAIT = 4 * 3600.0
GIVE_UP_SECONDS = 86_400.0  # §5.5: "for up to 24 hours after the initial attempt"
KEEP_DAYS = 7  # counts stay for whoever looks what was reported
_SUCCESS = range(200, 300)

Outcome = Literal["sent", "not wanted", "waiting", "given up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportTools:
    """What the sender of reports works with. `wake`: there is new mail in the queue."""

    store: Store
    clock: Clock
    resolver: Callable[[Running], dns.Resolver]
    context: Callable[[Running], ssl.SSLContext]  # blocks
    record: Callable[[facts.Fact], None] | None
    wake: Callable[[], None]


def standard_tools(
    store: Store,
    clock: Clock,
    record: Callable[[facts.Fact], None] | None,
    wake: Callable[[], None],
) -> TlsReportTools:
    """The tools of a gateway: DNS and trust as its configuration says."""

    def resolver(running: Running) -> dns.Resolver:
        delivery = running.delivery
        return dns.Resolver(delivery.dns_servers, clock.monotonic, delivery.dns_timeout)

    return TlsReportTools(
        store=store,
        clock=clock,
        resolver=resolver,
        context=lambda running: web_context(store, running.trust),
        record=record,
        wake=wake,
    )


class ReportRounds:
    """The daily reports of the gateway, under whatever configuration runs."""

    def __init__(self, tools: TlsReportTools, running: Callable[[], Running | None]) -> None:
        self._tools = tools
        self._running = running
        self._reporter: TlsReporter | None = None

    def job(self) -> Job:
        """For the schedule."""
        return Job("TLS reports", TURN_SECONDS, self.turn)

    async def turn(self) -> None:
        """Send what is due now."""
        running = self._running()
        if running is None:
            return
        if self._reporter is None or self._reporter.running is not running:
            self._reporter = TlsReporter(running, self._tools)
        await self._reporter.turn()


class TlsReporter:
    """Reports under one configuration."""

    def __init__(self, running: Running, tools: TlsReportTools) -> None:
        self.running = running
        self._settings = running.tls_reporting
        self._tools = tools
        self._resolver = tools.resolver(running)
        self._context: ssl.SSLContext | None = None

    async def turn(self) -> int:
        """Send what is due now, as far as a turn goes; how many reports were dealt with."""
        store, clock = self._tools.store.tls_reports, self._tools.clock
        now, ends = clock.wall(), clock.monotonic() + LONGEST_TURN
        today = int(now // DAY_SECONDS)
        days = await asyncio.to_thread(store.days)
        if days and days[0] < today - KEEP_DAYS:
            await asyncio.to_thread(store.forget_before, today - KEEP_DAYS)
        done = 0
        for day in days:
            # A gateway that was off for days does not send what nobody waits for any more.
            if not (self._settings.enabled and today - 2 <= day < today):
                continue
            for state in await asyncio.to_thread(self.due, day, now):
                if clock.monotonic() >= ends:
                    return done
                await self.send(state)
                done += 1
        return done

    def due(self, day: int, now: float) -> list[TlsReportState]:
        """The reports about one day whose turn it is; blocks for the store."""
        store = self._tools.store.tls_reports
        known = {state.domain: state for state in store.states(day)}
        found = []
        for domain in store.domains(day):
            state = known.get(domain) or self.anew(day, domain)
            if state.outcome == "waiting" and state.next_at <= now:
                found.append(state)
        return found

    def anew(self, day: int, domain: str) -> TlsReportState:
        """A report that nobody has tried to send yet."""
        name = f"{self.running.hostname} {day} {domain}".encode()
        fraction = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") / 2**64
        at = (day + 1) * DAY_SECONDS + fraction * self._settings.spread
        return TlsReportState(day, domain, "waiting", 0, at, at, "")

    async def send(self, state: TlsReportState) -> TlsReportState:
        """Try to send one report; how far it has come."""
        now = self._tools.clock.wall()
        outcome, note = await self._try(state.day, state.domain)
        # The first try begins the day of tries: its time stays.
        began = state.changed_at if state.tries else now
        if outcome == "waiting" and now > began + GIVE_UP_SECONDS:
            outcome = "given up"
        wait = min(FIRST_WAIT * 2**state.tries, LONGEST_WAIT)
        after = TlsReportState(
            state.day, state.domain, outcome, state.tries + 1, now + wait, began, note
        )
        await asyncio.to_thread(self._tools.store.tls_reports.put_state, after)
        if self._tools.record is not None:
            self._tools.record(
                facts.TlsReportSent(
                    at=now, day=day_text(state.day), domain=state.domain, outcome=outcome, note=note
                )
            )
        return after

    async def _try(self, day: int, domain: str) -> tuple[Outcome, str]:
        answer = await self._resolver.txt(f"{RECORD_LABEL}.{domain}")
        match answer:
            case dns.Temporary(error):
                return "waiting", f"DNS gives no answer: {error}"
            case dns.Found(records):
                targets = parse_record([text for _, text in records])
            case _:
                targets = ()
        if not targets:
            return "not wanted", "the domain names nobody for its reports"
        report = await asyncio.to_thread(self.report, day, domain)
        if report is None:
            return "not wanted", "nothing was counted"
        told = [await self._to(target, domain, report) for target in targets]
        sent = any(good for good, _ in told)  # one that arrived is a report that arrived
        return ("sent" if sent else "waiting"), "; ".join(note for _, note in told)

    def report(self, day: int, domain: str) -> Report | None:
        """The report about one day of one domain, from the counts; blocks for the store."""
        counts = self._tools.store.tls_reports.counts(day, domain)
        return tls_report.build(
            ((Key(c.day, c.domain, c.policy, c.result, c.detail), c.sessions) for c in counts),
            organization=self._settings.organization,
            contact=self._settings.contact or "",
            reporter=self.running.hostname,
        )

    async def _to(self, target: Target, domain: str, report: Report) -> tuple[bool, str]:
        """Send to one target: whether that succeeded, and in words."""
        try:
            match target:
                case MailTarget(address):
                    mid = await self._mail(address, domain, report)
                    return True, f"mailto:{address.text} queued as MID {mid}"
                case HttpsTarget(url):
                    web = self._judged(url)
                    found = await self._addresses(web)
                    await asyncio.to_thread(self._post, web, found, report)
                    return True, f"posted to {url}"
        except (FetchFailed, StoreError, SystemListUnusable) as error:
            where = target.url if isinstance(target, HttpsTarget) else target.address.text
            return False, f"{where}: {error}"

    async def _mail(self, recipient: Address, domain: str, report: Report) -> int:
        sender = parse_mailbox((self._settings.from_address or "").encode())
        assert isinstance(sender, Address), "the checks of the configuration see to it"
        letter = Letter(
            report=report,
            domain=domain,
            submitter=self.running.hostname,
            sender=sender,
            recipient=recipient,
        )
        tools, now = self._tools, self._tools.clock.wall()
        mail = await asyncio.to_thread(queue_report, tools.store, letter, now)
        if tools.record is not None:
            announce(mail, now, tools.record)
        tools.wake()
        return mail.mid

    def _judged(self, url: str) -> WebTarget:
        """The URL as a target. A stranger wrote it: it must name a host."""
        target = parse_target(url)
        if not (isinstance(target, WebTarget) and target.secure):
            raise FetchFailed("it is no URL that can be posted to")
        if target.names_an_address and not self._settings.internal:
            raise FetchFailed("it names an address and no host")
        return target

    async def _addresses(self, target: WebTarget) -> list[str]:
        if target.names_an_address:
            return [target.host]
        answer = await self._resolver.addresses(target.host)
        if isinstance(answer, dns.Found):
            return [text for _, text in answer.records]
        raise FetchFailed("its host has no address that DNS would tell")

    def _post(self, target: WebTarget, found: list[str], report: Report) -> None:
        if self._context is None:
            self._context = self._tools.context(self.running)
        question = Question(
            content=packed(tls_report.encode(report)),
            headers={"Content-Type": GZIP_TYPE},
            good=_SUCCESS,
        )
        settings = FetchSettings(
            max_bytes=65_536,
            redirects=0,
            resolve=lambda _host, _port: found,
            context=self._context,
        )
        exchange(target, internal=self._settings.internal, settings=settings, question=question)


def day_text(day: int) -> str:
    """`2026-11-22` for a day that is counted from 1970-01-01."""
    return datetime.fromtimestamp(day * DAY_SECONDS, UTC).strftime("%Y-%m-%d")
