# SPDX-License-Identifier: Apache-2.0
"""A courier that waits for work beside an open connection."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from gatehouse.journal import facts
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.sender_overrides import SenderOverrides
from gatehouse.service.deliver.connect import Connected, Connector
from gatehouse.service.deliver.courier import Courier
from gatehouse.service.deliver.courier_tools import CourierRules, CourierTools, Patience
from gatehouse.service.deliver.ready import Destination
from tests.patience import PATIENCE

AN_HOUR = 3600.0


def waiting(destination: Destination) -> tuple[Courier, list[facts.Fact]]:
    """A courier with a connection and nothing to do."""
    told: list[facts.Fact] = []
    tools: Any = SimpleNamespace(wall=lambda: 0.0, record=told.append)
    control = DestinationControl(domain=destination.domain)
    rules = CourierRules(control, SenderOverrides(()), Patience(idle=AN_HOUR, transaction=AN_HOUR))
    connector: Any = SimpleNamespace(keep_session=lambda connected: None)
    courier = Courier(destination, cast(Connector, connector), rules, cast(CourierTools, tools))
    engine = SimpleNamespace(idle=False)
    link = SimpleNamespace(alive=True, engine=engine, dcid=1, close=lambda: None)
    courier._connected = cast(Connected, SimpleNamespace(link=link))
    return courier, told


def test_who_waits_for_work_goes_home_at_once_when_we_stop() -> None:
    async def stop() -> list[facts.Fact]:
        destination = Destination("x.example")
        courier, told = waiting(destination)
        task = asyncio.create_task(courier.run())
        while not destination.idle:
            await asyncio.sleep(0)
        destination.dismiss()
        await asyncio.wait_for(task, PATIENCE)
        assert destination.idle == []
        return told

    (closed,) = asyncio.run(stop())
    assert isinstance(closed, facts.DeliveryConnectionClosed)


def test_nobody_begins_to_wait_once_we_stop() -> None:
    async def stop() -> None:
        destination = Destination("x.example")
        courier, _ = waiting(destination)
        destination.dismiss()
        await asyncio.wait_for(courier.run(), PATIENCE)

    asyncio.run(stop())
