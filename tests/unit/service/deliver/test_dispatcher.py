# SPDX-License-Identifier: Apache-2.0
"""Who is served, by how many, and that one destination never costs another anything."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from gatehouse.policy.destinations import DestinationControl, DestinationTable
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.deliver.dispatcher import RETRY_PASS_SECONDS, WORTH_A_CONNECTION, Dispatcher
from gatehouse.service.deliver.ready import Destination
from gatehouse.store.errors import StoreError
from gatehouse.store.values import Cursor, DuePage, DueRecipient


class FakeQueue:
    """Names what it is told to name, once, unless the reader begins again."""

    def __init__(self) -> None:
        self.new: list[DueRecipient] = []
        self.retries: list[DueRecipient] = []
        self.broken = False
        self.asked = 0
        self.alerts: set[int] = set()
        self.kinds_broken = False

    def due(self, now: float, limit: int, cursor: Cursor) -> DuePage:
        self.asked += 1
        if self.broken:
            raise StoreError("the disk sleeps")
        fresh = self.new[cursor.seq : cursor.seq + limit]
        again = self.retries if cursor.retry_mid == 0 else []
        seq = cursor.seq + len(fresh)
        return DuePage(
            (*fresh, *again), Cursor(seq, now, 1 if again else 0, 0), seq < len(self.new)
        )

    def alerts_among(self, mids: Iterable[int]) -> frozenset[int]:
        if self.kinds_broken:
            raise StoreError("the disk sleeps")
        return frozenset(self.alerts & set(mids))


class Scene:
    """A dispatcher whose couriers wait until they are let go."""

    def __init__(self) -> None:
        self.queue = FakeQueue()
        self.now = 1000.0
        self.blocked = False
        self.carried: list[tuple[str, int]] = []
        self.running: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.go = asyncio.Event()
        self.reports: list[str] = []
        self.tasks = TaskSupervisor(lambda where, error: self.reports.append(f"{where}: {error}"))
        self.dispatcher = Dispatcher(
            self.queue,  # type: ignore[arg-type]
            lambda: self.now,
            self.tasks,
            self.courier,
            lambda: self.blocked,
        )
        default = DestinationControl(domain="default", max_connections=3)
        self.dispatcher.table = DestinationTable(default, [])

    async def courier(self, destination: Destination) -> None:
        domain = destination.domain
        self.running[domain] = self.running.get(domain, 0) + 1
        self.most[domain] = max(self.most.get(domain, 0), self.running[domain])
        try:
            await self.go.wait()
            while destination.ready:
                mid = destination.ready.popleft()
                self.carried.append((domain, mid))
                self.dispatcher.lists.settled(mid, domain)
                await asyncio.sleep(0)
        finally:
            self.running[domain] -= 1


def play(body: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        scene = Scene()
        scene.tasks.start(scene.dispatcher.run(), "dispatcher")
        try:
            await body(scene)
        finally:
            scene.go.set()
            await scene.tasks.stop(1.0)

    asyncio.run(run())


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def mail(domain: str, *mids: int) -> list[DueRecipient]:
    return [DueRecipient(mid, 0, domain) for mid in mids]


def test_a_destination_gets_couriers_for_its_work_and_no_more_than_its_limit() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.new = mail("one", 1) + mail("many", *range(2, 102))
        scene.dispatcher.wake()
        await turns()
        assert scene.most == {"one": 1, "many": 3}
        assert scene.dispatcher.couriers == 4
        scene.go.set()
        await turns(300)
        assert sorted(scene.carried) == sorted([("one", 1), *(("many", n) for n in range(2, 102))])
        assert scene.dispatcher.lists.destinations == {}

    play(body)


def test_a_second_connection_must_be_worth_it() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.new = mail("a", *range(1, WORTH_A_CONNECTION + 1))
        scene.dispatcher.wake()
        await turns()
        assert scene.most == {"a": 1}

    play(body)


def test_the_process_has_a_limit_and_a_free_place_is_used_by_whoever_waits() -> None:
    async def body(scene: Scene) -> None:
        scene.dispatcher.max_couriers = 2
        scene.queue.new = mail("a", 1) + mail("b", 2) + mail("c", 3)
        scene.dispatcher.wake()
        await turns()
        assert scene.dispatcher.couriers == 2
        scene.go.set()
        await turns(50)
        assert sorted(scene.carried) == [("a", 1), ("b", 2), ("c", 3)]

    play(body)


def test_while_a_mark_is_owed_nothing_new_begins() -> None:
    async def body(scene: Scene) -> None:
        scene.blocked = True
        scene.queue.new = mail("a", 1)
        scene.dispatcher.wake()
        await turns()
        assert scene.queue.asked == 0
        assert scene.dispatcher.couriers == 0
        scene.blocked = False
        scene.dispatcher.wake()
        await turns()
        assert scene.dispatcher.couriers == 1

    play(body)


def test_a_destination_that_had_enough_is_served_again_when_its_time_has_come() -> None:
    async def body(scene: Scene) -> None:
        scene.go.set()
        destination = scene.dispatcher.lists.destination("a")
        scene.dispatcher.pause(destination, 0.0)
        destination.ready.append(1)
        scene.dispatcher.serve(destination)
        assert scene.dispatcher.couriers == 0
        while not scene.carried:  # the pause ends with the next turn of the loop's clock
            await asyncio.sleep(0)
        assert scene.carried == [("a", 1)]

    play(body)


def test_suspended_delivers_nothing() -> None:
    async def body(scene: Scene) -> None:
        scene.dispatcher.suspended = True
        scene.queue.new = mail("a", 1)
        scene.dispatcher.wake()
        await turns()
        assert scene.dispatcher.couriers == 0

    play(body)


def test_a_store_that_fails_for_a_moment_loses_nothing() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.broken = True
        scene.queue.new = mail("a", 1)
        scene.dispatcher.wake()
        await turns()
        scene.queue.broken = False
        scene.dispatcher.wake()
        await turns()
        assert scene.dispatcher.couriers == 1
        assert scene.reports == []

    play(body)


def test_reading_the_queue_again_starts_no_second_delivery() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.new = mail("a", 1)
        scene.dispatcher.wake()
        await turns()
        scene.queue.retries = mail("a", 1)
        for _ in range(5):
            scene.dispatcher.wake(look_again=True)
            await turns()
        scene.go.set()
        await turns(50)
        assert scene.carried[0] == ("a", 1)
        assert scene.most == {"a": 1}

    play(body)


def test_at_the_end_waiting_couriers_go_home_and_nothing_starts() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.new = mail("a", *range(1, 30))
        scene.dispatcher.wake()
        await turns()
        waiter = asyncio.get_running_loop().create_future()
        scene.dispatcher.lists.destinations["a"].idle.append(waiter)
        scene.dispatcher.finish()
        assert waiter.done()
        scene.go.set()
        await turns(50)
        assert scene.carried == []
        assert scene.dispatcher.couriers == 0

    play(body)


def test_a_suspended_destination_gets_nothing_new_and_all_of_it_when_it_goes_on() -> None:
    async def body(scene: Scene) -> None:
        told: list[str] = []
        scene.dispatcher.tell_suspended = told.append
        scene.dispatcher.hold_back(frozenset({"a"}))
        scene.queue.new = mail("a", 1, 2) + mail("b", 3)
        scene.go.set()
        scene.dispatcher.wake()
        await turns(50)
        assert scene.carried == [("b", 3)]
        assert "a" not in scene.dispatcher.lists.destinations
        scene.queue.new += mail("a", 4)
        scene.dispatcher.wake()
        await turns(50)
        assert told == ["a"]
        scene.dispatcher.hold_back(frozenset())
        await turns(50)
        assert [one for one in scene.carried if one[0] == "a"] == [("a", 1), ("a", 2), ("a", 4)]

    play(body)


def test_what_is_ready_when_it_is_suspended_goes_back_and_what_is_in_flight_ends() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.new = mail("a", *range(1, 4)) + mail("b", 9)
        scene.dispatcher.wake()
        await turns()
        assert scene.running == {"a": 1, "b": 1}
        scene.dispatcher.hold_back(frozenset({""}))
        scene.go.set()
        await turns(50)
        assert scene.carried == []
        assert len(scene.dispatcher.lists) == 0
        scene.dispatcher.hold_back(frozenset({"b"}))
        await turns(50)
        assert scene.carried == [("a", 1), ("a", 2), ("a", 3)]

    play(body)


def test_alerts_go_although_all_deliveries_are_suspended() -> None:
    async def body(scene: Scene) -> None:
        told: list[str] = []
        scene.dispatcher.tell_suspended = told.append
        scene.queue.alerts = {2, 5}
        scene.dispatcher.hold_back(frozenset({""}))
        scene.queue.new = mail("a", 1, 2, 3) + mail("b", 4)
        scene.queue.retries = mail("c", 5, 6)
        scene.go.set()
        scene.dispatcher.wake()
        await turns(50)
        assert sorted(scene.carried) == [("a", 2), ("c", 5)]
        assert sorted(told) == ["a", "b", "c"]
        scene.dispatcher.hold_back(frozenset())
        await turns(50)
        assert {("a", 1), ("a", 3), ("b", 4)} <= set(scene.carried)

    play(body)


def test_alerts_wait_where_their_own_destination_is_suspended() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.alerts = {1, 2}
        scene.dispatcher.hold_back(frozenset({"", "a"}))
        scene.queue.new = mail("a", 1) + mail("b", 2)
        scene.go.set()
        scene.dispatcher.wake()
        await turns(50)
        assert scene.carried == [("b", 2)]

    play(body)


def test_of_what_was_ready_before_alerts_alone_go_on() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.alerts = {3}
        scene.queue.new = mail("a", 1, 2, 3)
        scene.dispatcher.wake()
        await turns()
        assert scene.running == {"a": 1}
        scene.dispatcher.hold_back(frozenset({""}))
        scene.go.set()
        await turns(50)
        assert scene.carried == [("a", 3)]
        assert len(scene.dispatcher.lists) == 0

    play(body)


def test_an_alert_that_was_ready_waits_too_where_its_destination_is_suspended() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.alerts = {1}
        scene.queue.new = mail("a", 1)
        scene.dispatcher.wake()
        await turns()
        scene.dispatcher.hold_back(frozenset({"a"}))
        scene.go.set()
        await turns(50)
        assert scene.carried == []
        assert len(scene.dispatcher.lists) == 0

    play(body)


def test_what_a_courier_gives_back_while_all_is_suspended_waits() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.alerts = {8}
        scene.dispatcher.hold_back(frozenset({""}))
        destination = scene.dispatcher.lists.destination("a")
        scene.dispatcher.lists.add(mail("a", 7, 8))
        scene.go.set()
        scene.dispatcher.serve(destination)
        await turns(50)
        assert scene.carried == [("a", 8)]

    play(body)


def test_alerts_are_not_missed_because_the_store_could_not_tell_them_apart() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.alerts = {2}
        scene.queue.kinds_broken = True
        scene.dispatcher.hold_back(frozenset({""}))
        scene.queue.new = mail("a", 1, 2)
        scene.go.set()
        scene.dispatcher.wake()
        await turns(50)
        assert scene.carried == []
        scene.queue.kinds_broken = False
        scene.dispatcher.wake()
        await turns(50)
        assert scene.carried == [("a", 2)]

    play(body)


def test_nor_are_alerts_missed_that_were_ready_then() -> None:
    async def body(scene: Scene) -> None:
        scene.queue.alerts = {2}
        scene.queue.new = mail("a", 1, 2)
        scene.dispatcher.wake()
        await turns()
        scene.queue.kinds_broken = True
        scene.dispatcher.hold_back(frozenset({""}))
        scene.go.set()
        await turns(50)
        assert scene.carried == []
        scene.queue.kinds_broken = False
        scene.now += RETRY_PASS_SECONDS
        scene.dispatcher.wake()
        await turns(50)
        assert scene.carried == [("a", 2)]

    play(body)
