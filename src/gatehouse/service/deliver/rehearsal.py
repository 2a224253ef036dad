# SPDX-License-Identifier: Apache-2.0
"""A delivery without a message: which hosts, under which plan, and what they say if asked.

Routing, planning, connecting and judging are those of deliveries; this file drives them for
somebody who wants to know why. Facts go to the asker and not into the journal, numbers of
connections are 0, and nothing is kept: no MTA-STS policy, no TLS session. A live visit says MAIL
for the null sender, which every server must take (RFC 5321 §4.5.5), and RSET; never RCPT or DATA.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gatehouse.config.running import Running
from gatehouse.journal import facts
from gatehouse.mail.envelope import Envelope
from gatehouse.mail.reply import Reply
from gatehouse.policy import routes
from gatehouse.policy.destinations import DestinationControl, TlsDemands
from gatehouse.policy.outbound_plan import asks_sts
from gatehouse.policy.outbound_values import Demand, HostPlan, LookedUp, Planned
from gatehouse.policy.server_identity import IdentityVerdict
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.resolver import Resolver
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.deliver.assembly import Ground, assemble
from gatehouse.service.deliver.connect import Attempt, Connected, Connector
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.limits import Limits
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.service.deliver.mta_sts import StsState
from gatehouse.service.deliver.routing import Router
from gatehouse.service.deliver.trust_book import TrustBook
from gatehouse.service.deliver.verify import Verifier
from gatehouse.smtp import client_events as events
from gatehouse.store.interface import Store, StsCache
from gatehouse.store.tls_values import CachedSts
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.failures import TlsFailure

# A delivery waits up to five minutes for a greeting (RFC 5321 §4.5.3.2.1); a person does not.
VISIT_SECONDS = 45.0
# What SIZE= says: a short message. It is never sent.
ASKED_SIZE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWalk:
    """One host as a delivery would plan it; `addresses` in the order in which they are tried."""

    hop: routes.NextHop
    found: LookedUp
    planned: Planned
    addresses: tuple[str, ...]
    no_address: NotConnected | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A destination before any connection. Without hosts, `failure` is what mail would meet."""

    plan: routes.Plan
    failure: NotConnected | None
    sts: StsState | None
    hosts: tuple[HostWalk, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one server showed (DER, leaf first, as presented), and what it is worth."""

    ip: str
    chain: tuple[bytes, ...]
    verdict: IdentityVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a server said to MAIL. `reply`: it refused; `fault`: the connection ended."""

    reply: Reply | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One host, connected to as a delivery would be; `attempt` None: it took too long."""

    hop: routes.NextHop
    attempt: Attempt | None
    recorded: tuple[facts.Fact, ...]
    judged: tuple[Judged, ...]
    asked: Asked | None


class Rehearsal:
    """Plays deliveries under one configuration."""

    def __init__(
        self,
        running: Running,
        store: Store,
        clock: Clock,
        dice: Callable[[], float],
        certificate_of: Callable[[str], CertifiedKey],
    ) -> None:
        self._recorded: list[facts.Fact] = []
        self._witnesses: list[_Witness] = []
        self._tasks = TaskSupervisor(lambda _where, _error: None)
        assembly = assemble(
            running,
            Ground(
                store=store,
                sts=_Unchanged(store.sts),
                clock=clock,
                dice=dice,
                tasks=self._tasks,
                ids=_Zero(),
                record=self._recorded.append,
                certificate_of=certificate_of,
                verifier_of=self._witness,
            ),
        )
        self._planner = assembly.tools.planner
        self._policies = assembly.policies
        self._router = Router(assembly.rules, assembly.tools)
        self._connector = Connector(assembly.rules, assembly.tools, Limits(clock.monotonic))

    def _witness(self, book: TrustBook, resolver: Resolver, clock: Clock) -> Verifier:
        witness = _Witness(book, resolver, clock)
        self._witnesses.append(witness)
        return witness

    async def close(self) -> None:
        """End what still runs."""
        await self._tasks.stop(1.0)

    # --- without a connection -------------------------------------------------------------------

    async def walk(self, domain: str, control: DestinationControl, demanded: Demand) -> Walk:
        """The hosts and the plan of each; DNS and policy hosts are asked as for a delivery."""
        plan = await self._router.plan(domain)
        if not isinstance(plan, routes.Hosts):
            failure = self._router.no_plan(domain, plan)
            return Walk(plan=plan, failure=failure, sts=None, hosts=())
        sts: StsState | None = None
        if self._policies is not None and asks_sts(plan.hops[0], control, demanded):
            sts = await self._policies.policy(domain)
        hosts = [await self._host(hop, control, demanded) for hop in plan.hops]
        return Walk(plan=plan, failure=None, sts=sts, hosts=tuple(hosts))

    async def _host(
        self, hop: routes.NextHop, control: DestinationControl, demanded: Demand
    ) -> HostWalk:
        found = await self._planner.look_up(hop, control, demanded)
        planned = await self._planner.plan(hop, control, demanded)
        addresses = await self._router.addresses(hop, control)
        missing = addresses if isinstance(addresses, NotConnected) else None
        return HostWalk(
            hop=hop,
            found=found,
            planned=planned,
            addresses=() if isinstance(addresses, NotConnected) else addresses,
            no_address=missing,
        )

    # --- with one -------------------------------------------------------------------------------

    async def visit(
        self,
        hops: Iterable[routes.NextHop],
        control: DestinationControl,
        demanded: Demand,
        *,
        all_hosts: bool,
    ) -> tuple[Visit, ...]:
        """The hosts in order, up to the first that lets us in, or all of them."""
        visits: list[Visit] = []
        for hop in hops:
            one = await self._visit(hop, control, demanded)
            visits.append(one)
            ends = isinstance(one.attempt, Connected) or (
                isinstance(one.attempt, NotConnected) and one.attempt.final
            )
            if ends and not all_hosts:
                break
        return tuple(visits)

    async def _visit(
        self, hop: routes.NextHop, control: DestinationControl, demanded: Demand
    ) -> Visit:
        self._recorded.clear()
        for witness in self._witnesses:
            witness.seen.clear()
        attempt: Attempt | None = None
        asked: Asked | None = None
        try:
            async with asyncio.timeout(VISIT_SECONDS):
                attempt = await self._connector.hop(hop, control, demanded)
                if isinstance(attempt, Connected):
                    asked = await _ask(attempt.link, attempt.plan)
        except TimeoutError:
            pass
        finally:
            if isinstance(attempt, Connected):
                attempt.link.close()
        return Visit(
            hop=hop,
            attempt=attempt,
            recorded=tuple(self._recorded),
            judged=tuple(one for witness in self._witnesses for one in witness.seen),
            asked=asked,
        )


async def _ask(link: Link, plan: HostPlan) -> Asked:
    """MAIL for the null sender, RSET, QUIT."""
    engine = link.engine
    envelope = Envelope(sender=None, recipients=(), requiretls=plan.needs_requiretls)
    try:
        begun = engine.begin(envelope, ASKED_SIZE, eight_bit=False)
        if isinstance(begun, events.Refused):
            return Asked(reply=begun.reply)
        answered = _answer(await link.next())
        if not answered.fault:
            engine.rset()
            await link.next()
            engine.quit()
            await link.next()
    except (LinkLost, TlsFailure) as error:
        return Asked(fault=str(error))
    return answered


def _answer(event: events.Event) -> Asked:
    match event:
        case events.NoRecipients():
            return Asked()
        case events.SenderRefused(reply):
            return Asked(reply=reply)
        case events.ServerClosing(reply):
            return Asked(reply=reply, fault="the server closes the connection")
        case events.Broken(what, _):
            return Asked(fault=what)
        case _:
            return Asked(fault=f"unexpected {type(event).__name__}")


class _Witness(Verifier):
    """Judges as ever, and keeps what was seen."""

    def __init__(self, book: TrustBook, resolver: Resolver, clock: Clock) -> None:
        super().__init__(book, resolver, clock)
        self.seen: list[Judged] = []

    async def judge(
        self, plan: HostPlan, demands: TlsDemands, chain: tuple[bytes, ...], ip: str
    ) -> IdentityVerdict:
        """The same verdict."""
        verdict = await super().judge(plan, demands, chain, ip)
        self.seen.append(Judged(ip, chain, verdict))
        return verdict


class _Zero:
    """Numbers for what is not real."""

    def next(self, kind: str) -> int:
        """Always 0."""
        return 0


class _Unchanged:
    """The policies that are kept, to be read only: a question leaves no trace."""

    def __init__(self, kept: StsCache) -> None:
        self._kept = kept

    def get(self, domain: str) -> CachedSts | None:
        """What is kept."""
        return self._kept.get(domain)

    def put(self, policy: CachedSts) -> None:
        """Not kept."""

    def remove(self, domain: str) -> bool:
        """Not removed."""
        return False

    def mark_used(self, domains: Sequence[str], at: float) -> None:
        """Not marked."""

    def due(self, now: float, age: float, limit: int) -> tuple[CachedSts, ...]:
        """Nothing is refreshed."""
        return ()

    def all(self) -> tuple[CachedSts, ...]:
        """What is kept."""
        return self._kept.all()

    def prune(self, before: float) -> None:
        """Nothing is dropped."""
