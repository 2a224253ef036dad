# SPDX-License-Identifier: Apache-2.0
"""The name of this machine lies in the data directory, or its start says it."""

from pathlib import Path

import pytest

from gatehouse.service.base import machine
from gatehouse.store.errors import StoreError


def test_a_machine_has_no_name_before_it_gets_one(tmp_path: Path) -> None:
    assert machine.kept(tmp_path) is None


def test_a_name_is_kept_and_replaced(tmp_path: Path) -> None:
    for name in ("gw1", "gw2.example.org"):
        machine.keep(tmp_path, name)
        assert machine.kept(tmp_path) == name
    assert [one.name for one in tmp_path.iterdir()] == ["machine"]
    assert (tmp_path / "machine").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"a b", b"\xff\xfe", b"x" * 100_000])
def test_what_is_no_name_is_said_with_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "machine").write_bytes(content)
    with pytest.raises(StoreError, match="does not hold the name of a machine"):
        machine.kept(tmp_path)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        machine.keep(tmp_path / "none", "gw1")
