# SPDX-License-Identifier: Apache-2.0
"""Who is it? From the client's address to a banner, or to a shut door.

The reverse name is looked up once per address and counts only when its forward look-up confirms it;
the host access table decides, and its answer is remembered by the desk, since most clients come
again. DNS lists are asked only where one can still change the answer. While names are looked up
nothing is read but into the engine, which refuses a client that talks before the greeting
(RFC 5321 §4.3.1).
"""

import asyncio
from dataclasses import replace

from gatehouse.journal import facts
from gatehouse.policy import inbound, inbound_facts
from gatehouse.policy.inbound_values import (
    NO_CERTIFICATE,
    Admit,
    CertificateState,
    ClientCertificate,
    Counts,
    Deny,
    RefuseTcp,
)
from gatehouse.service.base.resolver import Found, ReverseName, Temporary
from gatehouse.service.receive import replies
from gatehouse.service.receive.connection import Connection, peer_subject
from gatehouse.service.receive.desk import NOT_LISTED, Desk
from gatehouse.service.receive.office import Office
from gatehouse.smtp import proxy
from gatehouse.smtp import server_events as events
from gatehouse.smtp.xclient import ClientAttributes, Unavailable
from gatehouse.store.errors import StoreError

NOTHING_SAID = ClientAttributes()


