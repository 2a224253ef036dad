# SPDX-License-Identifier: Apache-2.0
"""A sealed file opens with its passphrase, under its text, and in no other way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gatehouse.config import saved, saved_fields
from gatehouse.config.saved import File, Saved
from gatehouse.service.trust import sealing
from gatehouse.service.trust.sealing import BadPassphrase, Locked

BODY = b"format = 1\n"
CONTENT = b"\0the secrets\xff"
PASSPHRASE = "correct horse battery"
ABOUT = Saved(program="1", saved_at=datetime(2026, 1, 1, tzinfo=UTC), source="revision 7")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The price is for guessers, not for tests."""
    monkeypatch.setattr(sealing, "MEMORY_KIB", 64)
    monkeypatch.setattr(sealing, "PASSES", 1)


@pytest.fixture
def file(cheap: None) -> File:
    about = sealing.seal(CONTENT, PASSPHRASE, BODY, ABOUT)
    found = saved.read(saved.assemble(BODY, about))
    assert isinstance(found, File)
    return found


def changed(file: File, change: Callable[[Saved], Saved]) -> File:
    assert file.saved is not None
    return replace(file, saved=change(file.saved))


def test_it_opens_with_its_passphrase_and_with_no_other(file: File) -> None:
    assert sealing.unseal(file, PASSPHRASE) == CONTENT
    assert sealing.unseal(file, PASSPHRASE + " ") is Locked.PASSPHRASE
    assert sealing.unseal(file, "") is Locked.PASSPHRASE


def test_nothing_of_the_secrets_and_the_passphrase_is_in_the_file(file: File) -> None:
    assert file.saved is not None
    written = saved.assemble(BODY, file.saved)
    assert CONTENT not in written
    assert PASSPHRASE.encode() not in written
    assert CONTENT not in file.saved.sealed


def test_two_files_of_the_same_secrets_have_nothing_in_common() -> None:
    one, other = (sealing.seal(CONTENT, PASSPHRASE, BODY, ABOUT) for _ in range(2))
    assert one.lock is not None
    assert other.lock is not None
    assert one.lock.salt != other.lock.salt
    assert one.sealed != other.sealed


def test_secrets_do_not_open_under_a_text_that_was_changed(file: File) -> None:
    assert sealing.unseal(replace(file, changed=True), PASSPHRASE) is Locked.CHANGED


def test_who_mends_the_digest_of_a_changed_text_is_found_out(file: File) -> None:
    assert file.saved is not None
    moved = saved.read(saved.assemble(BODY + b'[smart_hosts.x]\nhost = "evil"\n', file.saved))
    assert isinstance(moved, File)
    assert not moved.changed, "the digest is that of the new text"
    assert sealing.unseal(moved, PASSPHRASE) is Locked.TAMPERED


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, source="revision 8"),
        lambda one: replace(one, sections=("smart_hosts",)),
        lambda one: replace(one, masked=("x",)),
        lambda one: replace(one, sealed=one.sealed[:-1] + bytes([one.sealed[-1] ^ 1])),
        lambda one: replace(one, sealed=b""),
        lambda one: replace(one, lock=replace(one.lock, nonce=b"0" * 12)),
    ],
)
def test_a_section_that_was_changed_does_not_open(
    file: File, change: Callable[[Saved], Saved]
) -> None:
    assert sealing.unseal(changed(file, change), PASSPHRASE) is Locked.TAMPERED


def test_one_passphrase_typed_on_two_keyboards_is_one(cheap: None) -> None:
    about = sealing.seal(CONTENT, "caf\u00e9 ole ole ole", BODY, ABOUT)
    assert sealing.unseal(File(text=BODY, saved=about), "cafe\u0301 ole ole ole") == CONTENT


@pytest.mark.parametrize(
    "bad",
    [
        *("short", "", "with a \0 in it and long", "x" * 5000),
        *("\udcff" * 12, "\U0001f600" * 12, "\u200b" * 20),
    ],
)
def test_a_passphrase_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(BadPassphrase):
        sealing.seal(CONTENT, bad, BODY, ABOUT)


def test_what_we_write_lies_within_what_we_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert sealing.MEMORY_KIB <= saved_fields.LARGEST_MEMORY_KIB
    assert sealing.PASSES <= saved_fields.MOST_PASSES
    assert sealing.LANES <= saved_fields.MOST_LANES
    assert sealing.MEMORY_KIB * sealing.PASSES <= saved_fields.LARGEST_WORK_KIB


def test_a_bomb_is_never_lit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file asks for, the hash function is called within the bounds or not at all."""
    asked: list[tuple[int, int, int]] = []

    def derive(
        passphrase: str, salt: bytes, memory_kib: int, passes: int, lanes: int
    ) -> tuple[bytes, bytes]:
        asked.append((memory_kib, passes, lanes))
        return b"k" * 32, b"c" * 16

    monkeypatch.setattr(sealing, "_derive", derive)
    about = sealing.seal(CONTENT, PASSPHRASE, BODY, ABOUT)
    assert about.lock is not None
    asked.clear()
    for memory in (8, 64, 65536, 131072, 131073, 2**31, 2**62):
        for passes in (1, 4, 10, 11, 10**9):
            for lanes in (1, 16, 17, 10**6):
                lock = replace(about.lock, memory_kib=memory, passes=passes, lanes=lanes)
                found = saved.read(saved.assemble(BODY, replace(about, lock=lock)))
                if isinstance(found, File):
                    sealing.unseal(found, PASSPHRASE)
    assert asked
    assert all(memory <= 128 * 1024 for memory, _, _ in asked)
    assert all(memory * passes <= 384 * 1024 for memory, passes, _ in asked)
    assert all(8 * lanes <= memory for memory, _, lanes in asked)
