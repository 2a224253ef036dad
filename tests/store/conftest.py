# SPDX-License-Identifier: Apache-2.0
"""Each test of this folder runs once for every backend."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.store.directory import DataDirectory
from gatehouse.store.files import Files
from gatehouse.store.interface import BodyWriter, Store
from gatehouse.store.sqlite.store import open_store

OpenStore = Callable[..., Store]


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_again(backend: str, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the store of this test, as often as wanted: like processes on one data directory."""
    assert backend == "sqlite"
    opened: list[Store] = []

    def open_one(files: Files | None = None) -> Store:
        store = open_store(DataDirectory(tmp_path / "data"), files=files)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: OpenStore) -> Store:
    return open_again()


@pytest.fixture
def writer(store: Store) -> Iterator[BodyWriter]:
    writer = store.body_writer()
    yield writer
    writer.close()
