# SPDX-License-Identifier: Apache-2.0
"""Suspending destinations, and looking at them."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace

import pytest

from gatehouse.config.running import Running
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.delivery import HostInput, SuspendInput, TopInput
from gatehouse.faces.actions.delivery_work import (
    host_status,
    list_suspensions,
    resume,
    suspend,
    top_hosts,
)
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.base.channel import Value


class FakeGateway:
    """The running gateway, as far as these actions need it."""

    running: Running | None = None
    revision = 1

    def __init__(self, told: Value) -> None:
        self.told = told
        self.asked: list[str] = []
        self.changes = 0

    def standing_by(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def apply(
        self, revision: int, operator: str, comment: str, running: Running | None = None
    ) -> None:
        raise AssertionError("no commit here")

    async def ask(self, what: str) -> Sequence[tuple[str, int, Value]]:
        self.asked.append(what)
        return [("receiver", 7, {}), ("deliverer", 8, self.told)]

    def totals(self) -> dict[str, int | str]:
        return {}

    async def listeners_changed(self, within: float) -> None:
        raise AssertionError("no listener here")

    def queue_changed(self) -> None:
        self.changes += 1


TOLD: Value = {
    "state": "down",
    "connections": 0,
    "delivered": 5,
    "failed tries": 3,
    "bounced": 1,
    "last status": "[Errno 111] Connection refused",
    "last tried at": 1700000000.0,
}


def test_suspensions_are_kept_told_to_the_deliverer_and_ended(house: House) -> None:
    gateway = FakeGateway({})
    house = replace(house, gateway=gateway)
    told = asyncio.run(suspend(house, SuspendInput(domains=("Shop.Example.", "bank.example"))))
    assert told.changed == 2
    assert [one.domain for one in told.suspensions] == ["bank.example", "shop.example"]
    assert {one.operator for one in told.suspensions} == {house.operator}
    again = asyncio.run(suspend(house, SuspendInput(domains=("shop.example",))))
    assert again.changed == 0
    asyncio.run(suspend(house, SuspendInput(all=True)))
    assert asyncio.run(list_suspensions(house, Nothing())).suspensions[0].domain is None
    assert gateway.changes == 2, "the deliverer hears of changes only"
    left = asyncio.run(resume(house, SuspendInput(domains=("shop.example",))))
    assert [one.domain for one in left.suspensions] == [None, "bank.example"]
    assert asyncio.run(resume(house, SuspendInput(all=True))).suspensions == ()
    assert gateway.changes == 4


@pytest.mark.parametrize(
    "given",
    [
        SuspendInput(),
        SuspendInput(domains=("a.example",), all=True),
        SuspendInput(domains=("not a domain",)),
    ],
)
def test_what_is_meant_must_be_clear(house: House, given: SuspendInput) -> None:
    with pytest.raises(OperatorError):
        asyncio.run(suspend(house, given))


def test_resuming_what_is_not_suspended_is_told(house: House) -> None:
    with pytest.raises(OperatorError, match="is suspended by a command"):
        asyncio.run(resume(house, SuspendInput(domains=("a.example",))))


def test_a_destination_is_shown_with_what_the_deliverer_knows(house: House) -> None:
    gateway = FakeGateway(TOLD)
    house = replace(house, gateway=gateway)
    seen = asyncio.run(host_status(house, HostInput(domain="Shop.example")))
    assert gateway.asked == ["host shop.example"]
    assert (seen.state, seen.delivered, seen.failed_tries, seen.bounced) == ("down", 5, 3, 1)
    assert seen.last_status == "[Errno 111] Connection refused"
    asyncio.run(suspend(house, SuspendInput(domains=("shop.example",))))
    seen = asyncio.run(host_status(house, HostInput(domain="shop.example")))
    assert seen.state == "suspended"


def test_without_a_gateway_only_the_queue_is_known(house: House) -> None:
    seen = asyncio.run(host_status(house, HostInput(domain="shop.example")))
    assert (seen.state, seen.connections, seen.waiting) == ("unknown", None, 0)
    assert asyncio.run(top_hosts(house, TopInput())).hosts == ()
