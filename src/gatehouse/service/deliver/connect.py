# SPDX-License-Identifier: Apache-2.0
"""From a destination to a connection that may carry its mail, or to the reason why there is none.

Plan the hosts (route, literal, MX), look up their addresses, try one after the other, each to the
end of STARTTLS as the outcome table of `policy/outbound_tls.py` says. A host that refuses, breaks
off or cannot give the demanded TLS costs a try of the next one at the same level; nothing about it
is remembered as a reason for clear text. RFC 5321 §5.1, RFC 3207 §4.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, assert_never

from gatehouse.journal import facts
from gatehouse.mail.reply import Reply
from gatehouse.policy import bounce, routes
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_tls import (
    Achieved,
    OutboundTlsLevel,
    Situation,
    TlsAction,
    decide,
    is_required,
)
from gatehouse.service.base import resolver as dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.deliver.link import Link, LinkLost, source_address
from gatehouse.service.deliver.tls_sessions import ClientTls
from gatehouse.smtp import client_events as events
from gatehouse.smtp.client import ClientSettings
from gatehouse.store.interface import Ids
from gatehouse.tls.failures import TlsFailure


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection on which MAIL may be said."""

    link: Link
    achieved: Achieved
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConnected:
    """Why no host took us. `reply` is the server's own, where one gave it."""

    classification: bounce.Classification
    detail: str
    reply: Reply | None = None
    host: str = ""
    dcid: int = 0
    tls: bool = False  # required TLS was the reason


Attempt = Connected | NotConnected


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """What the running configuration says about delivering."""

    hostname: str
    smtp_port: int
    route_table: routes.RouteTable
    ourselves: routes.Ourselves
    connect_timeout: float


