# SPDX-License-Identifier: Apache-2.0
"""Requests from the control socket: done, refused, or a fault that ends nothing."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from gatehouse.faces.actions import perform, queue_work
from gatehouse.faces.actions.action import Action, Needs
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.perform import Answer
from gatehouse.faces.actions.queue import QueueList
from gatehouse.faces.actions.registry import ACTIONS, BY_NAME
from gatehouse.service.base.control import Request
from gatehouse.store.errors import StoreBusy


def answer(house: House, action: str, arguments: bytes, faults: list[BaseException]) -> Answer:
    request = Request(action=action, arguments=msgspec.Raw(arguments), operator="o" * 200)
    made = asyncio.run(perform.answer(house, request, lambda _where, error: faults.append(error)))
    return msgspec.json.decode(made, type=Answer)


def test_the_output_is_exactly_the_actions(house: House) -> None:
    got = answer(house, "queue list", b"{}", [])
    assert got.fault is None
    assert msgspec.json.decode(got.output, type=QueueList).messages == ()


@pytest.mark.parametrize(
    ("action", "arguments", "reference"),
    [
        ("nonsense", b"{}", "unknown-action"),
        ("x" * 10_000, b"{}", "unknown-action"),
        ("log tail", b"{}", "unknown-action"),
        ("queue list", b'{"limit":"many"}', "bad-arguments"),
        ("queue list", b"[]", "bad-arguments"),
        ("queue show", b"{}", "bad-arguments"),
        ("queue show", b'{"mid":4}', "no-such-message"),
        ("queue show", b'{"mid":' + b"9" * 400 + b"}", "bad-arguments"),
        ("config load", b'{"file":"%%%"}', "bad-arguments"),
        ("config load", b'{"file":"eA=="}', "configuration-refused"),
    ],
)
def test_what_cannot_be_done_is_a_fault(
    house: House, action: str, arguments: bytes, reference: str
) -> None:
    faults: list[BaseException] = []
    fault = answer(house, action, arguments, faults).fault
    assert fault is not None
    assert fault.reference == reference
    assert len(fault.sentence()) < 1000
    assert faults == []


def test_what_nobody_foresaw_is_reported_and_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(house: House, given: object) -> None:
        raise ZeroDivisionError("the inside of the house")

    monkeypatch.setattr(queue_work, "list_messages", broken)
    faults: list[BaseException] = []
    fault = answer(house, "queue list", b"{}", faults).fault
    assert fault is not None
    assert fault.reference == "internal-fault"
    assert "inside" not in fault.sentence()
    assert [type(one) for one in faults] == [ZeroDivisionError]


def test_trouble_of_the_store_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(house: House, given: object) -> None:
        raise StoreBusy("The database is locked")

    monkeypatch.setattr(queue_work, "list_messages", busy)
    fault = answer(house, "queue list", b"{}", []).fault
    assert fault is not None
    assert (fault.reference, fault.message) == ("store-trouble", "The database is locked.")


def test_the_operators_name_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def note(house: House, given: object) -> QueueList:
        seen.append(house.operator)
        return await asyncio.sleep(0, result=None)  # type: ignore[arg-type]

    monkeypatch.setattr(queue_work, "list_messages", note)
    answer(house, "queue list", b"{}", [])
    assert seen == ["o" * 64]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_no_arguments_at_all_never_break_anything(house: House, action: Action) -> None:
    faults: list[BaseException] = []
    answer(house, action.name, b"{}", faults)
    assert faults == []


def test_what_needs_the_gateway_says_so(house: House) -> None:
    action = replace(BY_NAME["queue list"], needs=Needs.RUNNING)
    with pytest.raises(OperatorError, match="not running"):
        asyncio.run(perform.do(action, house, action.input()))
