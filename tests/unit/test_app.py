# SPDX-License-Identifier: Apache-2.0
"""The first start: a password is shown to a terminal, and not to what keeps it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse import app
from gatehouse.store.sqlite.store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    _, store = app.open_house(tmp_path / "data")
    yield store
    store.close()


def test_the_first_password_is_shown_once(
    store: SqliteStore, capfd: pytest.CaptureFixture[str]
) -> None:
    app._first_administrator(store)
    assert capfd.readouterr().out.startswith("Administrator admin, password ")
    app._first_administrator(store)
    assert capfd.readouterr().out == ""


def test_the_journal_of_the_system_does_not_hear_it(
    store: SqliteStore, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.fstat(1)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    app._first_administrator(store)
    said = capfd.readouterr().out
    assert "gatehouse user password admin" in said
    assert ", password" not in said
    assert [one.name for one in store.people.list()] == ["admin"]
