# SPDX-License-Identifier: Apache-2.0
"""The order of a commit; what every store does is in tests/store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import AddMessage
from tests.store.building import new_message, queue_one, write_body


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = open_store(DataDirectory(tmp_path / "data"))
    yield store
    store.close()


def test_the_body_of_a_failed_commit_is_guarded_until_the_next_success(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.body_writer()
    large = write_body(writer, bytes(300_000))

    def fail(_batch: object) -> None:
        raise StoreUnavailable("injected")

    with monkeypatch.context() as broken:
        broken.setattr(store.queue, "write", fail)
        with pytest.raises(StoreUnavailable):
            store.commit_batch(writer, [AddMessage(new_message(900, large))])
    assert store.spool.is_owned(large.segment)
    assert store.reclaim() == 0
    queue_one(store, writer)
    assert not store.spool.is_owned(large.segment)
    assert store.reclaim() == 1
    writer.close()


def test_a_body_is_flushed_before_its_row_is_written(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.body_writer()
    ref = write_body(writer, b"x")
    write = store.queue.write

    def look_first(batch: list[AddMessage]) -> object:
        assert writer.is_durable(ref)
        return write(batch)

    monkeypatch.setattr(store.queue, "write", look_first)
    store.commit_batch(writer, [AddMessage(new_message(1, ref))])
    assert store.queue.load(1) is not None
    writer.close()
