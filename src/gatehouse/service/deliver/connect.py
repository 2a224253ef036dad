# SPDX-License-Identifier: Apache-2.0
"""From a destination to a connection that may carry its mail, or to the reason why there is none.

Plan the hosts, make the TLS plan of each, look up its addresses, try one after the other, each to
the end of STARTTLS. A host that refuses, breaks off or does not prove what the plan demands costs a
try of the next one at the same demands; nothing about it is remembered as a reason for clear text.
RFC 5321 §5.1, RFC 3207 §4.
"""

from dataclasses import dataclass, field
from typing import assert_never

from gatehouse.journal import facts
from gatehouse.policy import bounce, routes
from gatehouse.policy.destinations import DestinationControl, LimitType
from gatehouse.policy.outbound_tls import Achieved, OutboundTlsLevel
from gatehouse.policy.outbound_values import (
    Demand,
    HostPlan,
    HostRefused,
    HostUnknown,
    Rule,
)
from gatehouse.service.deliver.failures import (
    HostFailed,
    NotConnected,
    ReconnectClear,
    RetryWithoutDh,
    worse,
)
from gatehouse.service.deliver.limits import Limits
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.service.deliver.negotiate import HostAttempt
from gatehouse.service.deliver.routing import ConnectTools, DeliveryRules, Router, Target
from gatehouse.service.deliver.tls_sessions import SessionKey
from gatehouse.smtp.client import ClientSettings
from gatehouse.tls.failures import TlsFailure


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection on which MAIL may be said, for messages of one demand."""

    link: Link
    achieved: Achieved
    host: str
    demanded: Demand
    plan: HostPlan
    session_key: SessionKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Busy:
    """Hosts are there, and their limits are reached for so many seconds."""

    seconds: float


Attempt = Connected | NotConnected | Busy


class Connector:
    """Opens connections under one configuration."""

    def __init__(self, rules: DeliveryRules, tools: ConnectTools, limits: Limits) -> None:
        self._rules = rules
        self._tools = tools
        self._limits = limits
        self._router = Router(rules, tools)
        self._settings = ClientSettings(
            hostname=rules.hostname, starttls_timeout=rules.starttls_timeout
        )

    def keep_session(self, connected: Connected) -> None:
        """Remember the TLS session of a connection that ends, for the same host and demands."""
        link = connected.link
        if connected.session_key is not None and link.encrypted and link.alive:
            self._tools.tls.keep(connected.session_key, link)

    async def connect(self, domain: str, control: DestinationControl, demanded: Demand) -> Attempt:
        """The first host of a destination that will do, or why none did."""
        plan = await self._router.plan(domain)
        if not isinstance(plan, routes.Hosts):
            return self._router.no_plan(domain, plan)
        last: NotConnected | None = None
        busy: float | None = None
        for hop in plan.hops:
            tried = await self.hop(hop, control, demanded)
            match tried:
                case Connected():
                    return tried
                case Busy(seconds):
                    busy = seconds if busy is None else min(busy, seconds)
                case NotConnected():
                    last = worse(last, tried)
                    if tried.final:
                        break  # RFC 5321 §5.1: hosts behind ourselves in the list are not tried
                case other:
                    assert_never(other)
        if busy is not None:
            return Busy(busy)
        assert last is not None
        return last

    async def hop(
        self, hop: routes.NextHop, control: DestinationControl, demanded: Demand
    ) -> Attempt:
        """The addresses of one host, one after the other."""
        planned = await self._tools.planner.plan(hop, control, demanded)
        if not isinstance(planned, HostPlan):
            return self._skipped(hop, planned)
        found = await self._router.addresses(hop, control)
        if isinstance(found, NotConnected):
            return found
        fault = self._tools.tls.fault(control.demands)
        if fault and planned.level is not OutboundTlsLevel.NONE:
            return NotConnected(
                classification=bounce.classify_trouble(bounce.Trouble.TLS_POLICY),
                detail=f"our own TLS settings cannot be used: {fault}",
                host=hop.host,
                tls=True,
                cause="our own TLS settings",
            )
        last: NotConnected | None = None
        busy: float | None = None
        target = Target(hop, control, planned)
        for ip in found:
            seconds = self._limits.busy_for(ip, control) if _by_address(control) else 0.0
            if seconds:
                busy = seconds if busy is None else min(busy, seconds)
                continue
            try:
                return await self._host(target, ip, demanded)
            except HostFailed as failed:
                last = worse(last, failed.failure)
        if busy is not None:
            return Busy(busy)
        assert last is not None
        return last

    def _skipped(self, hop: routes.NextHop, planned: HostRefused | HostUnknown) -> NotConnected:
        """The rules forbid this host, or what they ask for cannot be known now."""
        at, unknown = self._tools.clock.wall(), isinstance(planned, HostUnknown)
        self._tools.record(
            facts.DeliveryHostSkipped(
                at=at,
                domain=hop.domain,
                host=hop.host,
                rule=planned.rule.value,
                why=planned.text,
                unknown=unknown,
            )
        )
        if planned.word:
            self._tools.record(
                facts.TlsPolicyResult(
                    at=at,
                    domain=hop.domain,
                    policy_type=planned.reported.type,
                    policy_strings=planned.reported.strings,
                    mx_patterns=planned.reported.mx,
                    result=planned.word,
                    receiving_mx=hop.host,
                    reason=planned.text,
                )
            )
        if unknown and planned.rule is Rule.DANE:
            name = f"_{hop.port}._tcp.{hop.host}"
            self._tools.record(
                facts.DnsTemporaryFailure(at=at, name=name, rdtype="TLSA", error=planned.text)
            )
        trouble = bounce.Trouble.DNS_TEMPORARY if unknown else bounce.Trouble.TLS_POLICY
        return NotConnected(
            classification=bounce.classify_trouble(trouble),
            detail=f"{hop.host}: {planned.text}",
            host=hop.host,
            tls=True,
            cause=planned.text,
        )

    async def _host(self, target: Target, ip: str, demanded: Demand) -> Connected:
        level = target.plan.level
        try:
            return await self._try(HostAttempt(self._tools, target, ip, level), ip, demanded)
        except ReconnectClear:
            # Before any reply to STARTTLS the preferred levels may go on in clear; the connection
            # is gone, so it takes a new one. Never after 220 (RFC 3207 §4.1 and the outcome table).
            attempt = HostAttempt(self._tools, target, ip, OutboundTlsLevel.NONE)
            return await self._try(attempt, ip, demanded, again=True)
        except RetryWithoutDh:
            # The security level stays: the server may well have elliptic curves to offer.
            attempt = HostAttempt(self._tools, target, ip, level, without_dh=True)
            return await self._try_without_dh(attempt, ip, demanded, target)

    async def _try_without_dh(
        self, attempt: HostAttempt, ip: str, demanded: Demand, target: Target
    ) -> Connected:
        try:
            return await self._try(attempt, ip, demanded)
        except ReconnectClear:
            clear = HostAttempt(self._tools, target, ip, OutboundTlsLevel.NONE)
            return await self._try(clear, ip, demanded, again=True)

    async def _try(
        self, attempt: HostAttempt, ip: str, demanded: Demand, *, again: bool = False
    ) -> Connected:
        target = attempt.target
        port = target.hop.port
        try:
            with self._limits.dialling(ip) as stands:
                link = await Link.dial(
                    ip,
                    port,
                    self._settings,
                    self._rules.connect_timeout,
                    implicit_tls=target.implicit_tls,
                )
                stands(link)
        except LinkLost as lost:
            raise HostFailed(attempt.unreachable(lost)) from None
        attempt.opened(link)
        try:
            achieved = await attempt.negotiate()
        except LinkLost as lost:
            raise HostFailed(attempt.lost(lost)) from None
        except TlsFailure as failure:
            raise HostFailed(attempt.tls_broke(failure)) from None
        except BaseException:
            attempt.close()
            raise
        if again:
            achieved = Achieved.CLEAR_NOT_AVAILABLE
        return Connected(
            link, achieved, target.hop.host, demanded, target.plan, attempt.session_key
        )


def _by_address(control: DestinationControl) -> bool:
    return control.limit_type is LimitType.MX_IP
