# SPDX-License-Identifier: Apache-2.0
"""The work: put together how the gateway is."""

import asyncio
from datetime import UTC, datetime

from gatehouse.config.running import Running
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status import (
    CertificateUse,
    DestinationView,
    ListenerView,
    ProcessView,
    QueueView,
    Status,
    StatusInput,
    Unconfirmed,
)
from gatehouse.service.base.revision import RevisionUnusable, load_running
from gatehouse.service.trust import keyring
from gatehouse.store.interface import Store
from gatehouse.store.values import ListenerSuspension

DEMO_NOTE = "made on this machine: it encrypts, but nobody can verify it"


async def status(house: House, given: StatusInput) -> Status:
    """Everything on one page."""
    now = house.clock.wall()
    store = house.store
    revision, running = _running(house)
    queue = await asyncio.to_thread(_queue, store)
    counts = await asyncio.to_thread(store.queue.counts)
    started = house.started_at if house.gateway is not None else None
    return Status(
        at=datetime.fromtimestamp(now, UTC),
        version=house.version,
        running=house.gateway is not None,
        data=str(house.directory.path),
        started_at=None if started is None else datetime.fromtimestamp(started, UTC),
        uptime_seconds=None if started is None else max(0, int(now - started)),
        revision=revision,
        hostname="" if running is None else running.hostname,
        processes=await _processes(house),
        listeners=_listeners(running, await asyncio.to_thread(store.suspensions.listeners)),
        certificates=_certificates(running),
        queue=queue,
        destinations=tuple(
            DestinationView(domain=one.domain, new=one.new, deferred=one.deferred, held=one.held)
            for one in counts[: given.destinations]
        ),
        suspended=tuple(one.domain for one in await asyncio.to_thread(store.suspensions.all)),
        delivery_suspended=running is not None and running.delivery.suspended,
        unconfirmed=_unconfirmed(store),
        counters={} if house.gateway is None else house.gateway.totals(),
    )


def _running(house: House) -> tuple[int | None, Running | None]:
    """What runs, or what the next start would run."""
    if house.gateway is not None:
        return house.gateway.revision, house.gateway.running
    current = house.store.revisions.current()
    if current is None:
        return None, None
    try:
        known = keyring.names(house.store)
        return current.number, load_running(house.store, current.number, known, house.machine)
    except RevisionUnusable:
        return current.number, None


def _unconfirmed(store: Store) -> Unconfirmed | None:
    trial = store.trials.current()
    if trial is None or trial.confirm_by is None:
        return None
    return Unconfirmed(
        revision=trial.revision,
        confirm_by=datetime.fromtimestamp(trial.confirm_by, UTC),
        back_to=trial.good,
    )


def _queue(store: Store) -> QueueView:
    totals, oldest = store.queue.totals(), store.queue.oldest()
    return QueueView(
        messages=totals.messages,
        recipients=totals.recipients,
        held=totals.held,
        bytes=totals.bytes,
        oldest_at=None if oldest is None else datetime.fromtimestamp(oldest, UTC),
    )


async def _processes(house: House) -> tuple[ProcessView, ...]:
    if house.gateway is None:
        return ()
    told = await house.gateway.ask("status")
    return tuple(
        ProcessView(role=role, pid=pid, numbers=numbers)
        for role, pid, numbers in sorted(told, key=lambda one: one[:2])
    )


def _listeners(
    running: Running | None, suspended: tuple[ListenerSuspension, ...]
) -> tuple[ListenerView, ...]:
    refusing = {one.listener for one in suspended}
    return tuple(
        ListenerView(
            name=one.name,
            type=one.type.value,
            address=one.interface.address,
            port=one.port,
            tls_mode=one.tls_mode.value,
            certificate=one.certificate,
            suspended=one.name in refusing,
        )
        for one in (() if running is None else running.listeners)
    )


def _certificates(running: Running | None) -> tuple[CertificateUse, ...]:
    return tuple(
        CertificateUse(name=name, used_by=users, note=DEMO_NOTE if name == keyring.DEMO else "")
        for name, users in uses(running).items()
    )


def uses(running: Running | None) -> dict[str, tuple[str, ...]]:
    """Which certificates are used, and by whom."""
    return {} if running is None else running.certificate_uses()


def running_now(house: House) -> Running | None:
    """The configuration that runs, or would."""
    return _running(house)[1]