class _HostFailed(Exception):
    """This host will not do; the value says why."""

    def __init__(self, failure: NotConnected) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class _ReconnectClear(Exception):
    """STARTTLS was never answered: once more to the same host, in clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectTools:
    """What connecting needs of its process."""

    clock: Clock
    dice: Callable[[], float]
    record: Callable[[facts.Fact], None]
    resolver: dns.Resolver
    ids: Ids
    tls: ClientTls


class Connector:
    """Opens connections under one configuration."""

    def keep_session(self, connected: Connected, control: DestinationControl) -> None:
        """Remember the TLS session of a connection that ends, for the same host and level."""
        link = connected.link
        if link.encrypted and link.alive:
            key = (connected.host, link.peer_ip, link.peer_port, control.tls)
            self._tools.tls.keep(key, link)

    def __init__(self, rules: DeliveryRules, tools: ConnectTools) -> None:
        self._rules = rules
        self._tools = tools
        self._settings = ClientSettings(hostname=rules.hostname)

    async def connect(self, domain: str, control: DestinationControl) -> Attempt:
        """The first host of a destination that will do, or why none did."""
        plan = await self._plan(domain)
        if not isinstance(plan, routes.Hosts):
            return self._no_plan(domain, plan)
        last: NotConnected | None = None
        for hop in plan.hops:
            found = await self._addresses(hop, control)
            if isinstance(found, NotConnected):
                last = _worse(last, found)
                continue
            for ip in found:
                try:
                    return await self._host(hop, ip, control)
                except _HostFailed as failed:
                    last = _worse(last, failed.failure)
        assert last is not None
        return last

    # --- planning -----------------------------------------------------------------------------

    async def _plan(self, domain: str) -> routes.Plan:
        rules, tools = self._rules, self._tools
        route = rules.route_table.lookup(domain)
        if route is not None:
            return routes.plan_route(domain, route, smtp_port=rules.smtp_port, dice=tools.dice)
        if domain.startswith("["):
            return routes.plan_literal(domain, smtp_port=rules.smtp_port)
        answer = await tools.resolver.mx(domain)
        mx: routes.MxAnswer
        match answer:
            case dns.Found(records):
                mx = routes.MxRecords(records)
            case dns.NoData():
                mx = routes.NoMx()
            case dns.NoName():
                mx = routes.NoDomain()
            case dns.Temporary(error):
                self._dns_failure(domain, "MX", error)
                mx = routes.DnsFailure(error)
            case other:
                assert_never(other)
        return routes.plan_mx(
            domain, mx, ourselves=rules.ourselves, smtp_port=rules.smtp_port, dice=tools.dice
        )

    def _no_plan(
        self,
        domain: str,
        plan: routes.NullMx
        | routes.NoSuchDomain
        | routes.Loop
        | routes.Unroutable
        | routes.Temporary,
    ) -> NotConnected:
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
            case other:
                assert_never(other)
        return NotConnected(classification=bounce.classify_trouble(trouble), detail=detail)

    async def _addresses(
        self, hop: routes.NextHop, control: DestinationControl
    ) -> tuple[str, ...] | NotConnected:
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
            endpoints = self._rules.ourselves.endpoints
            usable = tuple(text for text in texts if (text, hop.port) not in endpoints)
            return usable or self._looped(hop)
        planned = routes.plan_addresses(
            hop, texts, preference=control.ip_preference, ourselves=self._rules.ourselves
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
        )

    def _dns_failure(self, name: str, rdtype: str, error: str, *, route: bool = False) -> None:
        at = self._tools.clock.wall()
        if route:
            self._tools.record(facts.RouteDnsFailure(at=at, name=name))
        else:
            self._tools.record(
                facts.DnsTemporaryFailure(at=at, name=name, rdtype=rdtype, error=error)
            )

    # --- one host -------------------------------------------------------------------------------

    async def _host(self, hop: routes.NextHop, ip: str, control: DestinationControl) -> Connected:
        try:
            return await self._try(hop, ip, control, control.tls)
        except _ReconnectClear:
            # Before any reply to STARTTLS the preferred levels may go on in clear; the connection
            # is gone, so it takes a new one. Never after 220 (RFC 3207 §4.1 and the outcome table).
            return await self._try(hop, ip, control, OutboundTlsLevel.NONE, again=True)

    async def _try(
        self,
        hop: routes.NextHop,
        ip: str,
        control: DestinationControl,
        level: OutboundTlsLevel,
        *,
        again: bool = False,
    ) -> Connected:
        attempt = _HostAttempt(self._tools, hop, ip, control, level)
        try:
            link = await Link.dial(ip, hop.port, self._settings, self._rules.connect_timeout)
        except LinkLost as lost:
            raise _HostFailed(attempt.unreachable(lost)) from None
        attempt.opened(link)
        try:
            achieved = await attempt.negotiate()
        except LinkLost as lost:
            raise _HostFailed(attempt.lost(lost)) from None
        except (_HostFailed, _ReconnectClear):
            attempt.close()
            raise
        except BaseException:
            attempt.close()
            raise
        if again:
            achieved = Achieved.CLEAR_NOT_AVAILABLE
        return Connected(link, achieved, hop.host)


class _HostAttempt:
    """One connection to one address, from dialling to the end of STARTTLS."""

    def __init__(
        self,
        tools: ConnectTools,
        hop: routes.NextHop,
        ip: str,
        control: DestinationControl,
        level: OutboundTlsLevel,
    ) -> None:
        self._tools = tools
        self._hop = hop
        self._ip = ip
        self._control = control
        self._level = level
        self._link: Link | None = None
        self._dcid = 0
        self._asked_tls = False

    def opened(self, link: Link) -> None:
        """TCP stands."""
        self._link = link
        link.dcid = self._dcid = self._tools.ids.next("dcid")
        self._tools.record(
            facts.DeliveryConnectionOpened(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                interface_ip=link.local_ip,
                ip=self._ip,
                port=self._hop.port,
                domain=self._hop.domain,
            )
        )

    def close(self) -> None:
        """Give the connection up."""
        if self._link is not None:
            self._link.close()
            self._tools.record(
                facts.DeliveryConnectionClosed(at=self._tools.clock.wall(), dcid=self._dcid)
            )

    def unreachable(self, lost: LinkLost) -> NotConnected:
        """Nobody answered."""
        self._dcid = self._tools.ids.next("dcid")
        return self._connection_error(lost.details, "network error")

    def lost(self, lost: LinkLost) -> NotConnected:
        """The connection ended before it was of use."""
        failure = self._connection_error(lost.details, "network error")
        self.close()
        return failure

    def _connection_error(
        self, details: str, reason: str, reply: Reply | None = None
    ) -> NotConnected:
        link = self._link
        self._tools.record(
            facts.DeliveryConnectionFailed(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                domain=self._hop.domain,
                ip=self._ip,
                port=self._hop.port,
                details=details,
                interface_ip=link.local_ip if link is not None else source_address(self._ip),
                reason="network error" if reason == "network error" else "unexpected SMTP response",
            )
        )
        if reply is None:
            classification = bounce.classify_trouble(bounce.Trouble.NETWORK)
        else:
            # Another host may take it, and this one may tomorrow: a connection never bounces mail.
            classification = bounce.classify_reply(421, bounce.Stage.CONNECT)
        return NotConnected(
            classification=classification,
            detail=details,
            reply=reply,
            host=self._hop.host,
            dcid=self._dcid,
        )

    async def negotiate(self) -> Achieved:
        """Greeting, EHLO, STARTTLS and EHLO again, as the level demands."""
        link = self._link
        assert link is not None
        while True:
            try:
                event = await link.next()
            except LinkLost as lost:
                if self._asked_tls and not link.encrypted and link.report is None:
                    return self._no_answer(lost)
                raise
            achieved = await self._step(link, event)
            if achieved is not None:
                return achieved

    async def _step(self, link: Link, event: events.Event) -> Achieved | None:
        """Use one event; what has been reached, when the negotiation is over."""
        match event:
            case events.Greeting(reply):
                if not reply.positive:
                    raise _HostFailed(self._replied(reply))
            case events.HelloRefused(reply, fallback):
                self._hello_refused(link, reply, fallback)
            case events.Ready(capabilities):
                return self._ready(link, offered=capabilities.starttls)
            case events.TlsGo():
                await self._handshake(link)
            case events.TlsRefused(reply):
                self._tls_refused(reply)
                return self._clear()
            case _:
                self._gone(event)
        return None

    def _ready(self, link: Link, *, offered: bool) -> Achieved | None:
        if link.encrypted:
            return self._settle(Situation.NOT_VERIFIED)
        return None if self._start_tls(link, offered=offered) else self._clear()

    def _gone(self, event: events.Event) -> NoReturn:
        """The server ended the session, in its way or in none."""
        match event:
            case events.ServerClosing(reply):
                raise _HostFailed(self._replied(reply))
            case events.Broken(what, _):
                raise _HostFailed(self._broken(what))
            case events.Lost(_):
                raise LinkLost("EOF")
            case _:
                raise _HostFailed(self._broken(f"unexpected {type(event).__name__}"))

    def _replied(self, reply: Reply) -> NotConnected:
        return self._connection_error(_reply_details(reply), "unexpected SMTP response", reply)

    def _broken(self, what: str) -> NotConnected:
        failure = self._connection_error(what, "unexpected SMTP response")
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.BROKEN_DIALOGUE),
            detail=what,
            host=failure.host,
            dcid=failure.dcid,
        )

    def _clear(self) -> Achieved:
        if self._level is OutboundTlsLevel.NONE:
            return Achieved.CLEAR_NOT_ASKED
        return Achieved.CLEAR_NOT_AVAILABLE

    def _hello_refused(self, link: Link, reply: Reply, fallback: bool) -> None:
        if not fallback:
            raise _HostFailed(self._replied(reply))
        if decide(self._level, Situation.EHLO_REFUSED) is not TlsAction.CONTINUE_CLEAR:
            raise _HostFailed(self._required("EHLO refused", reply))
        link.engine.hello_fallback()

    def _start_tls(self, link: Link, *, offered: bool) -> bool:
        """Ask for TLS if the level wants it here; False when it goes on in clear."""
        situation = Situation.STARTTLS_OFFERED if offered else Situation.STARTTLS_NOT_OFFERED
        match decide(self._level, situation):
            case TlsAction.START_TLS:
                self._asked_tls = True
                link.engine.start_tls()
                return True
            case TlsAction.CONTINUE_CLEAR:
                return False
            case _:
                raise _HostFailed(self._required("STARTTLS not offered", None))

    def _tls_refused(self, reply: Reply) -> None:
        """The server answered STARTTLS with anything but 220."""
        action = decide(self._level, Situation.STARTTLS_REFUSED)
        go_on = action is TlsAction.CONTINUE_CLEAR
        failure = None
        if not go_on:  # the Connection Error line stands before the TLS line
            failure = self._replied(reply)
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                kind="refused",
                text=_reply_details(reply),
            )
        )
        if failure is not None:
            raise _HostFailed(self._required(f"STARTTLS answered {_reply_details(reply)}", reply))

    def _no_answer(self, lost: LinkLost) -> Achieved:
        """STARTTLS was sent and the connection ended without any reply."""
        if decide(self._level, Situation.NO_ANSWER_TO_STARTTLS) is TlsAction.RECONNECT_CLEAR:
            raise _ReconnectClear
        self._connection_error(lost.details, "network error")
        raise _HostFailed(self._required("no answer to STARTTLS", None))

    async def _handshake(self, link: Link) -> None:
        """After 220: TLS or nothing on this connection."""
        tls = self._tools.tls
        name = self._hop.host
        resume = tls.resume(name, self._ip, self._hop.port, self._level)
        try:
            report = await link.handshake(tls.context, name, resume)
        except TlsFailure as failure:
            self._tls_failed("library", failure.number, None, failure.text)
            raise _HostFailed(self._handshake_failed(failure.text)) from None
        except LinkLost as lost:
            # A close without a word is what a reset is, to the one who waits for a handshake.
            number = lost.errno or errno.ECONNRESET
            self._tls_failed("socket", None, number, os.strerror(number))
            raise _HostFailed(self._handshake_failed(lost.details)) from None
        self._tools.record(
            facts.TlsDelivered(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                domain=self._hop.domain,
                level=self._level.value,
                protocol=report.protocol,
                cipher=report.cipher,
                group=report.group,
                dh_bits=report.dh_bits,
                resumed=report.resumed,
                verdict="not-checked",
            )
        )
        link.engine.tls_started()

    def _tls_failed(self, kind: str, number: int | None, errno_: int | None, text: str) -> None:
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                kind="library" if kind == "library" else "socket",
                number=number,
                errno=errno_,
                text=text,
            )
        )

    def _handshake_failed(self, text: str) -> NotConnected:
        if is_required(self._level):
            return self._required(f"handshake failed: {text}", None)
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.TLS_FAILED),
            detail=f"TLS handshake failed: {text}",
            host=self._hop.host,
            dcid=self._dcid,
        )

    def _settle(self, situation: Situation) -> Achieved:
        """TLS is up. Whether the certificate passes is not examined at the levels there are now."""
        if decide(self._level, situation) is TlsAction.DELIVER:
            return Achieved.ENCRYPTED
        raise _HostFailed(self._required("certificate not verified", None))

    def _required(self, why: str, reply: Reply | None) -> NotConnected:
        """The rule demands TLS and this host does not give it: nothing is sent."""
        self._tools.record(
            facts.TlsRequiredUnavailable(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                ip=self._ip,
                domain=self._hop.domain,
                why=why,
            )
        )
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.TLS_UNAVAILABLE),
            detail="TLS required but not available",
            reply=None,
            host=self._hop.host,
            dcid=self._dcid,
            tls=True,
        )


def _reply_details(reply: Reply) -> str:
    """`454-'4.7.0 TLS not available right now'`, the form of the Connection Error line."""
    text = " ".join(reply.lines if reply.enhanced is None else (reply.enhanced, *reply.lines))
    return f"{reply.code}-{text!r}"


def _worse(last: NotConnected | None, new: NotConnected) -> NotConnected:
    """Which of two failures to report: one that may pass keeps the mail, so it wins."""
    if last is None:
        return new
    if last.classification.permanent and not new.classification.permanent:
        return new
    if not last.classification.permanent and new.classification.permanent:
        return last
    return last if last.tls and not new.tls else new
