# SPDX-License-Identifier: Apache-2.0
"""Time is up for the silent and for the endless, never for one whose message is being stored."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from gatehouse.mail.reply import Reply
from gatehouse.service.base import head_count, tally
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.head_count import HeadCount
from gatehouse.service.base.tally import Tally
from gatehouse.service.receive.office import IntakeRules, Office, Tools


@dataclass(eq=False)
class Client:
    """What the office sees of a connection."""

    deadline: float
    connected_at: float = 0.0
    busy: bool = False
    identified: bool = True
    client_ip: str = "192.0.2.1"
    ended: list[str] = field(default_factory=list)
    desk: Any = field(
        default_factory=lambda: SimpleNamespace(connection_timeout=900.0, counted_as="listener In")
    )

    def time_out(self, *, total: bool) -> None:
        self.ended.append("total" if total else "idle")

    def dismiss(self, reply: Reply) -> None:
        self.ended.append(str(reply.code))


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.drained = 0
        tools = SimpleNamespace(
            clock=Clock(wall=lambda: 1e9 + self.now, monotonic=lambda: self.now),
            record=lambda fact: None,
            resolver=None,
            tasks=None,
            ids=None,
            writer=SimpleNamespace(drain=self.drain),
            bodies=None,
        )
        self.counts = HeadCount(head_count.create(), 0)
        self.tally = Tally(tally.create())
        rules = IntakeRules(max_received=5, queue_lifetime=100.0)
        self.office = Office(cast(Tools, tools), rules, self.counts, self.tally, lambda: None)

    async def drain(self) -> None:
        self.drained += 1
        for client in self.office.sessions:
            cast(Any, client).busy = False

    def client(self, **values: Any) -> Client:
        one = Client(**values)
        self.office.sessions.add(cast(Any, one))
        return one


def test_a_deadline_that_has_passed_ends_the_connection() -> None:
    scene = Scene()
    silent, lively = scene.client(deadline=10.0), scene.client(deadline=20.0)
    scene.now = 10.0
    scene.office.sweep_once()
    assert silent.ended == []
    scene.now = 10.1
    scene.office.sweep_once()
    assert (silent.ended, lively.ended) == (["idle"], [])


def test_a_connection_may_last_only_so_long_however_lively() -> None:
    scene = Scene()
    client = scene.client(deadline=1e6)
    scene.now = 900.0
    scene.office.sweep_once()
    assert client.ended == []
    scene.now = 900.1
    scene.office.sweep_once()
    assert client.ended == ["total"]


def test_who_waits_for_a_commit_is_not_sent_away() -> None:
    scene = Scene()
    client = scene.client(deadline=10.0, busy=True)
    scene.now = 1000.0
    scene.office.sweep_once()
    assert client.ended == []
    client.busy = False
    scene.office.sweep_once()
    assert client.ended == ["total"]


def test_closing_lets_commits_end_first() -> None:
    scene = Scene()
    busy, idle = scene.client(deadline=1e6, busy=True), scene.client(deadline=1e6)

    def dismiss(reply: Reply) -> None:
        busy.ended.append(str(reply.code))
        scene.office.sessions.clear()

    busy.dismiss = dismiss  # type: ignore[method-assign]
    asyncio.run(scene.office.close(5.0))
    assert idle.ended[0] == "421"
    assert busy.ended == ["421"]
    assert scene.drained == 1


def test_forgetting_a_session_frees_its_place() -> None:
    scene = Scene()
    client = scene.client(deadline=1.0)
    scene.office.forget(cast(Any, client))
    assert scene.counts.now("listener In") == 0
    assert scene.counts.now("192.0.2.1") == 0
    assert not scene.office.sessions
