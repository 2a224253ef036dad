# SPDX-License-Identifier: Apache-2.0
"""What a rehearsal found before any connection, as the output of `explain outbound`."""

from typing import assert_never

import msgspec

from gatehouse.config.running import Running
from gatehouse.faces.actions.explain_outbound import (
    ControlView,
    DaneView,
    HostPlanView,
    OverrideView,
    ReasonView,
    RouteView,
    StsView,
)
from gatehouse.faces.actions.moments import moment
from gatehouse.mail.address import Address
from gatehouse.policy import outbound_tell, routes, sender_overrides
from gatehouse.policy.outbound_values import (
    DaneAnswer,
    HostPlan,
    HostRefused,
    HostUnknown,
    LookupFailed,
    NotAsked,
    NoTlsaRecords,
    TlsaRecords,
)
from gatehouse.policy.route_table import USE_DNS, RouteHost
from gatehouse.service.deliver.mta_sts import StsState
from gatehouse.service.deliver.rehearsal import HostWalk, Walk


def route(running: Running, domain: str, walk: Walk) -> RouteView:
    """How the hosts were found."""
    fitting = running.routes.fitting(domain)
    used = running.routes.lookup(domain) is not None
    hops = walk.plan.hops if isinstance(walk.plan, routes.Hosts) else ()
    return RouteView(
        kind=hops[0].kind.value if hops else "none",
        route=_written(*fitting[0]) if used else None,
        lost=tuple(_written(*one) for one in (fitting[1:] if used else fitting)),
        secure=bool(hops) and hops[0].secure,
        why="" if walk.failure is None else walk.failure.detail,
    )


def _written(place: str, hosts: tuple[RouteHost, ...]) -> str:
    """A route as the configuration has it."""
    named = [
        one.host
        if one.host == USE_DNS
        else f"smarthost:{one.smart.name}"
        if one.smart is not None
        else one.host + (f":{one.port}" if one.port else "")
        for one in hosts
    ]
    return f"{place} = {', '.join(named)}"


def controls(running: Running, domain: str) -> tuple[ControlView, ...]:
    """The destination controls that fit; the first wins."""
    return tuple(
        ControlView(
            domain=one.domain,
            wins=place == 0,
            tls=one.tls.value,
            dane=one.demands.dane.value,
            mta_sts=one.demands.mta_sts,
        )
        for place, one in enumerate(running.destinations.fitting(domain))
    )


def overrides(running: Running, sender: Address | None, domain: str) -> tuple[OverrideView, ...]:
    """Every entry about senders, up to the one that decides and behind it."""
    views: list[OverrideView] = []
    decided = False
    for place, tried in enumerate(sender_overrides.walk(running.sender_overrides, sender, domain)):
        if decided:
            outcome, why = "behind", "an entry above decides"
        elif tried.sender_fits and tried.destination_fits:
            outcome, why, decided = "won", "sender and destination fit", True
        else:
            other = "sender" if not tried.sender_fits else "destination"
            outcome, why = "passed", f"it is about another {other}"
        views.append(
            OverrideView(
                place=place + 1,
                sender=tried.entry.sender,
                destination=tried.entry.destination,
                tls=tried.entry.tls.value,
                outcome=outcome,
                why=why,
            )
        )
    return tuple(views)


def sts(state: StsState, now: float) -> StsView:
    """What is known of the domain's policy."""
    policy, fetched = state.policy, state.fetched_at
    notes = [state.note] if state.note else []
    if state.fault is not None:
        notes.append(f"{state.fault.word.value}: {state.fault.reason}")
    return StsView(
        source=state.source.value,
        mode=None if policy is None else policy.mode.value,
        record_id=state.record_id,
        mx=() if policy is None else policy.mx,
        fetched_at=moment(fetched),
        age_seconds=None if fetched is None else max(0, int(now - fetched)),
        expires_at=moment(state.expires_at),
        note="; ".join(notes),
    )


def host(place: int, one: HostWalk) -> HostPlanView:
    """One host with its plan."""
    planned, hop = one.planned, one.hop
    view = HostPlanView(
        place=place,
        host=hop.host,
        port=hop.port,
        preference=hop.preference,
        smart_host=None if hop.smart is None else hop.smart.name,
        outcome="planned",
        level=None,
        rule=planned.rule.value,
        sni=None,
        proofs=(),
        acts=False,
        reasons=(),
        dane=_dane(one.found.dane),
        addresses=one.addresses,
        note="" if one.no_address is None else one.no_address.detail,
    )
    match planned:
        case HostPlan():
            return msgspec.structs.replace(
                view,
                level=planned.level.value,
                sni=planned.sni,
                proofs=outbound_tell.proofs(planned),
                acts=planned.acts,
                reasons=tuple(
                    ReasonView(rule=each.rule.value, wins=each.wins, text=each.text)
                    for each in planned.reasons
                ),
            )
        case HostRefused() | HostUnknown():
            return msgspec.structs.replace(
                view,
                outcome="refused" if isinstance(planned, HostRefused) else "unknown",
                reasons=(ReasonView(rule=planned.rule.value, wins=True, text=planned.text),),
                note=planned.text,
            )
        case other:
            assert_never(other)


def _dane(answer: DaneAnswer) -> DaneView:
    match answer:
        case NotAsked():
            return DaneView(state="not-asked", base="", records=(), note="")
        case TlsaRecords(base, records):
            texts = tuple(each.text for each in records)
            return DaneView(state="records", base=base, records=texts, note="")
        case NoTlsaRecords(why):
            return DaneView(state="none", base="", records=(), note=why)
        case LookupFailed(reason, _):
            return DaneView(state="failed", base="", records=(), note=reason)
        case other:
            assert_never(other)
