# SPDX-License-Identifier: Apache-2.0
"""Failed logins count at once and share their flushes; nobody gets more guesses for it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gatehouse.policy import auth_throttle as throttle
from gatehouse.service.base import login_waits
from gatehouse.service.base.login_waits import REST_SECONDS, WRITES_AT_ONCE, LoginWaits
from gatehouse.store.auth_values import FailedLogin
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.interface import Store
from gatehouse.store.sqlite.store import open_store

HERE, NAME = "192.0.2.1", "ann"


class Scene:
    """A store that says when it is written to, and a rest that ends when it is told to."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.now = 1_000_000_000.0
        self.writes: list[int] = []
        self.broken = False
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0
        users, keep = store.smtp_users, store.smtp_users.note_failures

        def counted(failed: Sequence[FailedLogin]) -> None:
            if self.broken:
                raise StoreUnavailable("the disk is gone")
            self.writes.append(len(failed))
            keep(failed)

        monkeypatch.setattr(users, "note_failures", counted)
        self.waits = LoginWaits(users, lambda: self.now, self._after)

    def _after(self, seconds: float, work: Callable[[], None]) -> "Scene":
        self.timers.append((seconds, work))
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def fail(self, times: int = 1, name: str = NAME, network: str = HERE) -> None:
        for _ in range(times):
            self.waits.note(name, network, right=False)

    def the_rest_ends(self) -> None:
        seconds, work = self.timers.pop()
        assert seconds == REST_SECONDS
        assert not self.timers
        self.now += seconds
        work()

    def flood(self, failures: int = int(WRITES_AT_ONCE)) -> None:
        """So many failures elsewhere that nothing may be written at once any more."""
        for number in range(failures):
            self.fail(name=f"flood{number}", network=f"198.51.{number // 256}.{number % 256}")

    def after_a_crash(self, name: str = NAME, network: str = HERE) -> int:
        """What somebody else reads in the store."""
        return self.store.smtp_users.history(name, network).both.count


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    store = open_store(DataDirectory(tmp_path / "data"))
    yield Scene(store, monkeypatch)
    store.close()


def test_a_few_failures_are_written_at_once(scene: Scene) -> None:
    for number in range(1, 6):
        scene.fail()
        assert (scene.writes, scene.after_a_crash()) == ([1] * number, number)
    assert scene.timers == []


def test_failures_at_two_processes_are_one_count(scene: Scene) -> None:
    other = LoginWaits(scene.store.smtp_users, lambda: scene.now, scene._after)
    for number in range(throttle.FREE_AT_BOTH):
        assert scene.waits.seconds(NAME, HERE) == other.seconds(NAME, HERE) == 0.0
        (scene.waits, other)[number % 2].note(NAME, HERE, right=False)
    assert scene.waits.seconds(NAME, HERE) == other.seconds(NAME, HERE) == throttle.FIRST_WAIT
    scene.now += throttle.FIRST_WAIT
    other.note(NAME, HERE, right=True)
    assert scene.waits.seconds(NAME, HERE) == 0.0


def test_a_flood_of_failures_is_a_handful_of_flushes(scene: Scene) -> None:
    at_once = int(WRITES_AT_ONCE)
    scene.flood(at_once + 500)
    assert scene.writes == [1] * at_once
    scene.the_rest_ends()
    assert scene.writes == [1] * at_once + [500]
    assert scene.after_a_crash("flood519", "198.51.2.7") == 1
    for _ in range(5):  # a second of it
        scene.flood(100)
        scene.the_rest_ends()
    assert scene.writes == [1] * at_once + [500] + [100] * 5


def test_after_a_quiet_time_failures_are_written_at_once_again(scene: Scene) -> None:
    scene.flood(30)
    scene.the_rest_ends()
    scene.now += 60
    del scene.writes[:]
    scene.flood()
    assert scene.writes == [1] * int(WRITES_AT_ONCE)
    scene.now -= 3600  # a clock that was set back gives nothing
    scene.fail()
    assert len(scene.timers) == 1


