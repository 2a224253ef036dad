# SPDX-License-Identifier: Apache-2.0
"""The work: revocation lists."""

import asyncio

from gatehouse.config.running import CrlSettings, CrlSource
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.crl import CrlLine, CrlList, CrlUpdateInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.service.trust import crl_store, issuers
from gatehouse.service.trust.crl_fetch import fetch_source
from gatehouse.service.trust.crl_store import SourceState


async def list_crls(house: House, given: Nothing) -> CrlList:
    """What is held, by source."""
    return await _listed(house, _settings(house))


async def update_crls(house: House, given: CrlUpdateInput) -> CrlList:
    """Fetch now; what went wrong stands in the list."""
    settings = _settings(house)
    wanted = _wanted(settings, given.urls)
    known = await asyncio.to_thread(issuers.known, house.store)
    for source in wanted:
        await asyncio.to_thread(
            crl_store.update, house.store, source, settings, house.clock.wall(), fetch_source, known
        )
    return await _listed(house, settings)


def _settings(house: House) -> CrlSettings:
    running = running_now(house)
    if running is None:
        raise OperatorError("no-configuration", "There is no configuration that could run.")
    return running.crl


def _wanted(settings: CrlSettings, urls: tuple[str, ...]) -> tuple[CrlSource, ...]:
    if not settings.sources:
        raise OperatorError(
            "no-crl-source", "No source is configured.", hint="Add one as [[crl.sources]]."
        )
    known = {source.url: source for source in settings.sources}
    for url in urls:
        if url not in known:
            raise OperatorError(
                "no-crl-source",
                "This source is not configured.",
                url[:200],
                "`gatehouse crl list` shows those that are.",
            )
    return tuple(known[url] for url in urls) or settings.sources


async def _listed(house: House, settings: CrlSettings) -> CrlList:
    now = house.clock.wall()
    states = await asyncio.to_thread(crl_store.states, house.store, settings)
    return CrlList(
        at=moment(now),
        check_clients=settings.check_clients,
        check_servers=settings.check_servers,
        on_unavailable="open" if settings.fail_open else "closed",
        sources=tuple(
            _line(source, state, now)
            for source, state in zip(settings.sources, states, strict=True)
        ),
    )


def _line(source: CrlSource, state: SourceState | None, now: float) -> CrlLine:
    if state is None:
        state = SourceState(url=source.url, tried_at=0.0)
    return CrlLine(
        url=source.url,
        issuer=state.issuer,
        this_update=moment(state.this_update or None),
        next_update=moment(state.next_update),
        entries=state.entries,
        fetched_at=moment(state.fetched_at),
        state=state.word(now) if state.tried_at else "not fetched yet",
        error=state.error,
    )
