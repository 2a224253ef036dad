# SPDX-License-Identifier: Apache-2.0
"""A sender's domain exists if mail to it could go anywhere; no answer is no verdict."""

import asyncio
from typing import Any, cast

import pytest

from gatehouse.policy.inbound_values import SenderDomain
from gatehouse.service.base.resolver import Answer, Found, NoData, NoName, Resolver, Temporary
from gatehouse.service.receive.sender_domain import sender_domain

MX = Found(((10, "mx.bank.example"),))
NULL = Found(((0, ""),))
ADDRESS = Found(((4, "192.0.2.1"),))
DOWN = Temporary("Timeout")


class Dns:
    """Answers with what the test says."""

    def __init__(self, mx: Answer, addresses: Answer | None) -> None:
        self._mx, self._addresses = mx, addresses

    async def mx(self, domain: str) -> Answer:
        return self._mx

    async def addresses(self, host: str) -> Answer:
        assert self._addresses is not None, "nobody should ask for addresses here"
        return self._addresses


@pytest.mark.parametrize(
    ("mx", "addresses", "expected"),
    [
        (MX, None, SenderDomain.EXISTS),
        (NULL, None, SenderDomain.NULL_MX),
        (Found((*NULL.records, *MX.records)), None, SenderDomain.EXISTS),
        (NoName(), None, SenderDomain.MISSING),
        (DOWN, None, SenderDomain.UNKNOWN),
        (NoData(), ADDRESS, SenderDomain.EXISTS),
        (NoData(), NoData(), SenderDomain.MISSING),
        (NoData(), NoName(), SenderDomain.MISSING),
        (NoData(), DOWN, SenderDomain.UNKNOWN),
    ],
)
def test_the_domain_is_judged_by_mx_then_by_address(
    mx: Answer, addresses: Answer | None, expected: SenderDomain
) -> None:
    dns = cast(Resolver, cast(Any, Dns(mx, addresses)))
    assert asyncio.run(sender_domain(dns, "bank.example")) is expected
