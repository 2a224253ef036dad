# SPDX-License-Identifier: Apache-2.0
"""At once when it is quiet, gathered under load; facts before rows before the word to deliver."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gatehouse.journal import facts
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.service.receive import entry
from gatehouse.service.receive.entry import Entry
from gatehouse.store.errors import StoreError, StoreFull, StoreRefused
from gatehouse.store.values import Failed
from tests.patience import PATIENCE, eventually


class Scene:
    """A store and a line that write down what is asked of them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.facts: list[facts.Fact] = []
        self.errors: list[StoreError] = []
        self.failed: tuple[Failed, ...] = ()
        self.writer = GroupWriter(lambda batch: [], lambda *_: None, lambda: 0.0)
        self.entry = Entry(
            self.enter,
            self.writer,
            self.facts.append,
            lambda: 1e9,
            wake=lambda: self.said.append("wake"),
            flush=lambda: self.said.append("facts"),
        )

    def enter(self) -> tuple[Failed, ...]:
        self.said.append("rows")
        if self.errors:
            raise self.errors.pop(0)
        return self.failed


def run(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def body() -> None:
        scene = Scene()
        await test(scene)
        scene.writer.close()

    asyncio.run(body())


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_in_the_quiet_a_message_is_entered_at_once_and_in_this_order() -> None:
    async def body(scene: Scene) -> None:
        scene.entry.due()
        scene.entry.due()
        assert scene.said == []  # the 250 leaves first
        await turns()
        assert scene.said == ["facts", "rows", "wake"]

    run(body)


def test_under_load_what_comes_waits_for_the_next_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "ENTER_SECONDS", 10 * PATIENCE)  # however slow the machine is

    async def body(scene: Scene) -> None:
        scene.entry.due()
        await turns()
        for _ in range(9):
            scene.entry.due()
            await turns()
        assert scene.said == ["facts", "rows", "wake"]

    run(body)


def test_the_next_entry_comes_by_itself() -> None:
    async def body(scene: Scene) -> None:
        scene.entry.due()
        await eventually(lambda: scene.said == ["facts", "rows", "wake"])
        for _ in range(9):
            scene.entry.due()
        await eventually(lambda: scene.said == ["facts", "rows", "wake"] * 2)
        await turns()
        assert scene.said == ["facts", "rows", "wake"] * 2

    run(body)


def test_what_is_taken_on_while_an_entry_runs_has_an_entry_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entry, "ENTER_SECONDS", 0.0)

    async def body(scene: Scene) -> None:
        scene.entry.due()
        scene.entry._begin()
        scene.entry._running = True
        scene.entry.due()
        scene.entry._ended(None)
        await turns()
        assert scene.said.count("rows") >= 2

    run(body)


def test_an_entry_that_fails_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "AGAIN_SECONDS", 0.0)

    async def body(scene: Scene) -> None:
        scene.errors = [StoreFull("disk full")]
        scene.entry.due()
        await eventually(lambda: "wake" in scene.said)
        assert scene.said == ["facts", "rows", "facts", "rows", "wake"]
        assert [type(fact) for fact in scene.facts] == [facts.ResourcesLow]

    run(body)


def test_a_message_that_cannot_be_entered_is_a_fault_of_ours() -> None:
    async def body(scene: Scene) -> None:
        scene.failed = (Failed(StoreRefused("MID 5 is taken")),)
        scene.entry.due()
        await turns()
        (fact,) = scene.facts
        assert isinstance(fact, facts.InternalFault)
        assert "MID 5" in fact.what

    run(body)


def test_at_the_end_what_is_left_is_entered_or_left_to_the_next_process() -> None:
    async def body(scene: Scene) -> None:
        scene.entry.finish()
        assert scene.said == ["rows", "wake"]
        scene.errors = [StoreFull("disk full")]
        scene.entry.finish()
        assert [type(fact) for fact in scene.facts] == [facts.ResourcesLow]

    run(body)
