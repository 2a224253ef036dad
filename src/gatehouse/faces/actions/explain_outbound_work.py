# SPDX-License-Identifier: Apache-2.0
"""The work: where mail goes, by which TLS, and why.

The message is made up, everything else is the delivery's own: its routes, its planner, its
connector (`service/deliver/rehearsal.py`). Here it is asked, and put in order.
"""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from gatehouse.config.running import Running
from gatehouse.faces.actions import explain_outbound_live, explain_outbound_views
from gatehouse.faces.actions.configuration_asked import asked
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.explain_outbound import OutboundInput, OutboundView
from gatehouse.faces.actions.house import House
from gatehouse.mail import address
from gatehouse.mail.address import Address, AddressFault
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_tell import LEVELS
from gatehouse.policy.outbound_values import Demand, HostPlan, demand
from gatehouse.policy.routes import Hosts
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.rehearsal import HostWalk, Rehearsal, Visit, Walk
from gatehouse.service.trust import keyring

# Who fits no entry about particular senders: the name is nobody's, and reserved for that.
_ANYBODY = Address("anybody", "anybody", "sender.invalid", False)
_EVERYTHING = ""  # the store's name for all destinations


@dataclass(frozen=True, slots=True)
class _Question:
    """The message, and the rules that apply to it."""

    domain: str
    sender: Address | None
    control: DestinationControl
    demanded: Demand


async def explain(house: House, given: OutboundInput) -> OutboundView:
    """Ask, then put in order."""
    domain, sender = _check(given)
    found = await asked(house, candidate=given.candidate)
    running = found.loaded.running
    question = _question(running, domain, sender, given)
    to_be = partial(keyring.to_be, house.store, house.operator)
    certificates = to_be if given.candidate else partial(keyring.get, house.store)
    rehearsal = Rehearsal(
        running,
        house.store,
        house.clock,
        random.SystemRandom().random,
        certificates,
    )
    visits: tuple[Visit, ...] = ()
    try:
        walk = await rehearsal.walk(domain, question.control, question.demanded)
        if given.live and isinstance(walk.plan, Hosts):
            visits = await rehearsal.visit(
                walk.plan.hops, question.control, question.demanded, all_hosts=given.all_hosts
            )
    finally:
        await rehearsal.close()
    suspended = await _suspended(house, running, domain)
    views = explain_outbound_views
    return OutboundView(
        source=found.source,
        domain=domain,
        sender=given.sender,
        requiretls=given.requiretls,
        tls_optional=given.tls_optional,
        level=question.demanded.level.value,
        bounce_profile=question.control.bounce_profile,
        suspended=suspended,
        route=views.route(running, domain, walk),
        controls=views.controls(running, domain),
        overrides=views.overrides(running, sender, domain),
        sts=None if walk.sts is None else views.sts(walk.sts, house.clock.wall()),
        hosts=tuple(views.host(place, one) for place, one in enumerate(walk.hosts, 1)),
        live=tuple(map(explain_outbound_live.visit, visits)),
        verdict=(
            explain_outbound_live.verdict(visits, suspended)
            if visits
            else _verdict(walk, suspended)
        ),
        notes=_notes(given),
    )


# --- what is asked --------------------------------------------------------------------------------


def _check(given: OutboundInput) -> tuple[str, Address | None]:
    if given.requiretls and given.tls_optional:
        raise OperatorError(
            "bad-arguments",
            "--requiretls and --tls-optional exclude each other.",
            hint="In a message with both, REQUIRETLS wins (RFC 8689 section 3).",
        )
    if given.all_hosts and not given.live:
        raise OperatorError("bad-arguments", "--all-hosts is about connections: add --live.")
    return _destination(given.to), _sender(given.sender)


def _destination(text: str) -> str:
    if "@" in text:
        parsed = address.parse_mailbox(text.encode("utf-8", "replace"))
        if isinstance(parsed, AddressFault):
            raise OperatorError("bad-arguments", "This is no mail address.", text[:200])
        return parsed.domain
    domain = address.parse_domain(text)
    if domain is None:
        raise OperatorError("bad-arguments", "This is no domain and no address.", text[:200])
    return domain


def _sender(text: str | None) -> Address | None:
    if text is None:
        return _ANYBODY
    if text in ("", "<>"):
        return None
    parsed = address.parse_mailbox(text.encode("utf-8", "replace"))
    if isinstance(parsed, AddressFault):
        raise OperatorError("bad-arguments", "The sender is no mail address.", text[:200])
    return parsed


def _question(
    running: Running, domain: str, sender: Address | None, given: OutboundInput
) -> _Question:
    control = running.destinations.lookup(domain)
    override = running.sender_overrides.lookup(sender, domain)
    demanded = demand(
        control,
        override,
        requiretls=given.requiretls,
        tls_required_no=given.tls_optional,
    )
    return _Question(domain, sender, control, demanded)


async def _suspended(house: House, running: Running, domain: str) -> bool:
    kept = await asyncio.to_thread(house.store.suspensions.all)
    by_command = any(one.domain in (_EVERYTHING, domain) for one in kept)
    return by_command or running.delivery.suspended


def _notes(given: OutboundInput) -> tuple[str, ...]:
    notes = []
    if given.sender is None:
        notes.append("No sender is named: entries about particular senders do not fit.")
    if given.candidate:
        notes.append("Trust lists are those in force, not those that wait.")
    if given.live:
        notes.append("Limits of connections and recipients are taken as unused.")
    return tuple(notes)


# --- what came of it ------------------------------------------------------------------------------


def _verdict(walk: Walk, suspended: bool) -> str:
    """What would be tried first, or why nothing can be."""
    if suspended:
        return "Deliveries are suspended: mail waits."
    if walk.failure is not None:
        return _failed(walk.failure)
    for one in walk.hosts:
        planned = one.planned
        if isinstance(planned, HostPlan) and one.addresses:
            return f"Mail goes to {planned.host} first, {LEVELS[planned.level]}."
    return f"Deferred: no host can be tried now ({_why_none(walk.hosts)})."


def _failed(failure: NotConnected) -> str:
    named = failure.classification
    word = "Bounced" if named.permanent else "Deferred"
    return f"{word}: {named.enhanced} {named.text} ({failure.detail})."


def _why_none(hosts: tuple[HostWalk, ...]) -> str:
    for one in hosts:
        if not isinstance(one.planned, HostPlan):
            return one.planned.text
        if one.no_address is not None:
            return one.no_address.detail
    return "there is none"
