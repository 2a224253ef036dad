# SPDX-License-Identifier: Apache-2.0
"""Child processes: started with a line to us, watched, and started again when they die.

Each child is this very program in another role. It inherits one end of a socket pair, and is given
what it runs by over it (`handover.py`): at once, or after it has stood by with its modules loaded.
A child that ends without having been told to is a fact and a new child; one that keeps dying is
started more and more slowly, so that a broken machine is not busy with nothing.
"""

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gatehouse.service.base import channel as line
from gatehouse.service.base import handover, head_count, tally

# The wait before a child that died is started again: doubled for each death in a row.
FIRST_WAIT = 0.1
LONGEST_WAIT = 30.0
# A child that lived this long did not die of its start.
HEALTHY_SECONDS = 60.0
# What a process said last is heard before it counts as gone; it is in the line's buffer already.
LAST_WORDS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What a process runs by: a revision, ready to be handed over, and the sockets it needs."""

    revision: int
    packed: bytes
    sockets: Mapping[str, socket.socket]


@dataclass(slots=True, eq=False)
class Child:
    """One process."""

    role: str
    rules: Rules
    process: asyncio.subprocess.Process
    seat: int
    channel: line.Channel | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    started_at: float = 0.0
    gauges: dict[str, int] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """The revision it runs by."""
        return self.rules.revision

    def send(self, message: line.Message) -> bool:
        """Say something to it."""
        return self.channel is not None and self.channel.send(message)

    def stop(self, within: float) -> None:
        """Ask it to finish; it is not started again."""
        self.stopping = True
        self.send(line.Stop(within))

    def retire(self) -> None:
        """Let it end with its last client, however long that takes; it is not started again."""
        self.stopping = True
        self.send(line.Retire())

    def kill(self) -> None:
        """End it now."""
        _kill(self.process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a new process is told on its command line; numbers are descriptors it inherits."""

    role: str
    line: int
    counts: int
    tally: int


