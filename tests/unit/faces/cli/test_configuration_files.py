# SPDX-License-Identifier: Apache-2.0
"""`config save` and `config load` as commands: which files are written, and how."""

import io
import json
import sys
from pathlib import Path

import pytest

from gatehouse import app
from gatehouse.config import saved
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.cli.main import Doors, main
from gatehouse.service.trust import sealing

DOORS = Doors(version=lambda: "1.2.3", run_gateway=lambda *_: 7, open_house=app.open_house)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sealing, "MEMORY_KIB", 64)
    _, store = app.open_house(tmp_path / "data")
    store.close()
    (tmp_path / "word").write_text("correct horse battery\n")
    return tmp_path


def test_a_file_is_new_and_its_owners_alone(place: Path) -> None:
    assert main(["config", "save", "a.toml"], DOORS) == 0
    path = place / "a.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(DEFAULT_TEXT.encode())
    path.write_text("mine")
    assert main(["config", "save", "a.toml"], DOORS) == 1
    assert path.read_text() == "mine"
    path.chmod(0o644)
    assert main(["config", "save", "a.toml", "--force"], DOORS) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(DEFAULT_TEXT.encode())
    assert sorted(one.name for one in place.iterdir()) == ["a.toml", "data", "word"]


def test_a_link_is_not_followed_and_replaced_as_a_link(place: Path) -> None:
    (place / "target").write_text("mine")
    (place / "a.toml").symlink_to(place / "target")
    assert main(["config", "save", "a.toml"], DOORS) == 1
    assert main(["config", "save", "a.toml", "--force"], DOORS) == 0
    assert (place / "target").read_text() == "mine"
    assert not (place / "a.toml").is_symlink()


def test_standard_output_gets_the_file_and_nothing_else(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert main(["config", "save", "-"], DOORS) == 0
    said = capfdbinary.readouterr()
    file = saved.read(said.out)
    assert isinstance(file, saved.File)
    assert file.text == DEFAULT_TEXT.encode()
    assert b"Saved: revision 1" in said.err
    assert main(["config", "save", "-", "--passphrase-file", "word"], DOORS) == 1
    assert capfdbinary.readouterr().out == b""


def test_a_sealed_file_is_loaded_with_its_passphrase(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = ["--passphrase-file", "word"]
    assert main(["config", "save", "s.toml", "--with-people", *word], DOORS) == 0
    assert main(["config", "check", "s.toml"], DOORS) == 0
    assert main(["config", "load", "s.toml", *word, "--json"], DOORS) == 0
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :])["changed"] is False
    assert main(["config", "load", "s.toml"], DOORS) == 1
    assert "--passphrase-file" in capsys.readouterr().err
    assert main(["config", "load", "s.toml", "--section", "listeners"], DOORS) == 0


def test_check_without_a_file_is_about_what_is_in_force(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "check"], DOORS) == 0
    assert "(revision 1)" in capsys.readouterr().out


def test_standard_input_is_the_file_or_the_passphrase(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    assert main(["config", "save", "s.toml", "--passphrase-file", "word"], DOORS) == 0
    for arguments, given, status in (
        (["s.toml", "--passphrase-file", "-"], (place / "word").read_bytes(), 0),
        (["-", "--passphrase-file", "word"], (place / "s.toml").read_bytes(), 0),
        (["-", "--passphrase-file", "-"], (place / "s.toml").read_bytes(), 1),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        assert main(["config", "load", *arguments], DOORS) == status
    assert "Standard input can be read once only." in capsys.readouterr().err


def test_what_stands_in_the_way_is_told_before_the_passphrase_is_asked_for(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert main(["config", "save", "-", "--encrypted"], DOORS) == 1
    assert "Name a file instead of -." in capsys.readouterr().err
    assert main(["config", "save", "word", "--encrypted"], DOORS) == 1
    assert "Name another, or say --force." in capsys.readouterr().err
    (place / "empty").write_bytes(b"")
    assert main(["config", "save", "s.toml", "--passphrase-file", "empty"], DOORS) == 1
    assert "A passphrase has at least 12 characters." in capsys.readouterr().err


@pytest.mark.parametrize("name", [".", "data", "none", "word/x", ""])
def test_what_is_no_file_is_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["config", "load", name], DOORS) in (1, 2)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "cannot be read" in said or "Usage" in said
