# SPDX-License-Identifier: Apache-2.0
"""Many operations, one commit, an answer for each; a failure is everybody's and stays one."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from gatehouse.service.base import group_writer
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.store.errors import StoreError, StoreFull
from gatehouse.store.values import Changed, Delete, Failed, Messages, Operation, Result
from tests.patience import PATIENCE


def operation(number: int) -> Operation:
    return Delete(Messages((number,)))


def done(one: Operation) -> Result:
    assert isinstance(one, Delete)
    assert isinstance(one.selection, Messages)
    return Changed(one.selection.mids)


class Disk:
    """Commits when it is let; remembers the groups. `seconds` is what a commit takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seconds = 0.0
        self.threads: list[bool] = []
        self.groups: list[int] = []
        self.errors: list[Exception | None] = []
        self.gate = threading.Event()
        self.gate.set()

    def commit(self, batch: Sequence[Operation]) -> Sequence[Result]:
        assert self.gate.wait(PATIENCE)
        self.groups.append(len(batch))
        self.threads.append(threading.current_thread() is not threading.main_thread())
        self.now += self.seconds
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return [done(one) for one in batch]


def run(test: Callable[[GroupWriter, Disk, list[str]], Coroutine[Any, Any, None]]) -> None:
    async def body() -> None:
        disk, reports = Disk(), list[str]()
        writer = GroupWriter(
            disk.commit, lambda where, error: reports.append(f"{where}: {error}"), lambda: disk.now
        )
        try:
            await test(writer, disk, reports)
        finally:
            disk.gate.set()
            await writer.drain()
            writer.close()

    asyncio.run(body())


def test_what_comes_in_one_round_of_the_loop_is_one_commit() -> None:
    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        results = await asyncio.gather(*[writer.write(operation(n)) for n in range(5)])
        assert results == [Changed((n,)) for n in range(5)]
        assert disk.groups == [5]
        assert (writer.commits, writer.operations) == (1, 5)

    run(body)


def test_a_slow_disk_does_not_stop_the_loop() -> None:
    """After one slow commit the next ones run in the thread, and what comes meanwhile waits."""

    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        disk.seconds = 1.0
        await writer.write(operation(0))
        disk.seconds = 0.0
        disk.gate.clear()
        first = asyncio.ensure_future(writer.write(operation(1)))
        await asyncio.sleep(0.01)
        rest = [asyncio.ensure_future(writer.write(operation(n))) for n in range(2, 9)]
        await asyncio.sleep(0.01)  # the loop turns although the disk does not
        assert not first.done()
        disk.gate.set()
        await asyncio.gather(first, *rest)
        assert disk.groups == [1, 1, 7]
        assert disk.threads == [False, True, True]
        disk.now += group_writer.SLOW_FOR_SECONDS + 1
        await writer.write(operation(10))
        assert disk.threads[-1] is False

    run(body)


def test_a_group_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_writer, "MAX_GROUP", 3)

    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        await asyncio.gather(*[writer.write(operation(n)) for n in range(7)])
        assert disk.groups == [3, 3, 1]

    run(body)


def test_a_commit_that_fails_fails_for_all_and_a_later_success_changes_nothing() -> None:
    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        disk.errors = [StoreFull("disk full")]
        answers: list[object] = []
        for n in range(3):
            writer.submit(operation(n), answers.append)
        await writer.drain()
        assert [type(one) for one in answers] == [StoreFull] * 3
        assert await writer.write(operation(9)) == Changed((9,))
        await writer.drain()
        assert len(answers) == 3
        assert disk.groups == [3, 1]  # never the failed ones again

    run(body)


def test_a_fault_of_ours_is_an_answer_too_and_is_reported() -> None:
    async def body(writer: GroupWriter, disk: Disk, reports: list[str]) -> None:
        disk.errors = [ZeroDivisionError("oops")]
        with pytest.raises(StoreError, match="oops"):
            await writer.write(operation(1))
        assert reports == ["group writer: oops"]
        assert await writer.write(operation(2)) == Changed((2,))

    run(body)


def test_one_operation_may_fail_alone() -> None:
    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        real = disk.commit

        def commit(batch: Sequence[Operation]) -> Sequence[Result]:
            results = list(real(batch))
            results[0] = Failed(StoreError("no body"))
            return results

        writer._commit = commit
        both = await asyncio.gather(
            writer.write(operation(1)), writer.write(operation(2)), return_exceptions=True
        )
        assert isinstance(both[0], StoreError)
        assert both[1] == Changed((2,))

    run(body)


def test_an_answer_that_raises_costs_nobody_else_theirs() -> None:
    async def body(writer: GroupWriter, _: Disk, reports: list[str]) -> None:
        def bad(result: Result | StoreError) -> None:
            raise ValueError("in the callback")

        answers: list[object] = []
        writer.submit(operation(1), bad)
        writer.submit(operation(2), answers.append)
        await writer.drain()
        assert answers == [Changed((2,))]
        assert reports == ["group writer: in the callback"]

    run(body)


def test_draining_waits_for_what_waits() -> None:
    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        answers: list[object] = []
        for n in range(4):
            writer.submit(operation(n), answers.append)
        await writer.drain()
        assert len(answers) == 4
        await writer.drain()  # nothing left: at once

    run(body)


def test_other_work_of_the_store_is_done_between_two_groups() -> None:
    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        said: list[object] = []
        writer.between(lambda: said.append("work"), said.append)
        assert said == ["work", None]  # nobody was at work: at once
        disk.seconds = 1.0
        await writer.write(operation(0))  # from now on in the thread
        disk.seconds = 0.0
        disk.gate.clear()
        first = asyncio.ensure_future(writer.write(operation(1)))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(writer.write(operation(2)))
        writer.between(lambda: said.append(list(disk.groups)), said.append)
        await asyncio.sleep(0.01)
        assert said == ["work", None]
        disk.gate.set()
        await asyncio.gather(first, second)
        await writer.drain()
        assert said == ["work", None, [1, 1], None]
        assert disk.groups == [1, 1, 1]

    run(body)


def test_other_work_that_fails_says_so_and_mail_goes_on() -> None:
    async def body(writer: GroupWriter, _: Disk, reports: list[str]) -> None:
        def full() -> None:
            raise StoreFull("disk full")

        def wrong() -> None:
            raise ZeroDivisionError("oops")

        said: list[object] = []
        writer.between(full, said.append)
        writer.between(wrong, said.append)
        assert [str(one) for one in said] == ["disk full", "oops"]
        assert await writer.write(operation(1)) == Changed((1,))
        assert reports == ["group writer: oops"]

    run(body)


def test_draining_waits_for_other_work_too() -> None:
    async def body(writer: GroupWriter, disk: Disk, _: list[str]) -> None:
        disk.seconds = 1.0
        await writer.write(operation(0))
        said: list[object] = []
        writer.between(lambda: said.append("work"), said.append)
        await writer.drain()
        assert said == ["work", None]

    run(body)
