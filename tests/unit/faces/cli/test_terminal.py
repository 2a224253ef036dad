# SPDX-License-Identifier: Apache-2.0
"""Tables that fit, text that does no harm."""

from datetime import UTC, datetime, timedelta

import pytest

from gatehouse.faces.cli import terminal
from gatehouse.faces.cli.terminal import Column, Screen, table

COLUMNS = (Column("N", right=True), Column("TEXT", flexible=True), Column("MORE", flexible=True))
AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_columns_stand_below_their_titles() -> None:
    shown = table(COLUMNS, [("1", "a", "b"), ("200", "long text", "")], Screen())
    assert shown.split("\n") == ["  N  TEXT       MORE", "  1  a          b", "200  long text"]


@pytest.mark.parametrize("width", range(24, 60))
def test_a_row_is_never_wider_than_the_terminal(width: int) -> None:
    rows = [("12345", "t" * 80, "m" * 9), ("1", "漢字" * 30, "é" * 40)]
    for line in table(COLUMNS, rows, Screen(width)).split("\n"):
        assert terminal._width(line) <= width


def test_what_is_cut_says_so_and_numbers_are_not_cut() -> None:
    shown = table(COLUMNS, [("1234567890", "t" * 80, "m" * 80)], Screen(40)).split("\n")[1]
    assert shown.startswith("1234567890  t")
    assert shown.count("…") == 2


def test_without_a_terminal_nothing_is_cut() -> None:
    assert "t" * 500 in table(COLUMNS, [("1", "t" * 500, "")], Screen())


@pytest.mark.parametrize(
    "evil", ["\x1b[2Jgone", "a\rb", "\x9b31m", "\u202etxt.exe", "a\nb", "\x07"]
)
def test_foreign_text_cannot_speak_to_the_terminal(evil: str) -> None:
    for shown in (
        table(COLUMNS, [("1", evil, "x")], Screen(60)).split("\n", 1)[1],
        terminal.pairs([("Subject", evil)]),
    ):
        assert not set(shown) & set("\x1b\r\n\x9b\x07\u202e")


def test_colour_is_for_terminals_only() -> None:
    assert "\x1b" in Screen(80, colour=True).warn("x")
    assert terminal.screen() == Screen(), "tests do not run at a terminal"


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_is_for_terminals_that_have_it_and_people_who_want_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], colour: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert terminal.screen().colour is colour


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 K"),
        (20 * 1024**2, "20.0 M"),
        (1024**5, "1024.0 T"),
    ],
)
def test_sizes(octets: int, text: str) -> None:
    assert terminal.size(octets) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3661, "1h 1m"),
        (90061, "1d 1h"),
        (86401, "1d 1s"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert terminal.span(seconds) == text


def test_what_is_due_is_due_now() -> None:
    assert terminal.until(None, AT) == "now"
    assert terminal.until(AT, AT) == "now"
    assert terminal.until(AT + timedelta(minutes=5), AT) == "in 5m"
    assert terminal.age(AT - timedelta(hours=2), AT) == "2h"


def test_a_moment_has_its_offset() -> None:
    assert terminal.moment(AT)[10] == " "
    assert datetime.fromisoformat(terminal.moment(AT)) == AT
