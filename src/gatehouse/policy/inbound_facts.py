# SPDX-License-Identifier: Apache-2.0
"""What the journal hears of each inbound decision.

Rule: one place makes the facts, so that the log of a real client and the lines that `explain
inbound` shows are the same. A decision may have no fact (a client that forgot STARTTLS is told so
and recorded when it leaves).
"""

from functools import lru_cache
from typing import Any, Literal, cast

from gatehouse.journal import facts
from gatehouse.policy.access import NameState
from gatehouse.policy.inbound_values import (
    Admit,
    ClientFacts,
    Connection,
    Demand,
    Deny,
    InboundRules,
)

Facts = tuple[facts.Fact, ...]

NO_FACTS: Facts = ()
_PRIVATE_172 = frozenset(str(n) for n in range(16, 32))
_BY_RATE = frozenset({Demand.HARVEST, Demand.CLIENT_RATE, Demand.SENDER_RATE})


def opened(
    rules: InboundRules, client: ClientFacts, at: float, icid: int, port: int, proxy: str | None
) -> facts.ConnectionOpened:
    """A client is there; `proxy` is who speaks for it."""
    entrance = rules.entrance
    return facts.ConnectionOpened(
        at=at,
        icid=icid,
        listener=entrance.listener,
        interface=entrance.interface,
        interface_ip=entrance.interface_ip,
        client_ip=client.ip,
        client_port=port,
        host=client.host,
        host_verified=client.host_state is NameState.VERIFIED,
        proxy=proxy,
    )


def matched(client: ClientFacts, at: float, icid: int) -> facts.SenderGroupMatched:
    """The host access table has decided; `icid` 0 for a connection that is cut."""
    access = client.access
    return facts.SenderGroupMatched(
        at=at,
        icid=icid,
        behavior=cast(Any, access.behavior.value),
        group=access.group,
        match=access.match,
        policy=access.policy.name,
        score=score(client.ip) if access.score is None else f"{access.score:.1f}",
    )


@lru_cache(maxsize=4096)
def score(ip: str) -> str:
    """The reputation word of the log for a client without a score; private addresses say so."""
    private = ip.startswith(("10.", "192.168.")) or (
        ip.startswith("172.") and ip.split(".")[1] in _PRIVATE_172
    )
    return "rfc1918" if private else "None"


def of_connection(outcome: Connection, client: ClientFacts, at: float, icid: int) -> Facts:
    """What is recorded after `opened` and `matched`."""
    match outcome:
        case Admit(delayed=True):
            return (facts.DelayedReject(at=at, icid=icid, client_ip=client.ip, stage="session"),)
        case Deny(Demand.LISTENER_CONNECTIONS | Demand.CLIENT_CONNECTIONS):
            return (facts.ReceivingFailed(at=at, icid=icid, reason="Connection limit exceeded"),)
        case _:
            return NO_FACTS


def of_handshake(deny: Deny, client: ClientFacts, at: float, icid: int) -> Facts:
    """The certificate was not accepted."""
    return (
        facts.TlsReceiveFailed(
            at=at,
            icid=icid,
            text=deny.detail,
            verify=True,
            peer=client.certificate.subject,
        ),
    )


def of_refused_mail(deny: Deny, at: float, icid: int, sender: str) -> Facts:
    """A message may not begin; `sender` as it is logged."""
    match deny.demand:
        case Demand.MESSAGES:
            return (facts.ReceivingFailed(at=at, icid=icid, reason="Too Many Messages"),)
        case Demand.SENDER_ADDRESS:
            return (facts.InvalidSender(at=at, icid=icid, reason=deny.reply.lines[0]),)
        case Demand.SENDER_TLS:
            return (facts.SenderNeedsTls(at=at, icid=icid, address=sender, entry=deny.detail),)
        case Demand.SENDER_DOMAIN:
            why = cast(Any, deny.detail)
            return (facts.SenderRefused(at=at, icid=icid, address=sender, why=why),)
        case _:
            return NO_FACTS


def of_overheard(
    client: ClientFacts, at: float, icid: int, stage: Literal["sender", "recipient"], address: str
) -> Facts:
    """A rejected client named a sender or a recipient."""
    return (
        facts.DelayedReject(at=at, icid=icid, client_ip=client.ip, stage=stage, address=address),
    )


def of_refused_recipient(
    deny: Deny, client: ClientFacts, at: float, icid: int, mid: int, address: str
) -> Facts:
    """A recipient is not taken."""
    demand = deny.demand
    if demand is Demand.BEHAVIOR:
        return of_overheard(client, at, icid, "recipient", address)
    if demand is Demand.RECIPIENT_ADDRESS:
        reason = deny.reply.lines[0]
        return (facts.InvalidRecipient(at=at, icid=icid, mid=mid, reason=reason),)
    if demand is Demand.RECIPIENTS:
        return NO_FACTS
    by: Literal["RAT", "Injection Control"] = "Injection Control" if demand in _BY_RATE else "RAT"
    refused = facts.RecipientRefused(at=at, mid=mid, icid=icid, address=address, by=by)
    if demand is not Demand.HARVEST:
        return (refused,)
    dropped = deny.reply.code == 421
    stopped = facts.HarvestStopped(at=at, icid=icid, client_ip=client.ip, dropped=dropped)
    return (refused, stopped)
