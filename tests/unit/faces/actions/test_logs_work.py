# SPDX-License-Identifier: Apache-2.0
"""The end of a log, and what follows, across a rollover."""

import asyncio
import contextlib
import itertools
from pathlib import Path

import pytest

from gatehouse.faces.actions import logs_work as work
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.logs import BEGINNING, TailInput
from gatehouse.store.directory import DataDirectory


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    path = tmp_path / "logs/mail_logs/mail.current"
    path.parent.mkdir(parents=True)
    return path


def tail(data: Path, lines: int, events: bool = False) -> tuple[str, ...]:
    house = House(directory=DataDirectory(data), version="", operator="")
    return asyncio.run(work.tail(house, TailInput(lines=lines, events=events))).lines


def test_the_last_lines_come_in_order(tmp_path: Path, mail: Path) -> None:
    mail.write_text("".join(f"line {n}\n" for n in range(30_000)) + "half a li")
    assert tail(tmp_path, 3) == ("line 29997", "line 29998", "line 29999")
    assert tail(tmp_path, 0) == ()
    assert len(tail(tmp_path, 20_000)) == 20_000
    assert len(tail(tmp_path, 40_000)) == 30_000


def test_a_short_file_is_filled_up_from_the_ones_before(tmp_path: Path, mail: Path) -> None:
    mail.write_text("e\n")
    mail.with_name("mail.@20260101T000000.s").write_text("a\nb\n")
    mail.with_name("mail.@20260102T000000.s").write_text("c\nd\n")
    assert tail(tmp_path, 4) == ("b", "c", "d", "e")


def test_events_are_another_log(tmp_path: Path, mail: Path) -> None:
    events = tmp_path / "logs/event_logs/events.current.jsonl"
    events.parent.mkdir()
    events.write_bytes(b'{"a":1}\n\xff\n')
    assert tail(tmp_path, 5, events=True) == ('{"a":1}', "\\xff")


def test_where_there_is_no_log_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no log"):
        tail(tmp_path, 5)
    with pytest.raises(OperatorError, match="no log"):
        next(work.follow(tmp_path, TailInput(), lambda: None))


def test_following_waits_for_the_first_line(tmp_path: Path, mail: Path) -> None:
    def write() -> None:
        mail.write_text("a\n")

    lines = work.follow(tmp_path, TailInput(), write)
    with contextlib.closing(lines):
        assert next(lines) == "a"


def test_following_goes_on_across_a_rollover_without_loss(tmp_path: Path, mail: Path) -> None:
    mail.write_text("a\nb\nha")

    def append(text: str) -> None:
        with mail.open("a") as stream:
            stream.write(text)

    def roll_over() -> None:
        append("last\n")
        mail.rename(mail.with_name("mail.@20260101T000000.s"))

    steps = iter(
        [
            lambda: append("lf\nc"),
            lambda: append("\n"),
            roll_over,
            lambda: append("new\n"),
            lambda: append("end\n"),
        ]
    )
    lines = work.follow(tmp_path, TailInput(lines=1), lambda: next(steps)())
    with contextlib.closing(lines):
        assert list(itertools.islice(lines, 6)) == ["b", "half", "c", "last", "new", "end"]


def after(data: Path, place: str) -> tuple[tuple[str, ...], str]:
    house = House(directory=DataDirectory(data), version="", operator="")
    found = asyncio.run(work.tail(house, TailInput(after=place)))
    return found.lines, found.position


def test_what_was_written_since_the_last_answer_comes_once_across_rollovers(
    tmp_path: Path, mail: Path
) -> None:
    mail.write_text("a\nb\nhalf")
    house = House(directory=DataDirectory(tmp_path), version="", operator="")
    first = asyncio.run(work.tail(house, TailInput(lines=1)))
    assert first.lines == ("b",)
    assert after(tmp_path, first.position) == ((), first.position)
    with mail.open("a") as stream:
        stream.write(" and half\nc\n")
    lines, place = after(tmp_path, first.position)
    assert lines == ("half and half", "c")
    mail.rename(mail.with_name("mail.@20260101T000000.s"))
    mail.write_text("d\n")
    mail.rename(mail.with_name("mail.@20260102T000000.s"))
    mail.write_text("e\n")
    lines, place = after(tmp_path, place)
    assert lines == ("d", "e")
    assert after(tmp_path, place)[0] == ()


def test_a_log_to_which_nothing_was_written_yet_is_empty(tmp_path: Path, mail: Path) -> None:
    house = House(directory=DataDirectory(tmp_path), version="", operator="")
    first = asyncio.run(work.tail(house, TailInput()))
    assert first.lines == ()
    assert after(tmp_path, first.position) == ((), first.position)
    mail.write_text("a\n")
    assert after(tmp_path, first.position)[0] == ("a",)


def test_a_position_in_a_file_that_is_gone_goes_on_with_the_oldest_that_is_there(
    tmp_path: Path, mail: Path
) -> None:
    mail.write_text("x\n")
    mail.with_name("mail.@20260102T000000.s").write_text("w\n")
    assert after(tmp_path, "1:5")[0] == ("w", "x")


def test_a_long_piece_comes_in_parts_and_whole_lines(
    tmp_path: Path, mail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_MOST", 10)
    mail.write_text("one\ntwo\nthree\nfour\nfive\n")
    found: list[str] = []
    place = f"{mail.stat().st_ino}:0"
    while (more := after(tmp_path, place))[0]:
        found += more[0]
        place = more[1]
    assert found == ["one", "two", "three", "four", "five"]


def test_all_that_is_kept_can_be_read_in_parts_from_the_beginning(
    tmp_path: Path, mail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_MOST", 10)
    mail.with_name("mail.@20260101T000000.s").write_text("one\ntwo\nthree\n")
    mail.with_name("mail.@20260102T000000.s").write_text("four\n")
    mail.write_text("five\n")
    house = House(directory=DataDirectory(tmp_path), version="", operator="")
    found: list[str] = []
    place, more = BEGINNING, True
    while more:
        piece = asyncio.run(work.tail(house, TailInput(after=place)))
        found += piece.lines
        place, more = piece.position, piece.more
    assert found == ["one", "two", "three", "four", "five"]


@pytest.mark.parametrize("place", ["", "x", "1", "1:2:3", "1:-2", "9" * 40 + ":1"])
def test_what_is_no_position_is_refused(tmp_path: Path, mail: Path, place: str) -> None:
    mail.write_text("x\n")
    with pytest.raises(OperatorError, match="no position"):
        after(tmp_path, place)
