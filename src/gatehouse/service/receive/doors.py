# SPDX-License-Identifier: Apache-2.0
"""The doors of a receiver: one for each listener, open or shut.

A listener that an operator has suspended takes no new clients, and the supervisor, who shares the
socket, sees to it that the kernel refuses them. Its socket stays here, so that it can be opened
again without a new process. Clients who are inside may finish for a while.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping

from gatehouse.service.receive.desk import Desk
from gatehouse.service.receive.office import Office
from gatehouse.service.receive.replies import STOPPING

# Postfix and the appliance keep 50 to 128 connections waiting in the kernel.
BACKLOG = 511
LOOK_SECONDS = 0.05
# A client that is told to go and does not read it is left to the sweep of time-outs.
PATIENCE = 5.0

NewSession = Callable[[Desk], asyncio.Protocol]


class Doors:
    """All doors of one process."""

    def __init__(
        self, sockets: Mapping[str, socket.socket], office: Office, session: NewSession
    ) -> None:
        self._sockets, self._office, self._session = dict(sockets), office, session
        self._desks: dict[str, Desk] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._shut: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()
        self._closed = False

    @property
    def open_now(self) -> int:
        """How many doors take clients."""
        return len(self._servers)

    async def begin(self, desks: Iterable[Desk], shut: Iterable[str]) -> None:
        """Open all doors but those."""
        self._desks = {one.name: one for one in desks}
        self._shut = frozenset(shut)
        await self._open()

    def put(self, shut: Iterable[str], within: float) -> None:
        """From now on those are shut and the others open; who is inside may finish in that time."""
        if self._closed:
            return
        before, self._shut = self._shut, frozenset(shut)
        for name in self._shut & self._servers.keys():
            self._servers.pop(name).close()
        self._office.tasks.start(self._open(), "doors")
        if fresh := self._shut - before:
            self._office.tasks.start(self._see_off(fresh, within), "suspended listeners")

    async def close(self) -> None:
        """For good: this process takes nobody any more.

        Returns when whoever came in at the last moment is among the sessions: the loop takes a
        connection from the kernel in one turn and begins its session in the next, and a process
        that ends in between would drop a client who is about to be greeted.
        """
        self._closed = True
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for sock in self._sockets.values():
            sock.close()
        await asyncio.sleep(LOOK_SECONDS)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._turn:
            for name, desk in self._desks.items():
                if name in self._servers or not self._wanted(name):
                    continue
                server = await loop.create_server(
                    lambda desk=desk: self._session(desk),  # type: ignore[misc]
                    sock=self._sockets[name].dup(),
                    backlog=BACKLOG,
                )
                if self._wanted(name):
                    self._servers[name] = server
                else:
                    server.close()  # it was shut meanwhile

    def _wanted(self, name: str) -> bool:
        return not self._closed and name not in self._shut

    async def _see_off(self, names: frozenset[str], within: float) -> None:
        """When the time is up, 421 to who is still inside, but never within a commit."""
        clock = self._office.clock
        ends = clock.monotonic() + within
        while clock.monotonic() < ends + PATIENCE and (shut := names & self._shut):
            inside = [one for one in self._office.sessions if one.desk.name in shut]
            if not inside:
                return
            if clock.monotonic() >= ends:
                for one in inside:
                    if not one.busy:
                        one.dismiss(STOPPING)
            await asyncio.sleep(LOOK_SECONDS)
