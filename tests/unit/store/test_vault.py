# SPDX-License-Identifier: Apache-2.0
"""The vault: sealed under a name, opened by nobody else, with a key file nobody else can read."""

import os
import stat
from pathlib import Path

import pytest

from gatehouse.store.errors import StoreCorrupt, StoreUnavailable
from gatehouse.store.vault import Vault, open_vault

CANARY = b"canary-private-key"


def test_what_was_sealed_opens_under_its_name_only() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal("mx", CANARY)
    assert CANARY not in sealed
    assert vault.unseal("mx", sealed) == CANARY
    with pytest.raises(StoreCorrupt, match="does not open"):
        vault.unseal("other", sealed)
    with pytest.raises(StoreCorrupt, match="does not open"):
        Vault(b"\1" * 32).unseal("mx", sealed)


@pytest.mark.parametrize("position", [0, 1, 5, 13, -1])
def test_a_changed_octet_is_noticed(position: int) -> None:
    vault = Vault(bytes(32))
    sealed = bytearray(vault.seal("mx", CANARY))
    sealed[position] ^= 1
    with pytest.raises(StoreCorrupt):
        vault.unseal("mx", bytes(sealed))


def test_a_sealed_value_that_is_cut_off_is_refused() -> None:
    vault = Vault(bytes(32))
    for length in (0, 1, 12, 13, 28):
        with pytest.raises(StoreCorrupt):
            vault.unseal("mx", vault.seal("mx", CANARY)[:length])


def test_sealing_twice_shows_nothing_in_common() -> None:
    vault = Vault(bytes(32))
    assert vault.seal("mx", CANARY)[1:13] != vault.seal("mx", CANARY)[1:13]


def test_no_text_of_the_vault_shows_the_key() -> None:
    assert repr(Vault(b"k" * 32)) == "Vault(<master key>)"


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_key_file_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        first = open_vault(tmp_path / "master.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    sealed = first.seal("a", CANARY)
    assert open_vault(tmp_path / "master.key").unseal("a", sealed) == CANARY
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_key_that_others_could_read_stops_the_start(tmp_path: Path) -> None:
    open_vault(tmp_path / "master.key")
    (tmp_path / "master.key").chmod(0o640)
    with pytest.raises(StoreUnavailable, match="mode 0640"):
        open_vault(tmp_path / "master.key")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_key_of_another_user_stops_the_start(tmp_path: Path) -> None:
    open_vault(tmp_path / "master.key")
    os.chown(tmp_path / "master.key", 12345, -1)
    with pytest.raises(StoreUnavailable, match="belongs to uid 12345"):
        open_vault(tmp_path / "master.key")


def test_a_link_or_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(bytes(31))
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StoreUnavailable):
        open_vault(tmp_path / "link")
    with pytest.raises(StoreCorrupt, match="31 octets"):
        open_vault(tmp_path / "real")
