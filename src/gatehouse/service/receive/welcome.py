# SPDX-License-Identifier: Apache-2.0
"""Who is it? From the client's address to a banner, or to a shut door.

The reverse name is looked up once per address and counts only when its forward look-up confirms it;
the host access table decides, and its answer is remembered by the desk, since most clients come
again. While the name is looked up nothing is read but into the engine, which refuses a client that
talks before the greeting (RFC 5321 §4.3.1).
"""

from typing import Any, cast

from gatehouse.journal import facts
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.mail_flow import BannerFacts, Behavior, expand_banner
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.receive import replies
from gatehouse.service.receive.connection import Connection
from gatehouse.service.receive.desk import Decision


class Welcome(Connection):
    """A connection that finds out who its client is."""

    __slots__ = ()

    def welcome(self) -> None:
        """Greet at once when the address is known, else after the look-up."""
        known = self.office.resolver.known_reverse(self.client_ip)
        if known is None:
            self.office.tasks.start(self._look_up(), "reverse name")
        else:
            self._identify(known)

    async def _look_up(self) -> None:
        name = await self.office.resolver.reverse(self.client_ip)
        if not self.closed:
            try:
                self._identify(name)
                self._pump()
            except Exception as error:
                self._broken(error)

    def _identify(self, name: ReverseName) -> None:
        """The host access table decides, then the banner goes out (or the door stays shut)."""
        office, desk, record = self.office, self.desk, self.office.record
        self.host = name
        self.identified = True
        clients = office.counts.enter(self.client_ip)
        decision = desk.decide(self.client_ip, name.host if name.verified else None)
        self.access = access = decision.access
        policy = access.policy
        at = office.wall()
        if access.behavior is Behavior.TCPREFUSE:
            record(_matched(at, decision, 0))
            self.closed = True
            office.forget(self)
            self._transport.abort()
            return
        self.icid = office.ids.next("icid")
        record(
            facts.ConnectionOpened(
                at=at,
                icid=self.icid,
                listener=desk.name,
                interface=desk.interface,
                interface_ip=desk.interface_ip,
                client_ip=self.client_ip,
                client_port=self.client_port,
                host=name.host,
                host_verified=name.verified,
            )
        )
        record(_matched(at, decision, self.icid))
        self._engine.settings = decision.settings
        greeting: Reply | None = None
        if self.here > desk.max_connections or clients > policy.max_connections_per_client:
            record(facts.ReceivingFailed(at=at, icid=self.icid, reason="Connection limit exceeded"))
            greeting = replies.TOO_MANY
        elif access.behavior is Behavior.REJECT:
            if desk.delayed_reject:
                record(
                    facts.DelayedReject(
                        at=at, icid=self.icid, client_ip=self.client_ip, stage="session"
                    )
                )
            else:
                greeting = self.refusal()
        elif "$" in policy.banner_text:
            host = desk.hostname if policy.banner_host is None else policy.banner_host
            greeting = Reply(220, None, (f"{host} {self._expand(policy.banner_text)}".strip(),))
        self._engine.greet(greeting)
        self._flush()

    def refusal(self) -> Reply:
        """What a client of a rejecting policy hears, at the greeting or at each recipient."""
        policy = cast(AccessMatch, self.access).policy
        enhanced = "4.7.1" if policy.reject_code < 500 else "5.7.1"
        return Reply(policy.reject_code, enhanced, (self._expand(policy.reject_text),))

    def _expand(self, text: str) -> str:
        access = cast(AccessMatch, self.access)
        return expand_banner(
            text,
            BannerFacts(
                remote_ip=self.client_ip,
                group=access.group,
                hat_entry=access.match,
                hostname=self.host.host if self.host.verified else None,
            ),
        )


def _matched(at: float, decision: Decision, icid: int) -> facts.SenderGroupMatched:
    access = decision.access
    return facts.SenderGroupMatched(
        at=at,
        icid=icid,
        behavior=cast(Any, decision.word),
        group=access.group,
        match=access.match,
        policy=access.policy.name,
        score=decision.score,
    )
