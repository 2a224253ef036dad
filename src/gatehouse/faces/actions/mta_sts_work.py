# SPDX-License-Identifier: Apache-2.0
"""The work: the MTA-STS policies of others that are kept."""

import asyncio

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.mta_sts import ForgetInput, Forgotten, PolicyLine, PolicyList
from gatehouse.mail.address import parse_domain
from gatehouse.store.tls_values import CachedSts
from gatehouse.tls.mta_sts import StsFault, parse_policy


async def list_policies(house: House, given: Nothing) -> PolicyList:
    """What is kept."""
    kept = await asyncio.to_thread(house.store.sts.all)
    now = house.clock.wall()
    return PolicyList(policies=tuple(_line(one, now) for one in kept))


async def forget(house: House, given: ForgetInput) -> Forgotten:
    """Drop one."""
    domain = parse_domain(given.domain)
    if domain is None:
        raise OperatorError("no-domain", "This is no domain.", given.domain[:80])
    gone = await asyncio.to_thread(house.store.sts.remove, domain)
    return Forgotten(domain=domain, there_was_one=gone)


def _line(one: CachedSts, now: float) -> PolicyLine:
    policy = parse_policy(one.content)
    readable = not isinstance(policy, StsFault)
    return PolicyLine(
        domain=one.domain,
        mode="not readable" if isinstance(policy, StsFault) else policy.mode.value,
        mx=() if isinstance(policy, StsFault) else policy.mx,
        record_id=one.record_id,
        fetched_at=moment(one.fetched_at),
        expires_at=moment(one.expires_at),
        expired=not readable or one.expires_at <= now,
    )
