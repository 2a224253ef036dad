# SPDX-License-Identifier: Apache-2.0
"""Taken on with one flush, entered later: nothing is lost, nothing comes twice or uninvited."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.store import group_record
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreFull, StoreRefused, StoreUnavailable
from gatehouse.store.files import Files
from gatehouse.store.interface import BodyWriter, Store
from gatehouse.store.spool import segment_path
from gatehouse.store.sqlite import intake
from gatehouse.store.sqlite.connection import SqliteSettings
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import (
    Added,
    AddMessage,
    Cursor,
    Failed,
    NewMessage,
    QueueFilter,
    Result,
)
from tests.store.building import NOW, FaultyFiles, delivered, new_message, write_body
from tests.store.conftest import OpenStore
from tests.store.faulty_vfs import Fault, FaultyDisk, faulty_disk

LARGE = b"L" * 300_000


def message(store: Store, writer: BodyWriter, content: bytes = b"Hi\r\n") -> NewMessage:
    return new_message(store.ids.next("mid"), write_body(writer, content))


def take_on(store: Store, writer: BodyWriter, *messages: NewMessage) -> tuple[Result, ...]:
    return store.take_on(writer, [AddMessage(one) for one in messages])


def queued(store: Store) -> list[int]:
    return [entry.mid for entry in store.queue.list(QueueFilter(), 100)]


def test_a_message_is_promised_first_and_queued_later(store: Store, writer: BodyWriter) -> None:
    first, second = message(store, writer, b"one"), message(store, writer, b"two")
    assert take_on(store, writer, first, second) == (Added(first.mid, 0), Added(second.mid, 0))
    assert queued(store) == []
    assert store.enter(writer) == ()
    assert [due.mid for due in store.queue.due(NOW, 10, Cursor()).recipients] == [
        first.mid,
        second.mid,
    ]
    for given, content in ((first, b"one"), (second, b"two")):
        found = store.queue.load(given.mid)
        assert found is not None
        assert found.sender == given.envelope.sender
        assert store.spool.read_small(found.body) == content
    assert store.enter(writer) == ()
    assert len(queued(store)) == 2


def test_what_a_dead_process_promised_is_queued_by_the_next(
    store: Store, writer: BodyWriter, open_again: OpenStore
) -> None:
    entered = message(store, writer)
    take_on(store, writer, entered)
    store.enter(writer)
    left = [message(store, writer, b"%d" % n) for n in range(5)]
    take_on(store, writer, *left[:2])
    take_on(store, writer, *left[2:])
    writer.close()  # all that remains of a process that dies: its locks are gone
    heir = open_again()
    assert heir.recover() == 5
    assert queued(heir) == [entered.mid, *(one.mid for one in left)]
    found = heir.queue.load(left[3].mid)
    assert found is not None
    assert heir.spool.read_small(found.body) == b"3"
    assert heir.recover() == 0
    assert open_again().recover() == 0


def test_what_was_delivered_does_not_come_back(
    store: Store, writer: BodyWriter, open_again: OpenStore
) -> None:
    """The rows are gone, the envelope still lies in the segment."""
    gone, stays = message(store, writer), message(store, writer)
    take_on(store, writer, gone, stays)
    store.enter(writer)
    store.commit_batch(writer, [delivered(gone.mid)])
    writer.close()
    heir = open_again()
    assert heir.recover() == 0
    assert queued(heir) == [stays.mid]


def test_while_its_owner_lives_nobody_else_enters_from_a_segment(
    store: Store, writer: BodyWriter, open_again: OpenStore
) -> None:
    given = message(store, writer)
    take_on(store, writer, given)
    other = open_again()
    assert other.recover() == 0
    assert other.reclaim() == 0
    assert queued(other) == []
    store.enter(writer)
    assert queued(other) == [given.mid]


def test_a_sweep_enters_before_it_removes(
    store: Store, writer: BodyWriter, open_again: OpenStore
) -> None:
    given = message(store, writer)
    take_on(store, writer, given)
    writer.close()
    assert open_again().reclaim() == 0
    assert queued(store) == [given.mid]


def test_a_segment_is_removed_when_all_of_it_was_entered_and_delivered(
    store: SqliteStore, writer: BodyWriter
) -> None:
    given = message(store, writer)
    take_on(store, writer, given)
    store.enter(writer)
    store.commit_batch(writer, [delivered(given.mid)])
    assert store.queue.entered(given.body.segment) > 0
    writer.close()
    assert store.reclaim() == 1
    assert store.spool.segments() == []
    assert store.queue.entered(given.body.segment) == 0


@pytest.mark.parametrize("octets", [1, 100, 10_000])
def test_a_torn_group_counts_for_nothing_and_those_before_it_count(
    store: Store, writer: BodyWriter, open_again: OpenStore, octets: int
) -> None:
    safe = message(store, writer, b"safe")
    take_on(store, writer, safe)
    torn = message(store, writer, b"t" * 9_000)
    take_on(store, writer, torn)
    writer.close()
    path = segment_path(store.spool.directory, safe.body.segment)  # type: ignore[attr-defined]
    os.truncate(path, max(torn.body.offset, path.stat().st_size - octets))
    heir = open_again()
    assert heir.recover() == 1
    assert queued(heir) == [safe.mid]


def harm(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def test_in_the_last_group_a_message_counts_if_its_body_is_whole(
    store: Store, writer: BodyWriter, open_again: OpenStore
) -> None:
    first, second = message(store, writer, b"first"), message(store, writer, b"second")
    take_on(store, writer, first, second)
    writer.close()
    path = segment_path(store.spool.directory, first.body.segment)  # type: ignore[attr-defined]
    harm(path, second.body.offset + 22)
    heir = open_again()
    assert heir.recover() == 1
    assert queued(heir) == [first.mid]


def test_a_body_that_looks_like_a_group_is_a_body(
    store: Store, writer: BodyWriter, open_again: OpenStore
) -> None:
    segment = message(store, writer).body.segment
    forged = group_record.encode([new_message(666, write_body(writer, b"x"))])
    opening = b"".join(
        group_record.head(segment, offset, 0, forged) + forged for offset in range(0, 2000, 40)
    )
    honest = message(store, writer, opening)
    take_on(store, writer, honest)
    writer.close()
    heir = open_again()
    assert heir.recover() == 1
    assert queued(heir) == [honest.mid]


def test_a_large_message_is_queued_before_it_is_promised(store: Store, writer: BodyWriter) -> None:
    small, large = message(store, writer), message(store, writer, LARGE)
    results = take_on(store, writer, large, small)
    assert [type(result) for result in results] == [Added, Added]
    assert queued(store) == [large.mid]
    store.enter(writer)
    assert sorted(queued(store)) == sorted([small.mid, large.mid])


def test_a_message_for_nobody_is_refused(store: Store, writer: BodyWriter) -> None:
    given = message(store, writer)
    envelope = type(given.envelope)(sender=given.envelope.sender, recipients=())
    nobody = new_message(given.mid, given.body, envelope=envelope)
    with pytest.raises(StoreRefused):
        take_on(store, writer, nobody)


def test_a_mid_that_is_taken_costs_no_other_message(store: Store, writer: BodyWriter) -> None:
    first = message(store, writer)
    take_on(store, writer, first)
    store.enter(writer)
    again, other = new_message(first.mid, write_body(writer, b"x")), message(store, writer)
    take_on(store, writer, again, other)
    (failed,) = store.enter(writer)
    assert isinstance(failed.error, StoreRefused)
    assert queued(store) == [first.mid, other.mid]


@pytest.mark.parametrize("operation", ["create", "write", "flush", "flush_directory"])
@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreUnavailable)]
)
def test_who_was_told_no_is_not_found_later(
    open_again: OpenStore, operation: str, number: int, expected: type
) -> None:
    files = FaultyFiles()
    store = open_again(files)
    writer = store.body_writer()
    files.plan = {operation: [number]}
    given = message(store, writer)
    (result,) = take_on(store, writer, given)
    assert isinstance(result, Failed)
    assert isinstance(result.error, expected)
    after = message(store, writer, b"after")
    assert take_on(store, writer, after) == (Added(after.mid, 0),)
    writer.close()  # it dies
    heir = open_again()
    assert heir.recover() == 1
    assert queued(heir) == [after.mid]
    heir.reclaim()
    assert len(heir.spool.segments()) == 1  # type: ignore[attr-defined]


def test_a_group_that_fails_takes_none_before_it_along(open_again: OpenStore) -> None:
    files = FaultyFiles()
    store = open_again(files)
    writer = store.body_writer()
    safe = message(store, writer, b"safe")
    take_on(store, writer, safe)
    files.plan = {"flush": [errno.EIO]}
    refused = message(store, writer, b"refused")
    (result,) = take_on(store, writer, refused)
    assert isinstance(result, Failed)
    store.enter(writer)
    assert open_again().recover() == 0  # nobody owns it any more, and nothing is left in it
    assert queued(store) == [safe.mid]
    writer.close()


def test_what_cannot_be_cut_off_stays_owned(open_again: OpenStore) -> None:
    class Stubborn(Files):
        broken = False

        def flush(self, fd: int) -> None:
            if self.broken:
                raise StoreUnavailable("no flush")
            super().flush(fd)

        def cut(self, fd: int, length: int) -> None:
            raise StoreUnavailable("no cut either")

    files = Stubborn()
    store = open_again(files)
    writer = store.body_writer()
    take_on(store, writer, message(store, writer))
    store.enter(writer)
    files.broken = True
    (result,) = take_on(store, writer, message(store, writer))
    assert isinstance(result, Failed)
    other = open_again()
    assert other.recover() == 0
    assert len(queued(other)) == 1
    writer.close()


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with faulty_disk() as disk:
        yield disk


@pytest.fixture
def on_faulty_disk(tmp_path: Path, disk: FaultyDisk) -> Iterator[SqliteStore]:
    store = open_store(DataDirectory(tmp_path / "data"), SqliteSettings(vfs="faulty", patience=1.0))
    yield store
    disk.arm(None)
    store.close()


@pytest.mark.parametrize(("how", "error"), [("fail", StoreUnavailable), ("full", StoreFull)])
def test_while_nothing_can_be_entered_nothing_more_is_taken_on(
    on_faulty_disk: SqliteStore, disk: FaultyDisk, how: str, error: type[Exception]
) -> None:
    store = on_faulty_disk
    writer = store.body_writer()
    promised, refused = message(store, writer), message(store, writer)
    take_on(store, writer, promised)
    disk.arm(Fault("write", 1, how, lasting=True))
    with pytest.raises(error):
        store.enter(writer)
    (result,) = take_on(store, writer, refused)
    assert isinstance(result, Failed)
    assert isinstance(result.error, error)
    disk.arm(None)
    later = message(store, writer)
    assert take_on(store, writer, later) == (Added(later.mid, 0),)
    assert queued(store) == [promised.mid]
    store.enter(writer)
    assert queued(store) == [promised.mid, later.mid]
    writer.close()


def test_not_more_is_promised_than_memory_is_set_aside_for(
    store: SqliteStore, writer: BodyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_UNENTERED", 3)
    for _ in range(8):
        take_on(store, writer, message(store, writer))
        assert store.intake.unentered <= 3
    assert len(queued(store)) == 6
