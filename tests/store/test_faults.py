# SPDX-License-Identifier: Apache-2.0
"""The ground breaks: what is answered, what stays promised, and that it ends without a restart."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.store.body_record import HEADER_SIZE
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import (
    BodyMissing,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from gatehouse.store.spool import segment_path
from gatehouse.store.sqlite.connection import SqliteSettings
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import Added, AddMessage, BodyRef, Failed, Operation, Settled
from tests.store.building import FaultyFiles, delivered, new_message, queue_one, write_body
from tests.store.faulty_vfs import Fault, FaultyDisk, faulty_disk

LARGE = b"L" * 300_000


@pytest.fixture
def files() -> FaultyFiles:
    return FaultyFiles()


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with faulty_disk() as disk:
        yield disk


@pytest.fixture
def store(tmp_path: Path, files: FaultyFiles, disk: FaultyDisk) -> Iterator[SqliteStore]:
    settings = SqliteSettings(vfs="faulty", patience=1.0)
    store = open_store(DataDirectory(tmp_path / "data"), settings, files)
    yield store
    disk.arm(None)
    store.close()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EIO, StoreUnavailable),
        (errno.EROFS, StoreUnavailable),
    ],
)
@pytest.mark.parametrize("operation", ["create", "write", "flush", "flush_directory"])
def test_a_fault_of_the_spool_fails_its_messages_and_no_settling(
    store: SqliteStore, files: FaultyFiles, operation: str, number: int, expected: type[StoreError]
) -> None:
    writer = store.body_writer()
    before = queue_one(store, writer)
    writer.close()
    writer = store.body_writer()  # a new segment, so that every operation takes place
    files.plan = {operation: [number]}
    message = new_message(700, write_body(writer, b"small"))
    failed, settled = store.commit_batch(writer, [AddMessage(message), delivered(before)])
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, expected)
    assert settled == Settled(before, True)
    assert store.queue.load(700) is None
    # it ends without a restart, in another segment
    assert queue_one(store, writer, content=b"again")
    writer.close()
    assert store.reclaim() >= 1


def test_no_later_success_makes_a_failed_flush_good(store: SqliteStore, files: FaultyFiles) -> None:
    writer = store.body_writer()
    queue_one(store, writer)
    early = write_body(writer, b"finished before the fault")
    files.plan = {"flush": [errno.EIO]}
    with pytest.raises(StoreUnavailable):
        writer.sync()
    late = write_body(writer, b"after the fault")
    assert late.segment != early.segment
    writer.sync()
    assert writer.is_durable(late)
    assert not writer.is_durable(early)
    operations: list[Operation] = [
        AddMessage(new_message(1000, early)),
        AddMessage(new_message(1001, late)),
    ]
    first, second = store.commit_batch(writer, operations)
    assert isinstance(first, Failed)
    assert isinstance(second, Added)
    writer.close()


def test_what_was_durable_before_the_fault_stays_good(
    store: SqliteStore, files: FaultyFiles
) -> None:
    writer = store.body_writer()
    good = write_body(writer, b"good")
    writer.sync()
    write_body(writer, b"bad")
    files.plan = {"write": [errno.EIO]}
    with pytest.raises(StoreUnavailable):
        writer.sync()
    assert writer.is_durable(good)
    assert store.queue.load(queue_one(store, writer)) is not None
    assert store.spool.read_small(good) == b"good"
    writer.close()


def test_a_large_body_that_finds_no_space_can_be_aborted(
    store: SqliteStore, files: FaultyFiles
) -> None:
    writer = store.body_writer()
    body = writer.begin()
    body.write(LARGE)
    files.plan = {"write": [errno.ENOSPC]}
    with pytest.raises(StoreFull):
        body.write(LARGE)
    body.abort()
    body.abort()
    assert store.spool.segments() == []
    files.plan = {"create": [errno.ENOSPC]}
    body = writer.begin()
    with pytest.raises(StoreFull):
        body.write(LARGE)
    body.abort()
    mid = queue_one(store, writer, content=LARGE)
    found = store.queue.load(mid)
    assert found is not None
    assert b"".join(store.spool.read(found.body)) == LARGE
    writer.close()


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_a_failed_commit_is_a_failed_write(
    store: SqliteStore, disk: FaultyDisk, operation: str
) -> None:
    writer = store.body_writer()
    kept = queue_one(store, writer)
    disk.arm(Fault(operation, 1, "fail"))
    message = new_message(900, write_body(writer, b"lost"))
    with pytest.raises(StoreUnavailable):
        store.commit_batch(writer, [AddMessage(message)])
    disk.arm(None)
    assert store.queue.load(900) is None
    assert store.queue.write([delivered(kept)]) == (Settled(kept, True),)
    assert store.queue.load(900) is None, "the failed transaction came back with a later one"
    assert queue_one(store, writer)
    writer.close()


def test_a_full_disk_under_the_database_refuses_mail_and_writes_marks(
    store: SqliteStore, disk: FaultyDisk, tmp_path: Path
) -> None:
    writer = store.body_writer()
    kept = queue_one(store, writer)
    reserve = tmp_path / "data" / "queue.db.reserve"
    assert reserve.stat().st_blocks * 512 >= reserve.stat().st_size > 0
    disk.arm(Fault("write", 1, "full"))
    message = new_message(900, write_body(writer, b"x"))
    failed, settled = store.commit_batch(writer, [AddMessage(message), delivered(kept)])
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, StoreFull)
    assert settled == Settled(kept, True)
    assert not reserve.exists()
    store.reclaim()
    assert reserve.exists()
    writer.close()


def test_a_disk_that_stays_broken_keeps_saying_so(store: SqliteStore, disk: FaultyDisk) -> None:
    writer = store.body_writer()
    kept = queue_one(store, writer)
    disk.arm(Fault("sync", 1, "fail", lasting=True))
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            queue_one(store, writer)
    assert store.queue.load(kept) is not None, "reading does not depend on writing"
    disk.arm(None)
    assert queue_one(store, writer)
    writer.close()


def test_numbers_of_a_failed_commit_are_not_used(store: SqliteStore, disk: FaultyDisk) -> None:
    writer = store.body_writer()
    given = {store.ids.next("icid") for _ in range(64)}
    message = new_message(1, write_body(writer, b"x"))
    disk.arm(Fault("sync", 1, "fail"))
    with pytest.raises(StoreUnavailable):
        store.commit_batch(writer, [AddMessage(message)])
    disk.arm(None)
    given |= {store.ids.next("icid") for _ in range(200)}
    assert len(given) == 264
    writer.close()


def cut(path: Path, body: BodyRef) -> None:
    os.truncate(path, path.stat().st_size - 8)


def flip(path: Path, body: BodyRef) -> None:
    content = bytearray(path.read_bytes())
    content[body.offset + HEADER_SIZE + body.length // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, flip])
@pytest.mark.parametrize("size", [1, 5000, 65536, 65537, 300_000])
def test_a_damaged_body_never_comes_to_its_end(store: SqliteStore, harm: type, size: int) -> None:
    writer = store.body_writer()
    body = os.urandom(size)
    mid = queue_one(store, writer, content=body)
    writer.close()
    found = store.queue.load(mid)
    assert found is not None
    harm(segment_path(store.spool.directory, found.body.segment), found.body)
    got: list[bytes] = []
    with pytest.raises(StoreCorrupt):
        got.extend(store.spool.read(found.body))
    assert sum(map(len, got)) < size
    with pytest.raises(StoreCorrupt):
        store.spool.read_small(found.body)


def test_a_foreign_segment_is_recognised(store: SqliteStore) -> None:
    writer = store.body_writer()
    refs = []
    for _ in range(2):
        refs.append(write_body(writer, LARGE))
        writer.sync()
    first, second = (segment_path(store.spool.directory, ref.segment) for ref in refs)
    second.write_bytes(first.read_bytes())
    with pytest.raises(StoreCorrupt):
        next(store.spool.read(refs[1]))
    second.unlink()
    with pytest.raises(BodyMissing):
        next(store.spool.read(refs[1]))
    writer.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB and few inodes; needs root."""
    place = tmp_path / "small"
    place.mkdir()
    options = "size=4m,nr_inodes=64,mode=700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Write until nothing goes in any more."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass


