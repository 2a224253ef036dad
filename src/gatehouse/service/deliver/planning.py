# SPDX-License-Identifier: Apache-2.0
"""Finds out what the plan of a host depends on: TLSA records, and the domain's MTA-STS policy.

The rules are `policy/outbound_plan.py`'s. Here DNS and the policies are asked, only for what some
rule depends on, and a question without an answer stays one (RFC 7672 §2.2, RFC 8461 §5).
"""

from dataclasses import replace
from typing import assert_never

from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_plan import asks_dane, asks_sts, plan_host
from gatehouse.policy.outbound_values import (
    DaneAnswer,
    Demand,
    HostRefused,
    LookedUp,
    LookupFailed,
    NoSts,
    NotAsked,
    NoTlsaRecords,
    Planned,
    Rule,
    StsAnswer,
    StsHolds,
    TlsaRecords,
)
from gatehouse.policy.routes import NextHop
from gatehouse.service.base import secure_dns
from gatehouse.service.base.resolver import Resolver
from gatehouse.service.deliver.mta_sts import StsPolicies, StsSource, StsState

_NOT_ASKED = NotAsked()
_NOTHING = LookedUp(dane=_NOT_ASKED, sts=_NOT_ASKED)


class Planner:
    """Makes the plan of a host under one configuration."""

    def __init__(self, resolver: Resolver, policies: StsPolicies | None) -> None:
        self._resolver = resolver
        self._policies = policies

    async def plan(self, hop: NextHop, control: DestinationControl, demanded: Demand) -> Planned:
        """What a connection to this host must do, or why there must be none."""
        found = await self.look_up(hop, control, demanded)
        planned = plan_host(hop, control, demanded, found)
        if self._policies is not None and _refused_by_policy(planned):
            # The hosts may be newer than the policy that we know (RFC 8461 §5.1): look again.
            newer = _sts_answer(await self._policies.renewed(hop.domain))
            planned = plan_host(hop, control, demanded, replace(found, sts=newer))
        return planned

    async def look_up(
        self, hop: NextHop, control: DestinationControl, demanded: Demand
    ) -> LookedUp:
        """What DNS and policy hosts say, as far as the plan depends on it."""
        dane, sts = asks_dane(hop, control, demanded), asks_sts(hop, control, demanded)
        if not (dane or sts):
            return _NOTHING
        return LookedUp(
            dane=await self._dane(hop) if dane else _NOT_ASKED,
            sts=await self._sts(hop.domain) if sts else _NOT_ASKED,
        )

    async def _dane(self, hop: NextHop) -> DaneAnswer:
        answer = await secure_dns.tlsa(self._resolver, hop.host, hop.port)
        match answer:
            case secure_dns.SecureTlsa(base, records):
                return TlsaRecords(base, records)
            case secure_dns.NoTlsa(why):
                return NoTlsaRecords(why.value)
            case secure_dns.TlsaFailure(reason):
                return LookupFailed(reason, answer.report_word.value)
            case other:
                assert_never(other)

    async def _sts(self, domain: str) -> StsAnswer:
        if self._policies is None:
            return _NOT_ASKED
        return _sts_answer(await self._policies.policy(domain))


def _refused_by_policy(planned: Planned) -> bool:
    return isinstance(planned, HostRefused) and planned.rule is Rule.MTA_STS


def _sts_answer(state: StsState) -> StsAnswer:
    if state.source is StsSource.UNKNOWN:
        return LookupFailed(state.note, "")
    policy = state.in_force
    if policy is not None:
        return StsHolds(policy)
    fault = state.fault
    if fault is not None:
        # RFC 8461 §3.3: nothing was known before, so the domain is treated as one without.
        return NoSts(f"its policy cannot be had: {fault.reason}", fault.word.value)
    return NoSts(state.note or "the domain publishes no policy")
