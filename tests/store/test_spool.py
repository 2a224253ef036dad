# SPDX-License-Identifier: Apache-2.0
"""Freeing what nobody needs, and only that; and memory that does not grow with the message."""

import tracemalloc

from gatehouse.store.interface import BodyWriter, Store
from gatehouse.store.sqlite.store import SqliteStore
from gatehouse.store.values import AddMessage
from tests.store.building import delivered, new_message, queue_one, write_body


def segments(store: Store) -> set[int]:
    assert isinstance(store, SqliteStore)
    return set(store.spool.segments())


def test_a_segment_goes_when_its_last_message_is_gone(store: Store, writer: BodyWriter) -> None:
    first, second = queue_one(store, writer), queue_one(store, writer)
    writer.close()
    store.queue.write([delivered(first)])
    assert store.reclaim() == 0
    store.queue.write([delivered(second)])
    assert store.reclaim() == 1
    assert segments(store) == set()


def test_the_segment_that_is_being_filled_stays(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer)
    store.queue.write([delivered(mid)])
    assert store.reclaim() == 0
    later = queue_one(store, writer, content=b"later")
    found = store.queue.load(later)
    assert found is not None
    assert store.spool.read_small(found.body) == b"later"


def test_a_finished_body_without_row_is_safe_from_the_sweep(
    store: Store, writer: BodyWriter
) -> None:
    large = write_body(writer, b"x" * 300_000)
    small = write_body(writer, b"y")
    writer.sync()
    assert store.reclaim() == 0
    operations = [AddMessage(new_message(1, large)), AddMessage(new_message(2, small))]
    store.commit_batch(writer, operations)
    assert b"".join(store.spool.read(large)) == b"x" * 300_000


def test_a_finished_large_message_frees_its_space_at_once(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, content=b"x" * 300_000)
    message = store.queue.load(mid)
    assert message is not None
    store.free(message)  # too early: it must not go
    assert len(segments(store)) == 1
    store.queue.write([delivered(mid)])
    store.free(message)
    assert segments(store) == set()


def test_a_straggler_is_moved_out_of_a_dead_segment(store: Store, writer: BodyWriter) -> None:
    mids = [queue_one(store, writer, content=b"%d" % n * 1000) for n in range(20)]
    stuck = store.queue.load(mids[7])
    assert stuck is not None
    store.queue.write([delivered(mid) for mid in mids if mid != mids[7]])
    assert store.compact(writer, 10**6) == 0, "its writer still fills it"
    writer.close()
    second = store.body_writer()
    assert store.compact(second, 10) == 0, "more than was allowed"
    assert store.compact(second, 10**6) == 1
    assert store.reclaim() == 1
    moved = store.queue.load(mids[7])
    assert moved is not None
    assert moved.body.segment != stuck.body.segment
    assert store.spool.read_small(moved.body) == b"7" * 1000
    second.close()
    assert store.reclaim() == 0


def test_compacting_leaves_a_well_filled_segment_alone(store: Store, writer: BodyWriter) -> None:
    for _ in range(4):
        queue_one(store, writer, content=b"z" * 1000)
    writer.close()
    second = store.body_writer()
    assert store.compact(second, 10**6) == 0


def test_a_message_of_50_megabytes_is_never_held_in_memory(
    store: Store, writer: BodyWriter
) -> None:
    chunk = b"m" * 65536
    tracemalloc.start()
    try:
        body = writer.begin()
        for _ in range(800):
            body.write(chunk)
        ref = body.finish()
        store.commit_batch(writer, [AddMessage(new_message(1, ref))])
        read = sum(len(part) for part in store.spool.read(ref))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == 800 * 65536
    assert peak < 2 * 1024 * 1024


def test_slow_senders_together_stay_within_the_memory_budget(
    store: Store, writer: BodyWriter
) -> None:
    bodies = [writer.begin() for _ in range(200)]
    tracemalloc.start()
    try:
        for body in bodies:
            body.write(bytes(100_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 1024 * 1024
    for body in bodies:
        body.abort()
    assert segments(store) == set()
