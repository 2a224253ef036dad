# SPDX-License-Identifier: Apache-2.0
"""Who is connected: what the receivers say, added up."""

import asyncio
from dataclasses import replace

from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.incoming import IncomingInput
from gatehouse.faces.actions.incoming_work import top_in
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen
from gatehouse.service.base.channel import CLIENTS, Value
from tests.unit.faces.conftest import PretendGateway


class Busy(PretendGateway):
    async def ask(self, what: str) -> list[tuple[str, int, Value]]:
        assert what == CLIENTS
        return [
            ("receiver", 7, {"mx.a.example": 3, "192.0.2.7": 1, "": 40}),
            ("receiver", 8, {"192.0.2.7": 4, "mx.b.example": 1}),
            ("deliverer", 9, {"in hand": 99}),
        ]


def test_the_receivers_are_added_up_and_the_most_come_first(house: House) -> None:
    found = asyncio.run(top_in(replace(house, gateway=Busy()), IncomingInput(limit=2)))
    assert [(one.client, one.connections) for one in found.clients] == [
        ("192.0.2.7", 5),
        ("mx.a.example", 3),
    ]
    assert found.connections == 49
    shown = render(found, Screen())
    assert "192.0.2.7" in shown
    assert "41 more connections of others." in shown


def test_nobody_is_nobody(house: House) -> None:
    class Idle(PretendGateway):
        async def ask(self, what: str) -> list[tuple[str, int, Value]]:
            return [("receiver", 7, {})]

    found = asyncio.run(top_in(replace(house, gateway=Idle()), IncomingInput()))
    assert render(found, Screen()) == "Nobody is connected."
