# SPDX-License-Identifier: Apache-2.0
"""The writer of bodies: what shares a segment, what gets its own, and when a file is let go."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.store.errors import StoreRefused, StoreUnavailable
from gatehouse.store.files import Files
from gatehouse.store.spool import Spool, is_shared
from gatehouse.store.spool_writer import SpoolWriter
from gatehouse.store.values import BodyRef
from tests.store.building import write_body


def make(path: Path, **limits: int) -> tuple[Spool, SpoolWriter]:
    spool = Spool(path)
    numbers = itertools.count(1)
    return spool, SpoolWriter(spool, lambda: next(numbers), **limits)


def test_small_bodies_share_a_segment_and_a_large_one_has_its_own(tmp_path: Path) -> None:
    spool, writer = make(tmp_path)
    small, other = write_body(writer, b"a"), write_body(writer, b"bb")
    large = write_body(writer, b"c" * 200_000)
    writer.sync()
    assert small.segment == other.segment != large.segment
    assert is_shared(small.segment)
    assert not is_shared(large.segment)
    assert [spool.read_small(ref) for ref in (small, other)] == [b"a", b"bb"]
    assert b"".join(spool.read(large)) == b"c" * 200_000
    writer.close()


def test_bodies_that_arrive_interleaved_stay_apart(tmp_path: Path) -> None:
    spool, writer = make(tmp_path, small_body=50)
    bodies = [writer.begin() for _ in range(4)]
    for turn in range(30):
        for number, body in enumerate(bodies):
            if turn < 10 * (number + 1):
                body.write(b"%d" % number * 3)
    refs = [body.finish() for body in bodies]
    writer.sync()
    for number, ref in enumerate(refs):
        expected = b"%d" % number * 3 * min(30, 10 * (number + 1))
        assert b"".join(spool.read(ref, 7)) == expected
    writer.close()


def test_nothing_is_durable_before_the_sync(tmp_path: Path) -> None:
    _, writer = make(tmp_path)
    ref = write_body(writer, b"a")
    assert not writer.is_durable(ref)
    writer.sync()
    assert writer.is_durable(ref)
    assert not writer.is_durable(BodyRef(ref.segment, ref.offset, ref.length + 1))
    writer.close()


def test_a_full_segment_is_let_go_when_its_last_body_is_settled(tmp_path: Path) -> None:
    spool, writer = make(tmp_path, segment_size=100)
    first, second, third = (write_body(writer, b"x" * 20) for _ in range(3))
    writer.sync()
    assert len({first.segment, second.segment, third.segment}) == 3
    writer.settle(first)
    assert not spool.is_owned(first.segment)
    assert spool.is_owned(second.segment)
    assert spool.is_owned(third.segment)
    writer.settle(third)
    assert spool.is_owned(third.segment), "it is still being filled"
    writer.close()


def test_a_sync_without_news_touches_nothing(tmp_path: Path) -> None:
    _, writer = make(tmp_path)
    writer.sync()
    assert list(tmp_path.iterdir()) == []


def test_aborted_bodies_leave_nothing_behind(tmp_path: Path) -> None:
    _, writer = make(tmp_path, memory_budget=1000)
    for size in (10, 900, 2000, 300_000):
        body = writer.begin()
        body.write(bytes(size))
        body.abort()
    assert list(tmp_path.iterdir()) == []
    assert writer.reserve(1000, 1), "the budget came back whole"
    writer.close()


def test_the_budget_comes_back_after_a_sync(tmp_path: Path) -> None:
    _, writer = make(tmp_path, memory_budget=1000)
    for _ in range(50):
        assert is_shared(write_body(writer, bytes(900)).segment)
        writer.sync()
    writer.close()


def test_a_body_is_ended_once(tmp_path: Path) -> None:
    _, writer = make(tmp_path)
    body = writer.begin()
    body.finish()
    body.abort()
    with pytest.raises(StoreRefused):
        body.finish()
    writer.close()


def test_a_segment_that_a_sweep_took_away_is_a_failed_write(tmp_path: Path) -> None:
    class Raced(Files):
        def own(self, fd: int) -> bool:
            for path in tmp_path.iterdir():
                path.unlink()
            return super().own(fd)

    writer = SpoolWriter(Spool(tmp_path, Raced()), itertools.count(1).__next__)
    ref = write_body(writer, b"x")
    with pytest.raises(StoreUnavailable, match="taken away"):
        writer.sync()
    assert not writer.is_durable(ref)
    writer.close()


def test_closing_gives_every_descriptor_back(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    _, writer = make(tmp_path)
    write_body(writer, b"x")
    write_body(writer, bytes(300_000))
    writer.sync()
    writer.close()
    assert len(os.listdir("/proc/self/fd")) == before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=60), max_size=5), min_size=1, max_size=8))
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[list[bytes]]
) -> None:
    spool, writer = make(tmp_path_factory.mktemp("s"), small_body=100, segment_size=400)
    refs = []
    for chunks in bodies:
        body = writer.begin()
        for chunk in chunks:
            body.write(chunk)
        refs.append(body.finish())
    writer.sync()
    for chunks, ref in zip(bodies, refs, strict=True):
        assert spool.read_small(ref) == b"".join(spool.read(ref, 13)) == b"".join(chunks)
    writer.close()
    spool.close()
