# SPDX-License-Identifier: Apache-2.0
"""The gateway's own rounds: certificates that end, lists to fetch, a resolver to be tested.

What is read anew at each turn (the running configuration, the store) may have changed since the
last one; nothing but the silence of DNS is kept here between turns.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import assert_never

from gatehouse.config.running import DeliverySettings, Running
from gatehouse.policy.alarms import Alarm, AlarmSeverity
from gatehouse.service.base import secure_dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.resolver import Resolver, Temporary
from gatehouse.service.trust import acme, anchors, crl_store, expiry_watch, issuers
from gatehouse.service.trust.acme_challenges import Means
from gatehouse.service.trust.crl_fetch import fetch_source
from gatehouse.service.watch.alarms import AlarmDesk
from gatehouse.service.watch.schedule import Job
from gatehouse.store.interface import Store

# How often the sources are looked at; each has an interval of its own.
CRL_SECONDS = 60.0
RENEWAL_SECONDS = 300.0
RENEWAL_ALARM = "certificate-renewal"
# Thresholds are days apart, those of a certificate of hours are not: so more often than daily.
EXPIRY_SECONDS = 3600.0
# A resolver is changed by hand; the pacing of alarms decides how often its fault is told.
DANE_SECONDS = 300.0
DANE_ALARM = "dane-not-effective"
# One packet that was lost is no news, and at the start the resolver may not be up yet.
DNS_SECONDS = 120.0
SILENT_LOOKS = 2
DNS_ALARM = "dns-failed"
# Nobody routes it by itself, so that what decides for it decides for all others (RFC 6761 §6.4).
_ANYBODY = "invalid"


def ask_resolver(delivery: DeliverySettings) -> Awaitable[secure_dns.Validation]:
    """Whether the resolver that delivery uses validates; asked anew, nothing is remembered."""
    monotonic = asyncio.get_running_loop().time
    resolver = Resolver(
        delivery.dns_servers, monotonic, delivery.dns_timeout, None, trusted=delivery.dns_trusted
    )
    return secure_dns.validates(resolver)


async def ask_dns(delivery: DeliverySettings) -> str:
    """Why none of the DNS servers that delivery uses answers; "": one does."""
    monotonic = asyncio.get_running_loop().time
    resolver = Resolver(delivery.dns_servers, monotonic, delivery.dns_timeout)
    answer = await resolver.records(secure_dns.PROBE, "SOA")
    return answer.error if isinstance(answer, Temporary) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsTools:
    """What the rounds work with."""

    store: Store
    clock: Clock
    alarms: AlarmDesk
    running: Callable[[], Running | None]
    fetch: crl_store.Fetch = fetch_source
    installer: acme.Installer
    committing: asyncio.Lock
    validates: Callable[[DeliverySettings], Awaitable[secure_dns.Validation]] = ask_resolver
    answers: Callable[[DeliverySettings], Awaitable[str]] = ask_dns


class Rounds:
    """Everything that the supervisor does by the clock."""

    def __init__(self, tools: RoundsTools) -> None:
        self._tools = tools
        self._silent: int | None = None  # looks in a row without an answer of DNS; None: no look

    def jobs(self) -> tuple[Job, ...]:
        """For the schedule."""
        return (
            Job("certificate expiry", EXPIRY_SECONDS, self.expiry),
            Job("revocation lists", CRL_SECONDS, self.revocation_lists),
            Job("certificate renewal", RENEWAL_SECONDS, self.renewal),
            Job("resolver", DANE_SECONDS, self.dane),
            Job("DNS", DNS_SECONDS, self.dns),
        )

    async def expiry(self) -> None:
        """Tell which certificates end soon; each threshold once."""
        store, now = self._tools.store, self._tools.clock.wall()
        running = self._tools.running()
        used = frozenset[str]() if running is None else running.certificates
        custom = await asyncio.to_thread(anchors.custom, store)
        watched = await asyncio.to_thread(expiry_watch.watched, store, used, custom.items())
        due = await asyncio.to_thread(expiry_watch.look, store, watched, now)
        for one in due:
            await self._tools.alarms.tell(one.alarm)
        await asyncio.to_thread(expiry_watch.remember, store, due, watched, now)

    async def revocation_lists(self) -> None:
        """Fetch the lists whose turn it is; tell of those that cannot be had."""
        running = self._tools.running()
        if running is None:
            return
        store, settings = self._tools.store, running.crl
        now = self._tools.clock.wall()
        due = await asyncio.to_thread(crl_store.due, store, settings, now)
        known = await asyncio.to_thread(issuers.known, store) if due else ()
        for source in due:
            updated = await asyncio.to_thread(
                crl_store.update, store, source, settings, now, self._tools.fetch, known
            )
            if updated.alarm is not None:
                await self._tools.alarms.tell(updated.alarm)
        await asyncio.to_thread(crl_store.prune, store, settings)

    async def renewal(self) -> None:
        """Renew what came by ACME and is due; tell what could not be renewed."""
        running = self._tools.running()
        if running is None:
            return
        if self._tools.installer.postponed():
            return  # an order now could not be put in force; the next turn comes soon enough
        tools = self._acme(running)
        for known in await asyncio.to_thread(acme.standing, self._tools.store):
            try:
                order = await acme.refresh_suggestion(tools, known)
                now = self._tools.clock.wall()
                if await asyncio.to_thread(acme.is_due, self._tools.store, order, now):
                    await acme.obtain(tools, order)
            except acme.AcmeTrouble as trouble:
                await self._tools.alarms.tell(_not_renewed(known, str(trouble)))

    async def dane(self) -> None:
        """Tell when DANE is wanted and the resolver gives it nothing to stand on.

        A resolver that does not answer is no news here: every delivery finds that out by itself.
        """
        running = self._tools.running()
        if running is None or not running.delivery.uses_dane:
            return
        found = await self._tools.validates(running.delivery)
        match found:
            case secure_dns.DoesNotValidate(reason):
                await self._tools.alarms.tell(_not_effective(reason))
            case secure_dns.Validates() | secure_dns.Unknown():
                pass
            case other:
                assert_never(other)

    async def dns(self) -> None:
        """Tell when no DNS server answers although mail goes by what DNS says."""
        running = self._tools.running()
        if running is None or running.routes.lookup(_ANYBODY) is not None:
            return
        if self._silent is None:
            self._silent = 0
            return
        reason = await self._tools.answers(running.delivery)
        self._silent = self._silent + 1 if reason else 0
        if self._silent >= SILENT_LOOKS:
            await self._tools.alarms.tell(_no_dns(reason))

    def _acme(self, running: Running) -> acme.AcmeTools:
        return acme.AcmeTools(
            store=self._tools.store,
            clock=self._tools.clock,
            means=Means(
                http_address=running.acme.http_address,
                http_port=running.acme.http_port,
                hook_timeout=running.acme.hook_timeout,
            ),
            in_use=running.certificates,
            installer=self._tools.installer,
            committing=self._tools.committing,
        )


def _not_renewed(order: acme.StandingOrder, reason: str) -> Alarm:
    return Alarm(
        name=RENEWAL_ALARM,
        severity=AlarmSeverity.WARNING,
        text=f"Certificate {order.name} could not be renewed: {reason.rstrip('.')}."
        " The one in force stays; it will be tried again.",
        key=f"{RENEWAL_ALARM}/{order.name}",
    )


def _not_effective(reason: str) -> Alarm:
    return Alarm(
        name=DANE_ALARM,
        severity=AlarmSeverity.WARNING,
        text=f"DANE is not effective: the resolver does not validate ({reason})."
        " Where DANE is opportunistic its records are not looked up, where it is mandatory mail"
        " waits. Use a validating resolver on this machine.",
        key=DANE_ALARM,
    )


def _no_dns(reason: str) -> Alarm:
    return Alarm(
        name=DNS_ALARM,
        severity=AlarmSeverity.CRITICAL,
        text=f"No DNS server answers ({reason}). Mail whose way only DNS knows waits, and senders'"
        " domains and clients' names cannot be looked up.",
        key=DNS_ALARM,
    )
