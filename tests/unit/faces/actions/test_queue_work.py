# SPDX-License-Identifier: Apache-2.0
"""Look at the queue and change it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.faces.actions import queue_work as work
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.queue import ListInput, SelectInput, ShowInput
from gatehouse.journal.facts import Fact, MessageFinished
from gatehouse.store.values import Deferred, Settle
from tests.store.building import NOW, queue_one
from tests.unit.faces.conftest import PretendGateway


@pytest.fixture
def queue(house: House) -> Iterator[Callable[..., int]]:
    """Puts a message into the queue; its MID."""
    writer = house.store.body_writer()
    yield lambda *to, **more: queue_one(house.store, writer, *to, **more)
    writer.close()


def listed(house: House, **given: Any) -> list[int]:
    return [one.mid for one in asyncio.run(work.list_messages(house, ListInput(**given))).messages]


def fault_of(call: Any) -> str:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(call)
    return caught.value.fault.reference


def test_the_list_says_why_a_message_waits(house: House, queue: Callable[..., int]) -> None:
    mid = queue("bob@Example.com", "eve@example.org", subject="Hi")
    outcome = Deferred(rid=0, next_at=NOW + 60, tries=2, reply="451 later", tried_at=NOW)
    house.store.queue.write([Settle(mid, (outcome,))])
    found = asyncio.run(work.list_messages(house, ListInput()))
    (line,) = found.messages
    assert found.total == 1
    assert (line.mid, line.sender, line.recipients) == (mid, "alice@example.net", 2)
    assert (line.tries, line.last_reply, line.held) == (2, "451 later", False)
    assert line.received_at.timestamp() == NOW


def test_conditions_add_up(house: House, queue: Callable[..., int]) -> None:
    one, two = queue("bob@example.com"), queue("eve@example.org")
    asyncio.run(work.hold(house, SelectInput(mids=(two,))))
    assert listed(house) == [one, two]
    assert listed(house, limit=1) == [one]
    assert listed(house, destination="EXAMPLE.org.") == [two]
    assert listed(house, recipient="bob@example.com") == [one]
    assert listed(house, held=True) == [two]
    assert listed(house, held=True, destination="example.com") == []
    assert listed(house, sender="alice@example.net") == [one, two]
    assert listed(house, sender="<>") == []


def test_show_has_all_recipients(house: House, queue: Callable[..., int]) -> None:
    mid = queue("bob@example.com", "eve@example.org")
    shown = asyncio.run(work.show(house, ShowInput(mid=mid)))
    assert [one.address for one in shown.recipients] == ["bob@example.com", "eve@example.org"]
    assert {one.state for one in shown.recipients} == {"waiting"}
    assert fault_of(work.show(house, ShowInput(mid=mid + 1))) == "no-such-message"


def test_each_change_is_done_and_the_deliverer_looks_again(
    running_house: House, gateway: PretendGateway, queue: Callable[..., int]
) -> None:
    mid = queue("bob@example.com")
    select = SelectInput(mids=(mid,))
    for change, done in (
        (work.hold, "held"),
        (work.release, "released"),
        (work.retry, "due"),
        (work.delete, "deleted"),
    ):
        changed = asyncio.run(change(running_house, select))
        assert (changed.done, changed.mids, changed.count) == (done, (mid,), 1)
    assert gateway.looked == 4
    assert listed(running_house) == []


def test_deleted_mail_is_a_fact(house: House, queue: Callable[..., int]) -> None:
    facts: list[Fact] = []
    mid = queue("bob@example.com")
    asyncio.run(work.delete(replace(house, record=facts.append), SelectInput(all=True)))
    (fact,) = facts
    assert isinstance(fact, MessageFinished)
    assert (fact.mid, fact.outcome) == (mid, "aborted")


def test_a_selection_is_said_in_exactly_one_way(house: House) -> None:
    for select in (
        SelectInput(),
        SelectInput(mids=(1,), all=True),
        SelectInput(destination="example.com", all=True),
    ):
        assert fault_of(work.delete(house, select)) == "which-messages"


def test_a_destination_selects_its_messages(house: House, queue: Callable[..., int]) -> None:
    queue("bob@example.com")
    there = queue("eve@example.org")
    changed = asyncio.run(work.hold(house, SelectInput(destination="Example.ORG")))
    assert changed.mids == (there,)


def test_what_is_not_there_is_named(house: House, queue: Callable[..., int]) -> None:
    mid = queue("bob@example.com")
    changed = asyncio.run(work.hold(house, SelectInput(mids=(mid, 999_999))))
    assert changed.missing == (999_999,)
    assert fault_of(work.hold(house, SelectInput(mids=(999_999,)))) == "no-such-message"
    assert fault_of(work.hold(house, SelectInput(mids=(7, 999_999)))) == "no-such-message"
    nothing = asyncio.run(work.hold(house, SelectInput(destination="nowhere.example")))
    assert nothing.count == 0
