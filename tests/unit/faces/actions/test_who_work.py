# SPDX-License-Identifier: Apache-2.0
"""Who is logged in: what processes tell, the oldest first, with the role that counts now."""

import asyncio
from dataclasses import replace

import pytest

from gatehouse.faces.actions import perform, who
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.house import House
from gatehouse.service.base.channel import Value
from gatehouse.service.base.open_sessions import QUESTION, OpenSession, told
from gatehouse.store.people_values import Account
from tests.unit.faces.conftest import PretendGateway


def session(name: str, since: float) -> OpenSession:
    return OpenSession(name=name, way="ssh", address="192.0.2.1", since=since, idle=2.7)


def test_sessions_of_all_processes_are_listed(
    house: House, gateway: PretendGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.people.add(
        Account(name="bob", role="guest", created_at=1.0, changed_at=1.0, credentials_at=1.0)
    )

    async def ask(what: str) -> list[tuple[str, int, Value]]:
        assert what == QUESTION
        return [
            ("receiver", 1, {"connections": 2}),
            ("ssh", 2, told([session("bob", 20.0)])),
            ("ssh", 3, told([session("gone", 10.0)])),
        ]

    monkeypatch.setattr(gateway, "ask", ask)
    done = asyncio.run(perform.do(who.WHO, replace(house, gateway=gateway), Nothing()))
    assert isinstance(done, who.WhoList)
    assert [(one.name, one.role, one.idle) for one in done.sessions] == [
        ("gone", "", 2),
        ("bob", "guest", 2),
    ]
