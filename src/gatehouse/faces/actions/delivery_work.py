# SPDX-License-Identifier: Apache-2.0
"""The work: delivery to destinations, stopped and looked at."""

import asyncio
from typing import cast

import msgspec

from gatehouse.config.running import Running
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.delivery import (
    HostInput,
    HostView,
    SuspendInput,
    Suspensions,
    SuspensionView,
    TopHosts,
    TopInput,
)
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.mail.address import parse_domain
from gatehouse.policy.route_table import smart_host_of
from gatehouse.service.base.channel import Value
from gatehouse.store.values import DestinationCount

EVERYTHING = ""  # the store's name for all destinations


async def suspend(house: House, given: SuspendInput) -> Suspensions:
    """Keep mail; the deliverer hears of it."""
    domains = _domains(given)
    store, now = house.store.suspensions, house.clock.wall()
    changed = 0
    for domain in domains:
        changed += await asyncio.to_thread(store.suspend, domain, now, house.operator)
    return await _told(house, changed)


async def resume(house: House, given: SuspendInput) -> Suspensions:
    """Let it go."""
    domains = _domains(given)
    store = house.store.suspensions
    if given.all:
        domains = tuple(one.domain for one in await asyncio.to_thread(store.all))
    changed = 0
    for domain in domains:
        changed += await asyncio.to_thread(store.resume, domain)
    if not changed and not given.all:
        raise OperatorError(
            "not-suspended",
            "Nothing of this is suspended by a command.",
            ", ".join(domains),
            "`gatehouse delivery list` shows what is.",
        )
    return await _told(house, changed)


async def list_suspensions(house: House, given: Nothing) -> Suspensions:
    """What is suspended."""
    return await _listed(house, 0)


async def host_status(house: House, given: HostInput) -> HostView:
    """One destination."""
    domain = _domain(given.domain)
    counts = await asyncio.to_thread(house.store.queue.counts)
    count = next((one for one in counts if one.domain == domain), _none(domain))
    return await _view(house, count, await _suspended(house))


async def top_hosts(house: House, given: TopInput) -> TopHosts:
    """The largest first."""
    counts = await asyncio.to_thread(house.store.queue.counts)
    suspended = await _suspended(house)
    hosts = [await _view(house, one, suspended) for one in counts[: given.limit]]
    return TopHosts(at=moment(house.clock.wall()), hosts=tuple(hosts))


def _domains(given: SuspendInput) -> tuple[str, ...]:
    if bool(given.domains) == given.all:
        raise OperatorError(
            "which-destinations",
            "Say which destinations in exactly one way.",
            hint="Name their domains, or use --all.",
        )
    return (EVERYTHING,) if given.all else tuple(dict.fromkeys(map(_domain, given.domains)))


def _domain(text: str) -> str:
    if smart_host_of(text):
        return text  # alert mail that goes by a smart host
    domain = parse_domain(text)
    if domain is None:
        raise OperatorError("no-domain", "This is no domain.", text[:200])
    return domain


async def _told(house: House, changed: int) -> Suspensions:
    if changed and house.gateway is not None:
        house.gateway.queue_changed()
    return await _listed(house, changed)


async def _listed(house: House, changed: int) -> Suspensions:
    kept = await asyncio.to_thread(house.store.suspensions.all)
    running = running_now(house)
    return Suspensions(
        changed=changed,
        suspensions=tuple(
            SuspensionView(
                domain=one.domain or None, since=moment(one.suspended_at), operator=one.operator
            )
            for one in kept
        ),
        by_configuration=running is not None and running.delivery.suspended,
    )


async def _suspended(house: House) -> frozenset[str]:
    kept = await asyncio.to_thread(house.store.suspensions.all)
    running = running_now(house)
    everything = {EVERYTHING} if running is not None and running.delivery.suspended else set()
    return frozenset({one.domain for one in kept} | everything)


async def _view(house: House, count: DestinationCount, suspended: frozenset[str]) -> HostView:
    told = await _ask(house, count.domain)
    view = HostView(
        domain=count.domain,
        state="unknown",
        tls=_level(running_now(house), count.domain),
        waiting=count.new,
        deferred=count.deferred,
        held=count.held,
    )
    if told is not None:
        tried = cast(float | None, told["last tried at"])
        view = msgspec.structs.replace(
            view,
            state=cast(str, told["state"]),
            connections=told["connections"],
            delivered=told["delivered"],
            failed_tries=told["failed tries"],
            bounced=told["bounced"],
            last_status=told["last status"] or None,
            last_tried_at=moment(tried),
        )
    if suspended & {EVERYTHING, count.domain}:
        view = msgspec.structs.replace(view, state="suspended")
    return view


async def _ask(house: House, domain: str) -> Value | None:
    """What the deliverer knows of a destination; None: there is none, or it knows nothing."""
    if house.gateway is None:
        return None
    for role, _, value in await house.gateway.ask(f"host {domain}"):
        if role == "deliverer" and value.get("state") is not None:
            return value
    return None


def _level(running: Running | None, domain: str) -> str:
    if running is None:
        return ""
    smart = running.smart_hosts.get(smart_host_of(domain) or "")
    return (running.destinations.lookup(domain).tls if smart is None else smart.level).value


def _none(domain: str) -> DestinationCount:
    return DestinationCount(domain, 0, 0, 0)
