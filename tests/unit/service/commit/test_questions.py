# SPDX-License-Identifier: Apache-2.0
"""Questions to processes that answer, that are slow, and that end instead."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from gatehouse.service.base import channel as line
from gatehouse.service.base.children import Child
from gatehouse.service.commit import questions
from gatehouse.service.commit.questions import Questions
from tests.patience import PATIENCE


class Process:
    """A child as far as questions go."""

    def __init__(self, pid: int, *, hears: bool = True) -> None:
        self.role, self.pid, self.process, self._hears = "receiver", pid, self, hears
        self.asked: list[int] = []

    def send(self, message: line.Message) -> bool:
        assert isinstance(message, line.Ask)
        self.asked.append(message.number)
        return self._hears

    @property
    def child(self) -> Child:
        return cast(Child, self)


def played(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), PATIENCE))

    run.__name__ = test.__name__
    return run


def asking(open_: Questions, *processes: Process) -> "asyncio.Task[list[questions.Answer]]":
    wanted = [one.child for one in processes]
    return asyncio.ensure_future(open_.ask(wanted, lambda number: line.Ask(number, "status")))


@played
async def test_each_answer_is_that_of_the_process_that_was_asked() -> None:
    open_, one, other = Questions(), Process(7), Process(8)
    answers = asking(open_, one, other)
    await asyncio.sleep(0)
    open_.told(other.asked[0], {"n": 2})
    open_.told(one.asked[0], {"n": 1})
    assert await answers == [("receiver", 7, {"n": 1}), ("receiver", 8, {"n": 2})]


def test_nobody_waits_for_a_process_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ANSWER_SECONDS", 3600.0)

    @played
    async def play() -> None:
        open_, leaves, stays = Questions(), Process(7), Process(8)
        answers = asking(open_, leaves, stays)
        await asyncio.sleep(0)
        open_.told(stays.asked[0], {"n": 2})
        open_.ended(leaves.child)
        assert await answers == [("receiver", 8, {"n": 2})]

    play()


@played
async def test_a_process_that_hears_nothing_is_not_waited_for() -> None:
    assert await asking(Questions(), Process(7, hears=False)) == []


def test_a_slow_process_gets_its_time_and_a_late_answer_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "ANSWER_SECONDS", 0.0)

    async def play() -> None:
        open_, slow = Questions(), Process(7)
        assert await asking(open_, slow) == []
        open_.told(slow.asked[0], {"n": 1})
        open_.told(99, {})
        answers = asking(open_, slow)
        await asyncio.sleep(0)
        assert slow.asked[1] != slow.asked[0]
        open_.told(slow.asked[1], {"n": 2})
        await answers

    asyncio.run(play())


@played
async def test_a_question_that_is_broken_off_leaves_nothing_behind() -> None:
    open_, one = Questions(), Process(7)
    answers = asking(open_, one)
    await asyncio.sleep(0)
    answers.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answers
    assert not open_._open
