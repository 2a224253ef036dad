# SPDX-License-Identifier: Apache-2.0
"""Files are there whole or not at all; people from afar have one folder, and nothing leads out."""

import errno
import os
import stat
from collections.abc import Callable
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


# --- whole or not at all --------------------------------------------------------------------------

OLD, NEW = b"the old one\n", b"the new one\n"


def in_folder(name: str, content: bytes) -> None:
    Folder(Path(name).parent / "configuration").write_new(Path(name).name, content)


@pytest.mark.parametrize(
    ("write", "step"),
    [
        (files.write_new, "fsync"),
        (in_folder, "fsync"),
        (files.replace, "fsync"),
        (files.replace, "replace"),
    ],
)
@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_full_disk_and_an_interrupt_leave_no_part_of_a_file(
    write: Callable[[str, bytes], None],
    fault: BaseException,
    step: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = tmp_path / "gw1.toml"
    if write is files.replace:
        name.write_bytes(OLD)
    before = everything(tmp_path)

    def breaks(*_: object) -> None:
        raise fault

    monkeypatch.setattr(os, step, breaks)
    with pytest.raises((OperatorError, KeyboardInterrupt)) as raised:
        write(str(name), NEW)
    assert everything(tmp_path) == before
    if isinstance(raised.value, OperatorError):
        assert raised.value.fault.reference == "file-unwritable"
        assert raised.value.fault.message == "The file cannot be written: full."
        assert "gw1.toml" in (raised.value.fault.context or "")


def everything(place: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in place.rglob("*") if one.is_file()}


def test_a_replaced_file_is_another_one_for_its_owner_alone(tmp_path: Path) -> None:
    for name in ("gw1.toml", "\u4e2d" * 85):  # 255 octets: no room for anything beside the name
        path = tmp_path / name
        path.write_bytes(OLD)
        path.chmod(0o644)
        with path.open("rb") as reader:
            files.replace(str(path), NEW)
            assert reader.read() == OLD, "who reads it reads on"
        assert path.read_bytes() == NEW
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.unlink()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "inside").mkdir()
    for name in ("pipe", "inside", "", ".", "..", "a\0b", "none/there"):
        with pytest.raises(OperatorError) as raised:
            files.replace(str(tmp_path / name) if name else name, NEW)
        assert raised.value.fault.reference == "file-unwritable"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["inside", "pipe"]
