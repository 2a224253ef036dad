# SPDX-License-Identifier: Apache-2.0
"""A pair is in one hand at a time, and what is done leaves nothing behind."""

import asyncio

from gatehouse.service.deliver.ready import MAX_PAST, ReadyLists
from gatehouse.store.values import DueRecipient


def due(mid: int, *domains: str) -> list[DueRecipient]:
    return [DueRecipient(mid, rid, domain) for rid, domain in enumerate(domains)]


def test_recipients_of_one_message_and_domain_are_one_piece_of_work() -> None:
    lists = ReadyLists()
    touched = lists.add(due(1, "a", "a", "b"))
    assert [one.domain for one in touched] == ["a", "b"]
    assert list(lists.destinations["a"].ready) == [1]
    assert len(lists) == 2


def test_what_is_in_hand_is_not_taken_again_until_it_is_settled() -> None:
    lists = ReadyLists()
    lists.add(due(1, "a"))
    lists.destinations["a"].ready.popleft()
    assert lists.add(due(1, "a")) == []
    lists.settled(1, "a")
    assert [one.domain for one in lists.add(due(1, "a"))] == ["a"]


def test_the_oldest_goes_first() -> None:
    lists = ReadyLists()
    lists.add(due(1, "a"))
    lists.add(due(2, "a"))
    assert list(lists.destinations["a"].ready) == [1, 2]


def test_a_destination_without_work_and_couriers_is_forgotten() -> None:
    lists = ReadyLists()
    (destination,) = lists.add(due(1, "a"))
    lists.forget_if_empty(destination)
    assert "a" in lists.destinations
    destination.ready.clear()
    destination.couriers = 1
    lists.forget_if_empty(destination)
    assert "a" in lists.destinations
    destination.couriers = 0
    lists.forget_if_empty(destination)
    assert lists.destinations == {}


def test_as_many_idle_couriers_wake_as_there_are_messages() -> None:
    async def body() -> None:
        destination = ReadyLists().destination("a")
        loop = asyncio.get_running_loop()
        waiters = [loop.create_future() for _ in range(3)]
        destination.idle += waiters
        destination.ready.append(1)
        destination.wake()
        assert sum(waiter.done() for waiter in waiters) == 1
        destination.dismiss()
        assert all(waiter.done() for waiter in waiters)
        assert destination.idle == []

    asyncio.run(body())


def test_how_a_try_ended_outlives_the_work_and_the_memory_is_bounded() -> None:
    lists = ReadyLists()
    for number in range(MAX_PAST + 5):
        domain = f"d{number}.example"
        found = lists.destination(domain)
        found.tried(100.0 + number, "connected", up=True)
        found.delivered = number
        lists.forget_if_empty(found)
    assert lists.destinations == {}
    assert lists.known("d4.example") is None
    kept = lists.known("d5.example")
    assert kept is not None
    assert (kept.delivered, kept.up, kept.last_tried_at) == (5, True, 105.0)
    assert lists.destination("d5.example") is kept


def test_a_destination_that_was_never_tried_is_not_remembered() -> None:
    lists = ReadyLists()
    lists.forget_if_empty(lists.destination("a.example"))
    assert lists.known("a.example") is None


def test_what_is_put_back_is_nobodys_and_what_is_kept_is_still_in_hand() -> None:
    lists = ReadyLists()
    for mid in (1, 2, 3):
        lists.add(due(mid, "a"))
    destination = lists.destinations["a"]
    lists.put_back(destination, {2})
    assert list(destination.ready) == [2]
    lists.add([*due(2, "a"), *due(3, "a")])
    assert list(destination.ready) == [2, 3]
    lists.put_back(destination)
    assert (list(destination.ready), len(lists)) == ([], 0)
