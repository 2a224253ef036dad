# SPDX-License-Identifier: Apache-2.0
"""The limits hold over all processes together."""

import os
from collections.abc import Iterator

import pytest

from gatehouse.service.base import head_count
from gatehouse.service.base.head_count import HeadCount


@pytest.fixture
def memory() -> Iterator[int]:
    fd = head_count.create()
    yield fd
    os.close(fd)


def test_two_processes_count_together(memory: int) -> None:
    one, other = HeadCount(memory, 0), HeadCount(memory, 5)
    assert one.enter("192.0.2.1") == 1
    assert other.enter("192.0.2.1") == 2
    assert one.enter("192.0.2.2") == 1
    one.leave("192.0.2.1")
    assert other.now("192.0.2.1") == 1


def test_the_connections_of_a_dead_process_are_forgotten_and_no_others(memory: int) -> None:
    one, other = HeadCount(memory, 0), HeadCount(memory, 1)
    one.enter("192.0.2.1")
    other.enter("192.0.2.1")
    other.clear(0)
    assert other.now("192.0.2.1") == 1


def test_leaving_more_often_than_entering_never_goes_below_zero(memory: int) -> None:
    one = HeadCount(memory, 0)
    one.leave("192.0.2.1")
    assert one.enter("192.0.2.1") == 1


def test_the_key_differs_from_gateway_to_gateway() -> None:
    names = [f"192.0.2.{n}" for n in range(64)]
    rows = []
    for _ in range(2):
        fd = head_count.create()
        count = HeadCount(fd, 0)
        rows.append([count._row(name) for name in names])
        os.close(fd)
    assert rows[0] != rows[1]


def test_another_process_really_sees_it(memory: int) -> None:
    child = os.fork()
    if child == 0:
        HeadCount(memory, 3).enter("192.0.2.9")
        os._exit(0)
    os.waitpid(child, 0)
    assert HeadCount(memory, 0).now("192.0.2.9") == 1


def test_there_are_only_so_many_seats(memory: int) -> None:
    with pytest.raises(ValueError, match="seat 136"):
        HeadCount(memory, head_count.SEATS)
