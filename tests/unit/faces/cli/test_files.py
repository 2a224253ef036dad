# SPDX-License-Identifier: Apache-2.0
"""The one folder for files of people who work from afar: plain names, nothing that leads out."""

import os
import stat
from pathlib import Path

import pytest

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli import files
from gatehouse.faces.cli.files import Folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "configuration"


def refused(what: str, folder: Folder, name: str) -> str:
    with pytest.raises(OperatorError) as raised:
        folder.read(name, 10) if what == "read" else folder.write_new(name, b"x")
    return raised.value.fault.reference


def test_what_was_written_is_read_and_is_for_the_gateway_alone(place: Path) -> None:
    folder = Folder(place)
    folder.write_new("gw1.toml", b"format = 1\n")
    assert folder.read("gw1.toml", 100) == b"format = 1\n"
    assert folder.read("gw1.toml", 5) == b"format"  # one more than asked for, to be refused
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "gw1.toml").stat().st_mode) == 0o600
    assert refused("write", folder, "gw1.toml") == "file-unwritable"


@pytest.mark.parametrize("what", ["read", "write"])
@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../master.key", "/etc/passwd", "a/b", "a\\..\\b", ".profile", "a\x00b", "-",
     "x" * 101, "~root", "gw1.toml\n", "ä.toml"],
)  # fmt: skip
def test_whatever_is_no_plain_name_is_refused(place: Path, what: str, name: str) -> None:
    (place.parent / "master.key").write_text("canary")
    assert refused(what, Folder(place), name) == "file-elsewhere"


@pytest.mark.parametrize("what", ["read", "write"])
def test_a_link_leads_nowhere(place: Path, what: str) -> None:
    secret = place.parent / "master.key"
    secret.write_text("canary")
    place.mkdir()
    (place / "link").symlink_to(secret)
    assert refused(what, Folder(place), "link").startswith("file-un")
    assert secret.read_text() == "canary"


def test_a_folder_that_is_a_link_is_no_folder(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to(place.parent / "elsewhere")
    assert refused("write", Folder(place), "a") == "file-unwritable"


def test_what_is_no_file_is_not_waited_for(place: Path) -> None:
    place.mkdir()
    os.mkfifo(place / "pipe")
    (place / "inside").mkdir()
    assert refused("read", Folder(place), "pipe") == "file-unreadable"
    assert refused("read", Folder(place), "inside") == "file-unreadable"


def test_there_are_so_many_files_and_no_more(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILES", 2)
    folder = Folder(place)
    folder.write_new("a", b"")
    folder.write_new("b", b"")
    assert refused("write", folder, "c") == "too-many-files"
