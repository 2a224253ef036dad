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
from gatehouse.faces.actions.logs import TailInput
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
