# SPDX-License-Identifier: Apache-2.0
"""A suspended listener takes nobody, who is inside may finish, and it can be opened again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatehouse.service.base.clock import Clock
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.commit import sockets
from gatehouse.service.receive import doors
from gatehouse.service.receive.doors import Doors
from tests.patience import PATIENCE
from tests.ports import free_port

NAMES = ("Edge", "Inside")


class Hello(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(b"220")


@dataclass(eq=False)
class Client:
    desk: Any
    busy: bool = False
    told: list[int] = field(default_factory=list)
    office: Any = None

    def dismiss(self, reply: Any) -> None:
        self.told.append(reply.code)
        self.office.sessions.discard(self)


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.faults: list[BaseException] = []
        self.listening = {name: sockets.listen(("127.0.0.1", free_port())) for name in NAMES}
        self.office = SimpleNamespace(
            sessions=set(),
            clock=Clock(wall=lambda: 0.0, monotonic=lambda: self.now),
            tasks=TaskSupervisor(lambda where, error: self.faults.append(error)),
        )
        self.desks = {name: SimpleNamespace(name=name) for name in NAMES}
        self.doors = Doors(
            {name: sock.dup() for name, sock in self.listening.items()},
            cast(Any, self.office),
            lambda desk: Hello(),
        )

    def client(self, name: str, *, busy: bool = False) -> Client:
        one = Client(self.desks[name], busy, office=self.office)
        self.office.sessions.add(one)
        return one

    async def greeted(self, name: str) -> bool:
        address, port = self.listening[name].getsockname()
        try:
            reader, writer = await asyncio.open_connection(address, port)
        except ConnectionRefusedError:
            return False
        async with asyncio.timeout(PATIENCE):
            said = await reader.readexactly(3)
        writer.close()
        return said == b"220"


@contextlib.asynccontextmanager
async def scene(*shut: str) -> AsyncIterator[Scene]:
    one = Scene()
    for name in shut:
        sockets.rest(one.listening[name])
    await one.doors.begin(cast(Any, one.desks.values()), shut)
    try:
        yield one
    finally:
        await one.doors.close()
        for sock in one.listening.values():
            sock.close()
        assert one.faults == []


def test_a_listener_that_is_suspended_at_the_start_is_not_opened() -> None:
    async def play() -> None:
        async with scene("Inside") as here:
            assert here.doors.open_now == 1
            assert await here.greeted("Edge")
            assert not await here.greeted("Inside")

    asyncio.run(play())


def test_a_door_is_shut_and_opened_again() -> None:
    async def play() -> None:
        async with scene() as here:
            here.doors.put(("Edge",), 30.0)
            sockets.rest(here.listening["Edge"])
            assert here.doors.open_now == 1
            assert not await here.greeted("Edge")
            assert await here.greeted("Inside")
            sockets.wake(here.listening["Edge"])
            here.doors.put((), 0.0)
            assert await here.greeted("Edge")

    asyncio.run(play())


def test_who_is_inside_may_finish_and_hears_421_when_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doors, "LOOK_SECONDS", 0.0)

    async def play() -> None:
        async with scene() as here:
            stays, busy = here.client("Edge"), here.client("Edge", busy=True)
            other = here.client("Inside")
            here.doors.put(("Edge",), 30.0)
            for _ in range(5):
                await asyncio.sleep(0)
            assert stays.told == []
            here.now = 30.0
            for _ in range(5):
                await asyncio.sleep(0)
            assert (stays.told, busy.told, other.told) == ([421], [], [])
            busy.busy = False
            for _ in range(5):
                await asyncio.sleep(0)
            assert (busy.told, other.told) == ([421], [])

    asyncio.run(play())


def test_nobody_is_sent_away_when_it_was_opened_again_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doors, "LOOK_SECONDS", 0.0)

    async def play() -> None:
        async with scene() as here:
            stays = here.client("Edge")
            here.doors.put(("Edge",), 30.0)
            await asyncio.sleep(0)
            here.doors.put((), 0.0)
            here.now = 31.0
            for _ in range(5):
                await asyncio.sleep(0)
            assert stays.told == []

    asyncio.run(play())


def test_a_receiver_that_is_replaced_opens_nothing_any_more() -> None:
    async def play() -> None:
        async with scene("Edge") as here:
            await here.doors.close()
            sockets.wake(here.listening["Edge"])
            here.doors.put((), 0.0)
            for _ in range(5):
                await asyncio.sleep(0)
            assert here.doors.open_now == 0

    asyncio.run(play())


def test_who_came_in_at_the_last_moment_is_among_the_sessions_when_the_doors_are_shut() -> None:
    async def play() -> None:
        sessions: list[asyncio.Protocol] = []
        taken = asyncio.Event()

        class Session(asyncio.Protocol):
            def __init__(self) -> None:
                taken.set()  # the loop has the connection; the session begins a turn later

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                sessions.append(self)
                transport.close()

        async with scene() as here:
            here.doors._session = lambda desk: Session()
            address, port = here.listening["Edge"].getsockname()
            coming = asyncio.ensure_future(asyncio.open_connection(address, port))
            await taken.wait()
            assert sessions == []
            await here.doors.close()
            assert len(sessions) == 1
            _, writer = await coming
            writer.close()

    asyncio.run(play())
