# SPDX-License-Identifier: Apache-2.0
"""From a destination to the addresses to try: routes, literals, MX records, and what DNS says.

The rules are `policy/routes.py`'s; this file asks DNS for them and says in the journal when DNS
gives no answer. What is not known defers; only what is known not to exist bounces (RFC 5321 §5.1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from gatehouse.journal import facts
from gatehouse.policy import bounce, route_table, routes
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_values import HostPlan
from gatehouse.policy.smart_hosts import SmartHost, SmartTls
from gatehouse.service.base import resolver as dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.planning import Planner
from gatehouse.service.deliver.tls_sessions import ClientTls
from gatehouse.service.deliver.verify import Verifier
from gatehouse.store.interface import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """What the running configuration says about delivering."""

    hostname: str
    smtp_port: int
    route_table: route_table.RouteTable
    smart_hosts: Mapping[str, SmartHost]
    ourselves: routes.Ourselves
    connect_timeout: float
    starttls_timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectTools:
    """What connecting needs of its process."""

    clock: Clock
    dice: Callable[[], float]
    record: Callable[[facts.Fact], None]
    resolver: dns.Resolver
    ids: Ids
    tls: ClientTls
    verifier: Verifier
    planner: Planner
    password_of: Callable[[SmartHost], str | None]


@dataclass(frozen=True, slots=True)
class Target:
    """One host to connect to: how it was found, by which rule, and what it must prove."""

    hop: routes.NextHop
    control: DestinationControl
    plan: HostPlan

    @property
    def implicit_tls(self) -> bool:
        """TLS begins with the first octet (RFC 8314 §3.3)."""
        smart = self.hop.smart
        return smart is not None and smart.tls_mode is SmartTls.IMPLICIT


class Router:
    """Finds hosts and addresses under one configuration."""

    def __init__(self, rules: DeliveryRules, tools: ConnectTools) -> None:
        self._rules = rules
        self._ourselves = rules.ourselves
        self._tools = tools

    async def plan(self, domain: str) -> routes.Plan:
        """The hosts to try, or why there are none."""
        smart = route_table.smart_host_of(domain)
        if smart is not None:
            return self._plan_smart(smart)
        route = self._rules.route_table.lookup(domain)
        if route is not None:
            return routes.plan_route(
                domain, route, smtp_port=self._rules.smtp_port, dice=self._tools.dice
            )
        if domain.startswith("["):
            return routes.plan_literal(domain, smtp_port=self._rules.smtp_port)
        answer = await self._tools.resolver.mx(domain)
        mx: routes.MxAnswer
        match answer:
            case dns.Found(records, secure):
                mx = routes.MxRecords(records, secure)
            case dns.NoData(secure):
                mx = routes.NoMx(secure)
            case dns.NoName():
                mx = routes.NoDomain()
            case dns.Temporary(error):
                self._dns_failure(domain, "MX", error)
                mx = routes.DnsFailure(error)
            case other:
                assert_never(other)
        return routes.plan_mx(
            domain,
            mx,
            ourselves=self._ourselves,
            smtp_port=self._rules.smtp_port,
            dice=self._tools.dice,
        )

    def _plan_smart(self, name: str) -> routes.Plan:
        """Mail of our own that goes by a smart host whatever the routes say."""
        smart = self._rules.smart_hosts.get(name)
        if smart is None:
            return routes.Temporary(f"there is no smart host {name} in the configuration")
        host = route_table.RouteHost(smart.host, smart.port, 0, smart)
        return routes.plan_route(
            smart.host, [host], smtp_port=self._rules.smtp_port, dice=self._tools.dice
        )

    def no_plan(
        self,
        domain: str,
        plan: routes.NullMx
        | routes.NoSuchDomain
        | routes.Loop
        | routes.Unroutable
        | routes.Temporary,
    ) -> NotConnected:
        """The failure that a plan without hosts stands for."""
        match plan:
            case routes.NullMx():
                trouble, detail = bounce.Trouble.NULL_MX, f"{domain} accepts no mail (null MX)"
            case routes.NoSuchDomain():
                trouble = bounce.Trouble.NO_SUCH_DOMAIN
                detail = f"DNS Hard Error looking up {domain} (MX):  NXDomain"
            case routes.Loop(host):
                trouble, detail = bounce.Trouble.LOOP, f"mail for {domain} loops back to {host}"
            case routes.Unroutable(reason):
                trouble, detail = bounce.Trouble.UNROUTABLE, f"{domain}: {reason}"
            case routes.Temporary(reason):
                trouble = bounce.Trouble.DNS_TEMPORARY
                detail = f"DNS Soft Error looking up {domain} (MX):  {reason}"
                if route_table.smart_host_of(domain) is not None:
                    detail = reason  # nobody was asked
            case other:
                assert_never(other)
        return NotConnected(classification=bounce.classify_trouble(trouble), detail=detail)

    async def addresses(
        self, hop: routes.NextHop, control: DestinationControl
    ) -> tuple[str, ...] | NotConnected:
        """The addresses of a host to try, in order."""
        if hop.is_address:
            texts: tuple[str, ...] = (hop.host.strip("[]"),)
        else:
            answer = await self._tools.resolver.addresses(hop.host)
            match answer:
                case dns.Found(records):
                    texts = tuple(text for _, text in records)
                case dns.Temporary(error):
                    self._dns_failure(hop.host, "A", error, route=hop.kind is routes.HopKind.ROUTE)
                    return NotConnected(
                        classification=bounce.classify_trouble(bounce.Trouble.DNS_TEMPORARY),
                        detail=f"DNS Soft Error looking up {hop.host} (A):  {error}",
                        host=hop.host,
                    )
                case dns.NoData() | dns.NoName():
                    texts = ()
        return self._usable(hop, texts, control)

    def _usable(
        self, hop: routes.NextHop, texts: tuple[str, ...], control: DestinationControl
    ) -> tuple[str, ...] | NotConnected:
        """The addresses to try, in order; never ourselves."""
        route = hop.kind is routes.HopKind.ROUTE
        if route and texts:
            # An administrator may route to any host, also to this machine's other servers.
            endpoints = self._ourselves.endpoints
            usable = tuple(text for text in texts if (text, hop.port) not in endpoints)
            return usable or self._looped(hop)
        planned = routes.plan_addresses(
            hop, texts, preference=control.ip_preference, ourselves=self._ourselves
        )
        match planned:
            case routes.Addresses(addresses):
                return addresses
            case routes.Loop(_):
                return self._looped(hop)
            case routes.Unroutable(reason):
                # A route to a name that is gone is an operator's slip, or DNS may come back: defer.
                trouble = bounce.Trouble.DNS_TEMPORARY if route else bounce.Trouble.UNROUTABLE
                if route:
                    self._dns_failure(hop.host, "A", "NXDomain", route=True)
                return NotConnected(
                    classification=bounce.classify_trouble(trouble),
                    detail=f"{hop.host}: {reason}",
                    host=hop.host,
                )
            case other:
                assert_never(other)

    @staticmethod
    def _looped(hop: routes.NextHop) -> NotConnected:
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.LOOP),
            detail=f"mail for {hop.domain} loops back to {hop.host}",
            host=hop.host,
            final=True,
        )

    def _dns_failure(self, name: str, rdtype: str, error: str, *, route: bool = False) -> None:
        at = self._tools.clock.wall()
        if route:
            self._tools.record(facts.RouteDnsFailure(at=at, name=name))
        else:
            self._tools.record(
                facts.DnsTemporaryFailure(at=at, name=name, rdtype=rdtype, error=error)
            )
