# SPDX-License-Identifier: Apache-2.0
"""What every process of the gateway has around its work: store, journal, resolver, writer, line.

A worker is started by the supervisor with one end of a channel. It says `Ready`, sends its journal
in blocks, and leaves when it is told to or when the other end of the line is gone. Its role is a
value with three verbs: start, message, stop.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import uvloop

from gatehouse.journal import facts
from gatehouse.journal.counters import Counters
from gatehouse.service.base import channel as line
from gatehouse.service.base.clock import SYSTEM_CLOCK, Clock
from gatehouse.service.base.group_writer import Commit, GroupWriter
from gatehouse.service.base.loaded import settle
from gatehouse.service.base.recorder import Recorder
from gatehouse.service.base.supervisor import TaskSupervisor, describe
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import SqliteStore

# The journal leaves this often at the latest; a commit group of a receiver sends it at once.
FLUSH_SECONDS = 0.1
# Blocks that the supervisor has not read yet; above it the recorder keeps them (and counts what it
# has to drop), because it can bound them and a socket buffer cannot.
MAX_LINE_BACKLOG = 8 * 1024 * 1024
STATS_SECONDS = 1.0
# The group writer's thread comes back from the disk and wants the interpreter: the default of 5 ms
# would be added to every commit while the loop is busy.
SWITCH_INTERVAL = 0.0005


class Role(Protocol):
    """What a process does."""

    async def start(self) -> None:
        """Begin; returns when it serves."""

    def message(self, message: line.Message) -> None:
        """The supervisor says something that is this role's business."""

    def gauges(self) -> dict[str, int]:
        """How much is going on now."""

    def tell(self, what: str) -> line.Value:
        """Answer a question about this process."""

    async def stop(self, within: float) -> None:
        """Finish what is in flight, in at most so many seconds."""


class Worker:
    """The common part; `role_of` makes the role once everything else stands."""

    def __init__(self, data: Path, role: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self.role_name = role
        self.clock = clock
        self.directory = DataDirectory(data)
        self.store = SqliteStore(self.directory)
        self.recorder = Recorder(self._send_block, clock=clock)
        self.counters = Counters()
        self.recorder.subscribe(self.counters.count)
        self.tasks = TaskSupervisor(self.report, self._give_up)
        self._status = 0
        self.channel: line.Channel | None = None
        self._stopped: asyncio.Future[float] | None = None

    def _send_block(self, block: line.LogBlock) -> bool:
        channel = self.channel
        return channel is not None and channel.backlog < MAX_LINE_BACKLOG and channel.send(block)

    def report(self, where: str, error: BaseException) -> None:
        """A fault of ours becomes a fact."""
        self.recorder.record(
            facts.InternalFault(at=self.clock.wall(), where=where, what=describe(error))
        )

    def send(self, message: line.Message) -> None:
        """Say something to the supervisor, after the journal that led to it."""
        self.recorder.flush()
        if self.channel is not None:
            self.channel.send(message)

    def writer(self, commit: Commit) -> GroupWriter:
        """The group writer of this process."""
        return GroupWriter(commit, self.report, self.clock.monotonic)

    async def run(self, sock: socket.socket, role_of: "Callable[[Worker], Role]") -> int:
        """Serve until told to stop; the exit status."""
        loop = asyncio.get_running_loop()
        self._stopped = loop.create_future()
        sys.setswitchinterval(SWITCH_INTERVAL)
        loop.add_signal_handler(signal.SIGTERM, self._stop, 10.0)
        role = role_of(self)
        self.channel = await line.Channel.open(
            sock, lambda message: self._message(role, message), lambda: self._stop(1.0)
        )
        await role.start()
        self.tasks.start(self._upkeep(role), "upkeep", vital=True)
        self.send(line.Ready(os.getpid()))
        settle()
        within = await self._stopped
        await role.stop(within)
        self._stats(role)
        self.recorder.flush()
        await self.tasks.stop(1.0)
        self.recorder.flush()
        self.store.close()
        self.channel.close()
        await asyncio.sleep(0)
        return self._status

    def leave(self) -> None:
        """The role has nothing to do any more; it is not started again if it was told to retire."""
        self._stop(1.0)

    def _message(self, role: Role, message: line.Message) -> None:
        match message:
            case line.Stop(within):
                self._stop(within)
            case line.Ask(number, what):
                self.send(line.Told(number, role.tell(what)))
            case _:
                role.message(message)

    def _give_up(self) -> None:
        """A vital task has failed: leave, and be started again."""
        self._status = 1
        self._stop(1.0)

    def _stop(self, within: float) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(within)

    async def _upkeep(self, role: Role) -> None:
        since = self.clock.monotonic()
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.recorder.flush()
            if self.clock.monotonic() - since >= STATS_SECONDS:
                since = self.clock.monotonic()
                self._stats(role)

    def _stats(self, role: Role) -> None:
        if self.channel is not None:
            gauges = {**self.counters.gauges(), **role.gauges()}
            self.channel.send(line.Stats(self.counters.take_growth(), gauges))


def run_worker(
    data: Path, role: str, sock: socket.socket, role_of: Callable[[Worker], Role]
) -> int:
    """The main function of a worker process; `sock`: its end of the line."""
    return uvloop.run(Worker(data, role).run(sock, role_of))