def use_up_inodes(directory: Path) -> list[Path]:
    """Make files until no more can be made."""
    made: list[Path] = []
    with contextlib.suppress(OSError):
        while True:
            path = directory / f"f{len(made)}"
            path.touch()
            made.append(path)
    return made


def test_a_full_disk_refuses_mail_settles_the_rest_and_recovers(small_disk: Path) -> None:
    directory = DataDirectory(small_disk / "data")
    store = open_store(directory, SqliteSettings(reserve_octets=256 * 1024))
    writer = store.body_writer()
    queued: list[int] = []
    while True:
        mid = store.ids.next("mid")
        message = new_message(mid, write_body(writer, b"z" * 60_000))
        (result,) = store.commit_batch(writer, [AddMessage(message)])
        if not isinstance(result, Added):
            break
        queued.append(mid)
    assert isinstance(result, Failed)
    assert isinstance(result.error, StoreFull)
    assert len(queued) > 10
    assert not directory.space(1_000_000).enough
    # fill the last pages too, as a neighbour would
    fill(small_disk / "neighbour")
    # whoever comes now is refused before the database is asked, and the segment ends there
    refused = new_message(store.ids.next("mid"), write_body(writer, b"z" * 60_000))
    (result,) = store.commit_batch(writer, [AddMessage(refused)])
    assert isinstance(result, Failed)
    assert isinstance(result.error, StoreFull)
    # deliveries go on draining, and their marks are written
    for mid in queued[:-1]:
        assert store.queue.write([delivered(mid)]) == (Settled(mid, True),)
    (small_disk / "neighbour").unlink()
    last = store.queue.load(queued[-1])
    assert last is not None
    assert store.spool.read_small(last.body) == b"z" * 60_000
    store.queue.write([delivered(queued[-1])])
    store.reclaim()
    assert directory.space(1_000_000).enough
    assert queue_one(store, writer, content=b"z" * 60_000)
    writer.close()
    store.close()


def test_inodes_that_run_out_are_a_full_disk(small_disk: Path) -> None:
    directory = DataDirectory(small_disk / "data")
    store = open_store(directory)
    writer = store.body_writer()
    queue_one(store, writer)
    files = use_up_inodes(small_disk)
    assert not directory.space(0).enough
    with pytest.raises(StoreFull):
        write_body(writer, LARGE)
    assert queue_one(store, writer), "a small one needs no inode"
    for file in files:
        file.unlink()
    assert directory.space(0).enough
    assert queue_one(store, writer, content=LARGE)
    writer.close()
    store.close()
