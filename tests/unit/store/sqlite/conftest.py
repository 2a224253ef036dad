# SPDX-License-Identifier: Apache-2.0
"""A migrated database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.migrate import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "q.db")
    migrate(database)
    yield database
    database.close()
