# SPDX-License-Identifier: Apache-2.0
"""Secrets lie sealed: the content is nowhere in the data directory."""

import base64
from pathlib import Path

import pytest

from gatehouse.store.errors import StoreCorrupt
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.secrets import SqliteSecrets
from gatehouse.store.values import SecretName

CANARY = b"canary-7f3a-private-key"


def test_a_secret_comes_back_and_can_be_replaced_and_forgotten(
    database: Database, tmp_path: Path
) -> None:
    secrets = SqliteSecrets(database, tmp_path / "master.key")
    assert secrets.get("mx") is None
    secrets.put("mx", b"old", 1.0)
    secrets.put("mx", CANARY, 2.0)
    assert secrets.get("mx") == CANARY
    assert secrets.names() == (SecretName("mx", 2.0),)
    assert secrets.delete("mx")
    assert not secrets.delete("mx")


def test_the_canary_is_nowhere_on_disk(database: Database, tmp_path: Path) -> None:
    SqliteSecrets(database, tmp_path / "master.key").put("mx", CANARY, 1.0)
    forms = (CANARY, CANARY.hex().encode(), base64.b64encode(CANARY))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for path in files:
        assert not any(form in path.read_bytes() for form in forms), path.name


def test_another_master_key_opens_nothing(database: Database, tmp_path: Path) -> None:
    SqliteSecrets(database, tmp_path / "master.key").put("mx", CANARY, 1.0)
    with pytest.raises(StoreCorrupt, match=r"master\.key replaced"):
        SqliteSecrets(database, tmp_path / "other.key").get("mx")