class Welcome(Connection):
    """A connection that finds out who its client is."""

    __slots__ = ("_announced", "_said")

    def __init__(self, desk: Desk, office: Office) -> None:
        super().__init__(desk, office)
        self._announced = False  # the client is the one that XCLIENT names
        self._said = NOTHING_SAID

    def read_proxy(self, received: bytes) -> bytes:
        """The header of the load balancer (PROXY protocol §2); what stands behind it.

        A load balancer that says nothing about its client, or something else, is sent away without
        a word: a client that nobody can name must not have the load balancer's rights.
        """
        found = proxy.read_header(received)
        match found:
            case proxy.NeedMore():
                self._proxy_header = received
                return b""
            case proxy.Proxied():
                self.proxy = self.client_ip
                self.client_ip, self.client_port = found.client_ip, found.client_port
            case proxy.Local(relayed=True):
                return self._send_away("the load balancer does not know its client")
            case proxy.ProxyFault(reason):
                return self._send_away(reason)
        self._proxy_header = None
        self.begin()
        return received[found.used :]

    def _send_away(self, why: str) -> bytes:
        office = self.office
        what = f"PROXY protocol from {self.client_ip}: {why}"
        office.record(facts.ProtocolViolated(at=office.wall(), icid=0, what=what))
        self.closed = True
        office.forget(self)
        self._transport.abort()
        return b""

    def welcome(self) -> None:
        """Greet at once when the address is known, else after the look-up."""
        known = self.office.resolver.known_reverse(self.client_ip)
        if known is None or (self.desk.hat.asks_lists and self._lists(known)):
            self.office.tasks.start(self._look_up(known), "reverse name")
        else:
            self._identify(known)

    def _lists(self, name: ReverseName) -> tuple[str, ...]:
        """The DNS lists that can still change the answer."""
        host = name.host if name.verified else None
        return self.desk.hat.needs_lists(self.client_ip, host, state=name.state)

    async def _look_up(self, known: ReverseName | None = None) -> None:
        name = known or await self.office.resolver.reverse(self.client_ip)
        zones = self._lists(name)
        if zones:
            found = await asyncio.gather(*(self._is_listed(zone) for zone in zones))
            self.listed = frozenset(
                zone for zone, listed in zip(zones, found, strict=True) if listed
            )
        if not self.closed:
            try:
                self._identify(name)
                self._pump()
            except Exception as error:
                self._broken(error)

    async def _is_listed(self, zone: str) -> bool:
        """Does a DNS list have the client (RFC 5782 §2.1)? A list that is silent has nobody."""
        answer = await self.office.resolver.listed(self.client_ip, zone)
        if isinstance(answer, Temporary):
            self.office.record(
                facts.DnsListFailed(
                    at=self.office.wall(), client_ip=self.client_ip, zone=zone, error=answer.error
                )
            )
        return isinstance(answer, Found)

    def _identify(self, name: ReverseName) -> None:
        """The host access table decides, then the banner goes out (or the door stays shut)."""
        office, desk, record = self.office, self.desk, self.office.record
        self.host = name
        self.identified = True
        decision = desk.decide(self.client_ip, name, self.listed)
        self.decision, self.access, client = decision, decision.access, decision.client
        self.client = client
        counts = self.counts = Counts(self.here, office.counts.enter(self.client_ip))
        outcome = inbound.decide_connection(decision.rules, client, counts)
        at = office.wall()
        if isinstance(outcome, RefuseTcp):
            record(inbound_facts.matched(client, at, 0))
            self.closed = True
            office.forget(self)
            self._transport.abort()
            return
        try:
            icid = self.icid = office.ids.next("icid")
        except StoreError as error:
            # A full disk, most of all: not even a number for the log can be kept.
            office.report("inbound session", error)
            self.dismiss(replies.NO_ROOM)
            return
        record(inbound_facts.opened(decision.rules, client, at, icid, self.client_port, self.proxy))
        record(inbound_facts.matched(client, at, icid))
        for fact in inbound_facts.of_connection(outcome, client, at, icid):
            record(fact)
        self.use(decision.settings)
        greeting = outcome.greeting if isinstance(outcome, Admit) else outcome.reply
        if self._announced:
            self._engine.answer(greeting)  # to XCLIENT
        else:
            self._engine.greet(greeting)
        if self._tls_up:
            self.judge_tls()
        self._flush()

    # --- XCLIENT --------------------------------------------------------------------------------

    def _xclient(self, event: events.XClient) -> None:
        """A trusted peer says for whom it speaks: that client is greeted as if it had come."""
        said = self._said = event.attributes.after(self._said)
        self._leave()
        self.proxy = self.proxy or self.client_ip
        if isinstance(said.address, str):
            self.client_ip = said.address
        if isinstance(said.port, int):
            self.client_port = said.port
        self._announced = True
        match said.name:
            case str(host):
                self._identify(ReverseName(host, True))
            case Unavailable():
                failed = said.name is Unavailable.FOR_NOW
                self._identify(ReverseName(None, False, failed=failed))
            case None:
                self.welcome()

    def _leave(self) -> None:
        """The client for whom it spoke until now is gone."""
        office = self.office
        office.counts.leave(self.client_ip)
        office.record(facts.ConnectionClosed(at=office.wall(), icid=self.icid))
        self.identified = False
        self.authenticated = None
        self.listed = NOT_LISTED

    # --- TLS ------------------------------------------------------------------------------------

    def judge_tls(self) -> None:
        """Record the handshake; a certificate that the policy does not accept ends the service."""
        report, decision = self.report, self.decision
        if report is None:
            return
        office, rules = self.office, decision.rules
        asked = rules.policy.verify_client_certificate or self.desk.auth.asks_for_certificate
        shown = NO_CERTIFICATE
        if asked:
            shown = office.certificates.judge(report.peer_chain, office.wall())
        self.client = decision.client_tls
        if shown is not NO_CERTIFICATE:
            self.client = replace(decision.client_tls, certificate=shown)
        outcome = inbound.decide_handshake(rules, self.client, self.counts)
        at = office.wall()
        if isinstance(outcome, Deny):
            self._tls_told = True
            for fact in inbound_facts.of_handshake(outcome, self.client, at, self.icid):
                office.record(fact)
            self._engine.turn_away(outcome.reply)
            return
        office.record(
            facts.TlsReceived(
                at=at,
                icid=self.icid,
                protocol=report.protocol,
                cipher=report.cipher,
                group=report.group,
                dh_bits=report.dh_bits,
                resumed=report.resumed,
                sni=report.sni,
                peer=shown.subject or peer_subject(report),
                peer_verdict=_verdict(shown) if asked else None,
            )
        )


def _verdict(shown: ClientCertificate) -> str:
    verdict: str = shown.state.value
    return shown.reason if shown.state is CertificateState.INVALID else verdict