def test_what_is_not_written_yet_counts_already(scene: Scene) -> None:
    scene.flood()
    scene.fail(throttle.FREE_AT_BOTH - 1)
    assert scene.waits.seconds(NAME, HERE) == 0
    scene.fail()
    assert scene.waits.seconds(NAME, HERE) == throttle.FIRST_WAIT
    assert scene.after_a_crash() == 0
    scene.the_rest_ends()
    assert scene.after_a_crash() == throttle.FREE_AT_BOTH
    assert 0 < scene.waits.seconds(NAME, HERE) < throttle.FIRST_WAIT


def test_an_address_over_many_names_and_a_name_from_many_addresses_wait_too(scene: Scene) -> None:
    scene.flood()
    for number in range(throttle.FREE_AT_ADDRESS):
        scene.fail(name=f"name{number}")
        scene.fail(network=f"203.0.113.{number}")
    assert scene.waits.seconds("somebody", HERE) > 0
    assert scene.waits.seconds(NAME, "203.0.113.99") > 0
    assert scene.waits.seconds("somebody", "203.0.113.99") == 0


def test_what_is_unwritten_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_waits, "MAX_UNWRITTEN", 3)
    scene.flood()
    del scene.writes[:]
    scene.fail(8)
    assert scene.writes == [3, 3]
    assert len(scene.timers) == 1  # no second rest beside the first


def test_an_old_count_begins_anew_before_it_is_written(scene: Scene) -> None:
    scene.fail(throttle.FREE_AT_BOTH)
    scene.now += throttle.FORGET_AFTER + 1
    scene.flood()
    scene.fail()
    assert scene.waits.seconds(NAME, HERE) == 0
    scene.fail(throttle.FREE_AT_BOTH - 1)
    assert scene.waits.seconds(NAME, HERE) == throttle.FIRST_WAIT
    scene.the_rest_ends()
    assert scene.after_a_crash() == throttle.FREE_AT_BOTH


def test_a_login_that_succeeds_ends_the_failures_that_are_not_written_yet(scene: Scene) -> None:
    scene.flood()
    scene.fail(3)
    scene.waits.note(NAME, HERE, right=True)
    scene.the_rest_ends()
    assert scene.after_a_crash() == 0
    assert scene.store.smtp_users.history(NAME, HERE).network.count == 3


def test_a_process_that_ends_leaves_nothing_behind(scene: Scene) -> None:
    scene.flood()
    scene.fail(3)
    scene.waits.close()
    assert (scene.after_a_crash(), scene.cancelled) == (3, 1)
    scene.fail()  # of a login that was still being looked at
    assert (scene.after_a_crash(), len(scene.timers)) == (4, 1)
    scene.the_rest_ends()  # too late to be cancelled
    assert scene.timers == []


def test_a_store_that_cannot_write_is_told_and_nothing_is_forgotten(scene: Scene) -> None:
    scene.flood()
    scene.fail(2)
    scene.broken = True
    scene.the_rest_ends()
    scene.now += 1
    with pytest.raises(StoreUnavailable):
        scene.fail()
    assert scene.waits.seconds(NAME, HERE) == 0
    scene.broken = False
    scene.fail(2)
    assert scene.waits.seconds(NAME, HERE) > 0
    assert scene.after_a_crash() == 5


def test_a_broken_store_does_not_fill_the_memory(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_waits, "MAX_UNWRITTEN", 3)
    scene.broken = True
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            scene.fail()
    scene.broken = False
    scene.waits.flush()
    assert scene.writes == [3]


def test_the_real_timer_writes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_waits, "REST_SECONDS", 0.001)
    monkeypatch.setattr(login_waits, "WRITES_AT_ONCE", 1.0)
    store = open_store(DataDirectory(tmp_path / "data"))
    waits = LoginWaits(store.smtp_users, lambda: 1.0)
    for _ in range(3):
        waits.note(NAME, HERE, right=False)
    while (timer := waits._resting) is not None:
        timer.join()  # type: ignore[attr-defined]
    assert store.smtp_users.history(NAME, HERE).both.count == 3
    waits.close()
    store.close()
