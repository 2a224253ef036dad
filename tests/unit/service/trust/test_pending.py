# SPDX-License-Identifier: Apache-2.0
"""Changes wait beside what is in force, and take effect with the revision or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.service.trust import keyring, pending
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store
from gatehouse.store.revision_values import NewRevision
from gatehouse.tls.certificates import CertifiedKey


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    _, opened = open_house(tmp_path / "data")
    yield opened
    opened.close()


def pair(word: str) -> CertifiedKey:
    return CertifiedKey(f"key {word}".encode(), (f"certificate {word}".encode(),))


def commit(store: Store) -> None:
    store.commit_revision(
        NewRevision(
            text="x",
            operator="ann",
            comment="",
            committed_at=5.0,
            secrets=pending.promotion(store, "ann"),
        )
    )


def test_a_staged_certificate_is_not_in_force(store: Store) -> None:
    keyring.stage(store, "ann", "mx", pair("new"), 1.0)
    assert "mx" not in keyring.names(store)
    assert keyring.names_to_be(store, "ann") == {"Demo", "mx"}
    assert keyring.to_be(store, "ann", "mx") == pair("new")
    with pytest.raises(keyring.NoSuchCertificate):
        keyring.get(store, "mx")


def test_a_commit_puts_key_and_certificate_in_force_together(store: Store) -> None:
    keyring.put(store, "mx", pair("old"), 1.0)
    keyring.stage(store, "ann", "mx", pair("new"), 2.0)
    assert keyring.get(store, "mx") == pair("old")
    commit(store)
    assert keyring.get(store, "mx") == pair("new")
    assert pending.names(store, "ann") == ()


def test_a_commit_that_fails_changes_neither_revision_nor_secret(store: Store) -> None:
    keyring.put(store, "mx", pair("old"), 1.0)
    keyring.stage(store, "ann", "mx", pair("new"), 2.0)
    before = store.revisions.current()
    broken = NewRevision(
        text=None,  # type: ignore[arg-type]  # the table refuses it, after the secrets were written
        operator="ann",
        comment="",
        committed_at=5.0,
        secrets=pending.promotion(store, "ann"),
    )
    with pytest.raises(StoreError):
        store.commit_revision(broken)
    assert store.revisions.current() == before
    assert keyring.get(store, "mx") == pair("old")
    assert pending.names(store, "ann") == ("certificate/mx",)


def test_a_staged_removal_takes_effect_with_the_commit(store: Store) -> None:
    keyring.put(store, "mx", pair("old"), 1.0)
    keyring.stage_removal(store, "ann", "mx", 2.0)
    assert "mx" in keyring.names(store)
    assert "mx" not in keyring.names_to_be(store, "ann")
    with pytest.raises(keyring.NoSuchCertificate):
        keyring.to_be(store, "ann", "mx")
    commit(store)
    assert "mx" not in keyring.names(store)


def test_removing_what_only_waits_leaves_nothing_waiting(store: Store) -> None:
    keyring.stage(store, "ann", "mx", pair("new"), 1.0)
    keyring.stage_removal(store, "ann", "mx", 2.0)
    assert pending.names(store, "ann") == ()


def test_what_is_dropped_is_gone_and_named(store: Store) -> None:
    keyring.stage(store, "ann", "mx", pair("new"), 1.0)
    assert pending.drop(store, "ann", 2.0) == ("certificate/mx",)
    assert keyring.names_to_be(store, "ann") == {"Demo"}


def test_a_reversal_brings_back_both_what_was_and_what_waited(store: Store) -> None:
    keyring.put(store, "mx", pair("old"), 1.0)
    keyring.stage(store, "ann", "mx", pair("new"), 2.0)
    undo = pending.reversal(store, pending.promotion(store, "ann"))
    commit(store)
    store.secrets.change(undo, 3.0)
    assert keyring.get(store, "mx") == pair("old")
    assert keyring.to_be(store, "ann", "mx") == pair("new")


def test_a_pending_key_lies_sealed(store: Store, tmp_path: Path) -> None:
    keyring.stage(store, "ann", "mx", pair("CANARY-OF-A-KEY"), 1.0)
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert b"CANARY-OF-A-KEY" not in file.read_bytes()
