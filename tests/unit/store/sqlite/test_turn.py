# SPDX-License-Identifier: Apache-2.0
"""Turns between processes, acted here by several locks on one file."""

import os
import threading
from pathlib import Path

import pytest

from gatehouse.store.errors import StoreBusy, StoreUnavailable
from gatehouse.store.sqlite.turn import WriterTurn


def test_a_free_turn_needs_no_thread(tmp_path: Path) -> None:
    turn = WriterTurn(tmp_path / "turn")
    before = threading.active_count()
    for _ in range(3):
        turn.take(1.0)
        turn.give_back()
    assert threading.active_count() == before
    turn.close()


def test_who_waits_is_woken_when_the_turn_is_given_back(tmp_path: Path) -> None:
    first, second = WriterTurn(tmp_path / "turn"), WriterTurn(tmp_path / "turn")
    order: list[str] = []
    first.take(1.0)

    def wait() -> None:
        second.take(10.0)
        order.append("second")
        second.give_back()

    waiting = threading.Thread(target=wait)
    waiting.start()
    order.append("first")
    first.give_back()
    waiting.join()
    assert order == ["first", "second"]
    first.close()
    second.close()


def test_patience_ends_and_a_late_grant_goes_back(tmp_path: Path) -> None:
    first, second, third = (WriterTurn(tmp_path / "turn") for _ in range(3))
    first.take(1.0)
    for _ in range(3):
        with pytest.raises(StoreBusy, match=r"0\.01 s"):
            second.take(0.01)
    first.give_back()
    third.take(10.0)  # the one who gave up does not keep it
    third.give_back()
    second.take(10.0)  # and may come again
    second.give_back()
    for turn in (first, second, third):
        turn.close()


def test_many_threads_of_many_owners_exclude_each_other(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(turn: WriterTurn) -> None:
        for _ in range(50):
            turn.take(30.0)
            inside.append(1)
            most.append(len(inside))
            inside.pop()
            turn.give_back()
        turn.close()

    threads = [
        threading.Thread(target=work, args=(WriterTurn(tmp_path / "turn"),)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 200
    assert max(most) == 1


def test_a_turn_that_cannot_be_opened_or_is_closed_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        WriterTurn(tmp_path / "no" / "turn")
    turn = WriterTurn(tmp_path / "turn")
    turn.close()
    turn.close()
    with pytest.raises(StoreUnavailable):
        turn.take(0.1)
    assert os.path.exists(tmp_path / "turn")
