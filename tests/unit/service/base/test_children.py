# SPDX-License-Identifier: Apache-2.0
"""Children that are given up, told to finish or given other rules while they are started again.

And those that stand by: taken first when one is needed, killed when none is.
"""

import asyncio
import functools
import itertools
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gatehouse.config import build, document, text
from gatehouse.service.base import children as subject
from gatehouse.service.base import handover
from gatehouse.service.base.channel import Channel, Inside, Message
from gatehouse.service.base.children import Callbacks, Child, Children, Rules

NUMBERS = itertools.count(1)
FAMILIES: list[Children] = []  # of the test that runs


class Process:
    """A process that lives until it is killed; its end of the line is open as long."""

    def __init__(self, line: int) -> None:
        self.pid = next(NUMBERS)
        self.line = socket.socket(fileno=os.dup(line))
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        if self._ended.done():
            raise ProcessLookupError
        self.line.close()
        self._ended.set_result(-9)


class Late(Process):
    """Whoever waited first hears of its end last."""

    asked = 0

    async def wait(self) -> int:
        self.asked += 1
        turns = 20 if self.asked == 1 else 0
        status = await super().wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        return status


class Machine:
    """Starts processes, and does something in the middle of each start that follows."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.made: list[Process] = []
        self.kind = Process
        self.keeps_line = False  # whoever is started has its end of the line
        self.line: socket.socket | None = None

    async def start(self, *command: str, pass_fds: tuple[int, ...], **how: object) -> Process:
        self.meanwhile()
        if self.keeps_line:
            self.line = socket.socket(fileno=os.dup(pass_fds[0]))
        await asyncio.sleep(0)
        made = self.kind(pass_fds[0])
        self.made.append(made)
        return made

    @property
    def living(self) -> int:
        return sum(not one._ended.done() for one in self.made)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(asyncio, "create_subprocess_exec", made.start)
    monkeypatch.setattr(subject, "FIRST_WAIT", 0.0)
    return made


class Told:
    """What the owner hears."""

    def __init__(self) -> None:
        self.started: list[Child] = []
        self.died: list[Child] = []
        self.calls = Callbacks(
            self._said, self.started.append, lambda one, _: self.died.append(one)
        )

    def _said(self, child: Child, message: Message) -> None:
        raise AssertionError("nothing is said here")


def played(test: Callable[[Machine], Coroutine[Any, Any, None]]) -> Callable[[Machine], None]:
    @functools.wraps(test)
    def run(machine: Machine) -> None:
        async def to_the_end() -> None:
            await test(machine)
            machine.meanwhile = lambda: None
            for one in FAMILIES:
                for child in one.all:
                    child.stopping = True
                    child.kill()
                await one.stop(0.0)
            FAMILIES.clear()
            await settled()

        asyncio.run(to_the_end())

    return run


def rules(revision: int) -> Rules:
    return Rules(revision, b"packed", {})


async def settled() -> None:
    """Everything that is ready has run; nothing here waits for time."""
    for _ in range(50):
        await asyncio.sleep(0)


def family(told: Told) -> Children:
    FAMILIES.append(Children(lambda launch: ["a", "program"], told.calls))
    return FAMILIES[-1]


@played
async def test_one_that_died_is_started_again(machine: Machine) -> None:
    told = Told()
    children = family(told)
    first = await children.start("receiver", rules(3))
    first.kill()
    await settled()
    assert told.died == [first]
    (second,) = children.of("receiver")
    assert second is not first
    assert second.revision == 3


@played
async def test_a_revision_given_up_during_a_restart_leaves_nobody_behind(machine: Machine) -> None:
    told = Told()
    children = family(told)
    first = await children.start("receiver", rules(3))
    machine.meanwhile = lambda: children.give_up(3)
    first.kill()
    await settled()
    assert len(machine.made) == 2  # the restart was under way
    assert machine.living == 0
    assert not children.all
    assert not children.of("receiver")


@played
async def test_a_revision_given_up_before_the_restart_begins_starts_nobody(
    machine: Machine,
) -> None:
    told = Told()
    children = family(told)
    first = await children.start("receiver", rules(3))
    first.kill()
    children.give_up(3)
    await settled()
    assert len(machine.made) == 1
    assert not children.all


@played
async def test_who_is_told_to_finish_during_a_restart_is_not_there_afterwards(
    machine: Machine,
) -> None:
    told = Told()
    children = family(told)
    old = await children.start("receiver", rules(3))
    new = await children.start("receiver", rules(4))
    asked: list[list[Child]] = []
    machine.meanwhile = lambda: asked.append(children.dismiss("receiver", 4, 900.0, but=True))
    old.kill()
    await settled()
    assert asked == [[old]]
    assert children.of("receiver") == [new]
    assert machine.living == 1


@played
async def test_a_restart_under_way_takes_the_rules_that_came_meanwhile(machine: Machine) -> None:
    told = Told()
    children = family(told)
    first = await children.start("deliverer", rules(3))
    wanted = rules(4)

    def once() -> None:
        machine.meanwhile = lambda: None
        children.restart_by("deliverer", wanted)

    machine.meanwhile = once
    first.kill()
    await settled()
    (there,) = children.of("deliverer")
    assert there.rules is wanted
    assert machine.living == 1
    assert len(machine.made) == 3  # the second began by the old rules, and was ended at once


@played
async def test_a_stop_during_a_restart_stops_that_one_too(machine: Machine) -> None:
    told = Told()
    children = family(told)
    first = await children.start("receiver", rules(3))
    stops: list[asyncio.Task[None]] = []

    def once() -> None:
        machine.meanwhile = lambda: None
        stops.append(asyncio.ensure_future(children.stop(0.0)))

    machine.meanwhile = once
    first.kill()
    await settled()
    await asyncio.gather(*stops)
    assert machine.living == 0
    assert not children.of("receiver")


@played
async def test_who_retires_lives_on_and_has_no_successor(machine: Machine) -> None:
    told = Told()
    children = family(told)
    old = await children.start("ssh", rules(3))
    new = await children.start("ssh", rules(4))
    children.retire("ssh", 4)
    assert children.of("ssh") == [new]
    assert machine.living == 2
    old.kill()
    await settled()
    assert children.of("ssh") == [new]
    assert machine.living == 1


@played
async def test_who_has_just_died_and_is_to_retire_does_not_come_back(machine: Machine) -> None:
    told = Told()
    children = family(told)
    old = await children.start("ssh", rules(3))
    machine.meanwhile = lambda: children.retire("ssh", 4)
    old.kill()
    await settled()
    assert children.of("ssh") == []
    assert machine.living == 0


@played
async def test_what_a_process_said_last_is_heard_before_it_counts_as_gone(machine: Machine) -> None:
    happened: list[str] = []
    calls = Callbacks(
        message=lambda child, message: happened.append(type(message).__name__),
        started=lambda child: None,
        died=lambda child, status: happened.append("died"),
        ended=lambda child: happened.append("ended"),
    )
    machine.keeps_line = True
    FAMILIES.append(children := Children(lambda launch: ["a", "program"], calls))
    child = await children.start("ssh", rules(3))
    assert machine.line is not None
    for _ in range(2):  # what it was given to run by: descriptors end a read
        machine.line.recv(65_536)
    last = await Channel.open(machine.line, lambda message: None)
    child.stopping = True
    child.kill()
    await settled()
    last.send(Inside(()))  # as what lies in the line and was not read yet
    last.close()
    await settled()
    assert happened == ["Inside", "ended"]


@played
async def test_who_is_stopped_has_ended_when_all_are(machine: Machine) -> None:
    ended: list[Child] = []
    calls = Callbacks(
        message=lambda child, message: None,
        started=lambda child: None,
        died=lambda child, status: None,
        ended=ended.append,
    )
    machine.kind = Late
    FAMILIES.append(children := Children(lambda launch: ["a", "program"], calls))
    there = [await children.start("ssh", rules(3)), await children.start("receiver", rules(3))]
    await settled()  # both are watched
    for one in there:
        one.kill()
    await children.stop(0.0)
    assert set(ended) == set(there)
    assert len(ended) == 2
    assert not children.all


# --- standing by ---------------------------------------------------------------------------------


def real_rules() -> Rules:
    parsed = text.parse(b'format = 1\n[system]\nhostname = "gw1.example.com"\n')
    assert isinstance(parsed, text.Parsed)
    read = document.read(parsed.values)
    assert not isinstance(read, tuple)
    return Rules(7, handover.pack(build.build(read)), {})


@played
async def test_who_stands_by_is_given_the_rules_and_nobody_else_is_started(
    machine: Machine,
) -> None:
    told = Told()
    children = family(told)
    await children.stand_by("receiver", 2)
    assert len(machine.made) == 2
    assert not children.all
    assert not told.started
    wanted = real_rules()
    first = await children.start("receiver", wanted)
    second = await children.start("receiver", wanted)
    third = await children.start("receiver", wanted)
    assert [one.process.pid for one in (first, second, third)] == [one.pid for one in machine.made]
    given = [handover.wait(one.line) for one in machine.made]
    assert [one.running.hostname for one in given if one is not None] == ["gw1.example.com"] * 3
    assert [one.seat for one in given if one is not None] == [first.seat, second.seat, third.seat]
    assert len({first.seat, second.seat, third.seat}) == 3


@played
async def test_who_stands_by_in_one_role_is_not_taken_for_another(machine: Machine) -> None:
    children = family(Told())
    await children.stand_by("receiver", 1)
    await children.start("deliverer", rules(3))
    assert len(machine.made) == 2


@played
async def test_who_was_not_needed_is_killed(machine: Machine) -> None:
    children = family(Told())
    await children.stand_by("receiver", 2)
    taken = await children.start("receiver", rules(3))
    children.stand_down()
    await settled()
    assert machine.living == 1
    assert children.of("receiver") == [taken]
    await children.start("receiver", rules(3))
    assert len(machine.made) == 3  # nobody stands by any more


@played
async def test_one_that_died_while_it_stood_by_is_passed_over(machine: Machine) -> None:
    children = family(Told())
    await children.stand_by("receiver", 2)
    machine.made[0].kill()
    child = await children.start("receiver", rules(3))
    assert child.process.pid == machine.made[1].pid
    assert len(machine.made) == 2


@played
async def test_a_machine_without_room_has_nobody_standing_by_and_says_nothing(
    machine: Machine,
) -> None:
    children = family(Told())

    def full() -> None:
        raise BlockingIOError("no more processes")

    machine.meanwhile = full
    await children.stand_by("receiver", 2)
    machine.meanwhile = lambda: None
    await children.start("receiver", rules(3))
    assert len(machine.made) == 1


@played
async def test_a_stop_ends_who_stands_by_as_well(machine: Machine) -> None:
    children = family(Told())
    await children.stand_by("receiver", 1)
    await children.stop(0.0)
    assert machine.living == 0


@played
async def test_two_that_are_started_at_the_same_time_have_two_seats(machine: Machine) -> None:
    children = family(Told())
    first, second = await asyncio.gather(
        children.start("receiver", rules(3)), children.start("receiver", rules(3))
    )
    assert first.seat != second.seat


@played
async def test_a_start_that_fails_keeps_no_seat(machine: Machine) -> None:
    children = family(Told())

    def full() -> None:
        raise BlockingIOError("no more processes")

    machine.meanwhile = full
    for _ in range(3):
        with pytest.raises(BlockingIOError):
            await children.start("receiver", rules(3))
    machine.meanwhile = lambda: None
    child = await children.start("receiver", rules(3))
    assert child.seat == 0
