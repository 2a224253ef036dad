# SPDX-License-Identifier: Apache-2.0
"""No task is lost: its failure is reported by name, and all end with their owner."""

import asyncio

from gatehouse.service.base.supervisor import TaskSupervisor, describe


def test_a_task_that_fails_is_reported_by_name() -> None:
    async def body() -> None:
        reports: list[str] = []
        tasks = TaskSupervisor(lambda name, error: reports.append(f"{name}: {error}"))

        async def fails() -> None:
            raise ValueError("oops")

        tasks.start(fails(), "the failing one")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert reports == ["the failing one: oops"]
        assert len(tasks) == 0

    asyncio.run(body())


def test_stopping_cancels_and_counts_who_does_not_end() -> None:
    async def body() -> None:
        tasks = TaskSupervisor(lambda name, error: None)
        go = asyncio.Event()

        async def stubborn() -> None:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                await go.wait()

        tasks.start(asyncio.sleep(100), "sleeper")
        tasks.start(stubborn(), "stubborn")
        await asyncio.sleep(0)
        assert await tasks.stop(0.01) == 1
        go.set()
        assert await tasks.stop(1.0) == 0
        assert len(tasks) == 0

    asyncio.run(body())


def test_a_fault_is_described_with_its_place_and_without_values() -> None:
    secret = "hunter2"
    try:
        assert not secret
    except AssertionError as error:
        text = describe(error)
    assert "AssertionError" in text
    assert "test_a_fault_is_described" in text
