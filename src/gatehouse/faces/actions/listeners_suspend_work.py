# SPDX-License-Identifier: Apache-2.0
"""The work: listeners, closed for a while."""

import asyncio
import difflib
from collections.abc import Sequence

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import Gateway, House
from gatehouse.faces.actions.listeners_suspend import (
    ResumeInput,
    SuspendedListener,
    SuspendedListeners,
    SuspendInput,
)
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.journal import facts
from gatehouse.journal.escape import clean
from gatehouse.service.commit.conductor import ApplyFailed
from gatehouse.store.values import ListenerSuspension


async def suspend(house: House, given: SuspendInput) -> SuspendedListeners:
    """Their ports are closed."""
    known = _known(house)
    names = known if _all(given.names, given.all) else _of(given.names, known)
    async with house.committing:
        now, store = house.clock.wall(), house.store.suspensions
        changed = [
            name
            for name in names
            if await asyncio.to_thread(store.suspend_listener, name, now, house.operator)
        ]
        if changed and house.gateway is not None:
            await house.gateway.listeners_changed(float(given.within))
    for name in changed:
        _record(
            house,
            facts.ListenerSuspended(
                at=now, listener=name, operator=house.operator, within=given.within
            ),
        )
    return await _listed(house, len(changed))


async def resume(house: House, given: ResumeInput) -> SuspendedListeners:
    """Their ports are open again; a listener whose port is taken stays suspended."""
    kept = {one.listener: one for one in await asyncio.to_thread(house.store.suspensions.listeners)}
    names = tuple(kept) if _all(given.names, given.all) else _of(given.names, (*kept,))
    async with house.committing:
        now, store = house.clock.wall(), house.store.suspensions
        changed = [name for name in names if await asyncio.to_thread(store.resume_listener, name)]
        if changed and house.gateway is not None:
            await _open(house, house.gateway, [kept[name] for name in changed])
    for name in changed:
        _record(house, facts.ListenerResumed(at=now, listener=name, operator=house.operator))
    return await _listed(house, len(changed))


async def _open(house: House, gateway: Gateway, resumed: Sequence[ListenerSuspension]) -> None:
    try:
        await gateway.listeners_changed(0.0)
    except ApplyFailed as failed:
        for one in resumed:
            house.store.suspensions.suspend_listener(one.listener, one.suspended_at, one.operator)
        await gateway.listeners_changed(0.0)
        raise OperatorError(
            "cannot-listen",
            "Nothing was resumed.",
            clean(str(failed)),
            "See who has the port: `ss -ltnp`.",
        ) from failed


def _all(names: Sequence[str], all_of_them: bool) -> bool:
    if bool(names) == all_of_them:
        raise OperatorError(
            "which-listeners",
            "Say which listeners in exactly one way.",
            hint="Name them, or use --all.",
        )
    return all_of_them


def _of(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise OperatorError(
                "no-such-listener",
                "There is no such listener, or it is not suspended.",
                clean(name[:80]),
                f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known) or 'none'}.",
            )
    return tuple(dict.fromkeys(names))


def _known(house: House) -> tuple[str, ...]:
    running = running_now(house)
    return () if running is None else tuple(one.name for one in running.listeners)


def _record(house: House, fact: facts.Fact) -> None:
    if house.record is not None:
        house.record(fact)


async def _listed(house: House, changed: int) -> SuspendedListeners:
    kept, known = await asyncio.to_thread(house.store.suspensions.listeners), _known(house)
    return SuspendedListeners(
        changed=changed,
        running=house.gateway is not None,
        listeners=tuple(
            SuspendedListener(
                name=one.listener,
                since=moment(one.suspended_at),
                operator=one.operator,
                configured=one.listener in known,
            )
            for one in kept
        ),
    )