@dataclass(frozen=True, slots=True)
class _Started:
    """A process with its line, that may have been given nothing yet."""

    process: asyncio.subprocess.Process
    line: socket.socket


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the owner of the children wants to hear."""

    message: Callable[[Child, line.Message], None]
    started: Callable[[Child], None]
    died: Callable[[Child, int], None]
    ended: Callable[[Child], None] = lambda child: None  # each that is gone, whatever the reason


class Children:
    """All child processes of the supervisor."""

    def __init__(
        self,
        command: Callable[[Launch], list[str]],
        calls: Callbacks,
        inherited: tuple[int, ...] = (),
    ) -> None:
        self._command = command
        self._inherited = inherited  # descriptors that every process keeps open, as a claim
        self._calls = calls
        self._counts = head_count.create()
        self._head_count = head_count.HeadCount(self._counts, 0)
        self._tally = tally.create()
        self.all: set[Child] = set()
        # Died, and are about to be started again; what is decided about them meanwhile holds for
        # whoever takes their place.
        self._to_come: set[Child] = set()
        self._seats: set[int] = set()
        self._standing_by: dict[str, list[_Started]] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._waits: dict[str, float] = {}

    async def stand_by(self, role: str, number: int) -> None:
        """Start so many processes in a role that load its modules and wait for their rules.

        `start` takes them first; `stand_down` lets those go that nobody needed. Never fails: who
        cannot be started now may be when it is needed, and it is told then.
        """
        for _ in range(number):
            try:
                self._standing_by.setdefault(role, []).append(await self._launch(role))
            except OSError:
                return

    def stand_down(self) -> list[asyncio.subprocess.Process]:
        """Those who stand by are not needed: they are killed, having nothing to finish."""
        leaving = [one for waiting in self._standing_by.values() for one in waiting]
        self._standing_by.clear()
        for one in leaving:
            one.line.close()
            _kill(one.process)
        return [one.process for one in leaving]

    async def start(self, role: str, rules: Rules, instead_of: Child | None = None) -> Child:
        """Start a process in a role; returns when it runs, `Child.ready` tells when it serves.

        `instead_of`: one that died. If that was given up, or has to run by other rules, while this
        one was being started, this one ends: nobody else knows of it yet. Raises OSError.
        """
        begun, seat = await self._given(role, rules)
        child = Child(role, rules, begun.process, seat)
        child.started_at = asyncio.get_running_loop().time()
        child.channel = await line.Channel.open(begun.line, lambda m: self._message(child, m))
        self.all.add(child)
        watcher = asyncio.get_running_loop().create_task(self._watch(child))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        self._calls.started(child)
        if instead_of is not None:
            child.stopping, child.rules = instead_of.stopping, instead_of.rules
            if child.stopping or child.rules is not rules:
                child.kill()
        return child

    async def _given(self, role: str, rules: Rules) -> tuple[_Started, int]:
        """A process that has been given its rules, with its seat; one that stands by is first."""
        seat = self._free_seat()
        self._seats.add(seat)
        try:
            while waiting := self._standing_by.get(role):
                one = waiting.pop(0)
                try:
                    handover.give(one.line, rules.packed, rules.sockets, seat)
                except OSError:
                    one.line.close()
                    _kill(one.process)  # most likely it is gone
                else:
                    return one, seat
            return await self._launch(role, rules, seat), seat
        except BaseException:
            self._seats.discard(seat)
            raise

    async def _launch(self, role: str, rules: Rules | None = None, seat: int = 0) -> _Started:
        """Start a process; without rules it waits for them."""
        ours, theirs = socket.socketpair()
        launch = Launch(role=role, line=theirs.fileno(), counts=self._counts, tally=self._tally)
        inherited = (launch.line, launch.counts, launch.tally, *self._inherited)
        try:
            if rules is not None:
                handover.give(ours, rules.packed, rules.sockets, seat)
            process = await asyncio.create_subprocess_exec(
                *self._command(launch),
                pass_fds=inherited,
                stdin=asyncio.subprocess.DEVNULL,
            )
        except BaseException:
            ours.close()  # whoever was started all the same sees the end of its line, and leaves
            raise
        finally:
            theirs.close()
        return _Started(process, ours)

    def _message(self, child: Child, message: line.Message) -> None:
        if isinstance(message, line.Ready):
            child.ready.set()
        self._calls.message(child, message)

    async def _watch(self, child: Child) -> None:
        try:
            status = await _end(child)
        finally:
            if child.channel is not None:
                child.channel.close()
        self._gone(child)
        if child.stopping:
            return
        self._calls.died(child, status)
        lived = asyncio.get_running_loop().time() - child.started_at
        wait = FIRST_WAIT if lived > HEALTHY_SECONDS else self._waits.get(child.role, FIRST_WAIT)
        started = False
        self._to_come.add(child)
        while not started and not child.stopping:
            self._waits[child.role] = min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)
            wait = self._waits[child.role]
            started = await self._start_again(child)
        self._to_come.discard(child)

    def _gone(self, child: Child) -> None:
        if child in self.all:
            self.all.discard(child)
            self._head_count.clear(child.seat)
            self._seats.discard(child.seat)
            child.ready.set()  # nobody waits for the dead
            self._calls.ended(child)

    async def _start_again(self, child: Child) -> bool:
        """A new process in the place of one that died; False when the machine has no room."""
        if child.stopping:
            return True
        try:
            await self.start(child.role, child.rules, instead_of=child)
        except OSError:
            return False  # no descriptors, no memory, no seat: later
        return True

    def _free_seat(self) -> int:
        """A column of the head count that nobody uses; raises OSError when all are taken."""
        for seat in range(head_count.SEATS):
            if seat not in self._seats:
                return seat
        raise OSError(errno.EAGAIN, "too many processes")

    def of(self, role: str) -> list[Child]:
        """The children in a role that are not on their way out."""
        return [child for child in self.all if child.role == role and not child.stopping]

    def give_up(self, revision: int) -> None:
        """End all children of a revision, also those that are about to be started again."""
        for child in (*self.all, *self._to_come):
            if child.revision == revision:
                child.stopping = True
                child.kill()

    def dismiss(self, role: str, revision: int, within: float, *, but: bool = False) -> list[Child]:
        """Ask all of a role that run by a revision (`but`: by any other) to finish.

        Those that are about to be started again will not be. Returns who was asked.
        """
        found = {one for one in self.all | self._to_come if one.role == role and not one.stopping}
        leaving = [one for one in found if (one.revision == revision) is not but]
        for child in leaving:
            child.stop(within)
        return leaving

    def retire(self, role: str, revision: int) -> None:
        """Let all of a role that run by another revision end with their last clients.

        Those that are about to be started again will not be.
        """
        for child in self.all | self._to_come:
            if child.role == role and child.revision != revision and not child.stopping:
                child.retire()

    def restart_by(self, role: str, rules: Rules) -> None:
        """Those of a role that are about to be started again are started by these rules."""
        for child in self._to_come:
            if child.role == role:
                child.rules = rules

    async def stop(self, within: float) -> None:
        """Stop all; whoever is not gone in time is killed."""
        unneeded = self.stand_down()
        for child in (*self.all, *self._to_come):
            child.stop(within)
        leaving = {asyncio.ensure_future(_end(child)): child for child in self.all}
        going = [asyncio.ensure_future(process.wait()) for process in unneeded]
        if leaving:
            await asyncio.wait(leaving, timeout=within + 2.0)
        for child in list(self.all):
            child.kill()
        if leaving or going:
            await asyncio.wait((*leaving, *going), timeout=5.0)
        for end, child in leaving.items():
            if end.done():
                self._gone(child)
        for watcher in list(self._watchers):
            watcher.cancel()


async def _end(child: Child) -> int:
    """Its exit status, once it is gone and all that it said was heard."""
    status = await child.process.wait()
    if child.channel is not None:
        await child.channel.heard_out(LAST_WORDS_SECONDS)
    return status


def _kill(process: asyncio.subprocess.Process) -> None:
    try:
        process.kill()
    except ProcessLookupError:
        pass


def program(*arguments: str) -> list[str]:
    """The command line that runs this very program."""
    return [sys.executable, "-m", "gatehouse", *arguments]


def exit_status(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {os.waitstatus_to_exitcode(status) if status > 255 else status}"
