# SPDX-License-Identifier: Apache-2.0
"""saveconfig, mailconfig, loadconfig, resetconfig: on the real actions."""

from pathlib import Path

import pytest

from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.service.trust import sealing
from tests.unit.faces.cli.shell.conftest import Desk

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MEMORY_KIB", 64)
    monkeypatch.setattr(sealing, "PASSES", 1)


def test_the_configuration_goes_into_a_file_and_comes_back(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "saved.toml"
    desk.play("saveconfig", "", str(path))
    assert "1. Mask passphrases (they are not in the file)" in desk.said
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text().replace("gw1.", "gw7."))
    assert desk.play("loadconfig", str(path), "").system.hostname == "gw7.example.com"


def test_passphrases_are_encrypted_and_the_file_asks_for_its_own(
    desk: Desk, tmp_path: Path
) -> None:
    path = str(tmp_path / "sealed.toml")
    before = desk.text()
    desk.play("saveconfig", "2", PASSPHRASE, "Y", "Y", path)
    assert not any(PASSPHRASE in line for line in desk.said)
    desk.play("sethostname gw9.example.com", "loadconfig", path, "", PASSPHRASE)
    assert desk.text() == before
    desk.play("sethostname gw9.example.com", "loadconfig", path, "", "")
    assert any("was not opened" in line for line in desk.said)
    assert desk.text() == before
    desk.play("loadconfig", path, "", "another passphrase")
    assert any("does not open the file" in line for line in desk.said)


def test_one_section_is_loaded(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(desk.text().replace("gw1.", "gw7.").replace("preferred", "required"))
    loaded = desk.play("loadconfig", str(path), "destination_controls")
    assert loaded.system.hostname == "gw1.example.com"
    assert str(loaded.destination_controls["default"].tls).lower().endswith("required")


def test_the_file_is_mailed(desk: Desk) -> None:
    desk.play("mailconfig", "a@example.com, b@example.com", "1")
    assert any(line.startswith("Queued: revision ") for line in desk.said)
    assert sum(line.count("MID") for line in desk.said) == 2


def test_all_values_are_reset_when_that_is_confirmed(desk: Desk) -> None:
    before = desk.text()
    desk.play("resetconfig", "")
    assert desk.text() == before
    desk.play("resetconfig", "Y")
    assert desk.text() == DEFAULT_TEXT
