# SPDX-License-Identifier: Apache-2.0
"""What is printed: text from outside made harmless, tables that fit, colour only for people.

A subject or a remote reply could carry sequences that move the cursor, rewrite what was printed or
turn the reading direction. Everything printed for people goes through `clean`.
"""

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import click

from gatehouse.journal.escape import clean

_ELLIPSIS = "…"
_NARROWEST = 6  # a column of less says nothing
_GAP = "  "
FEWEST_COLUMNS = 40  # what a terminal claims below this is not believed


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; the flexible ones give way when the terminal is narrow."""

    title: str
    right: bool = False
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """Where it is printed to; no width means that nothing is cut."""

    width: int | None = None
    colour: bool = False

    def heading(self, text: str) -> str:
        """A line above a block."""
        return click.style(text, bold=True) if self.colour else text

    def warn(self, text: str) -> str:
        """Something to look at; cleaned here."""
        text = clean(text)
        return click.style(text, fg="yellow") if self.colour else text


def screen() -> Screen:
    """Standard output as it is."""
    if not sys.stdout.isatty():
        return Screen()
    columns = shutil.get_terminal_size().columns
    return Screen(max(FEWEST_COLUMNS, columns), colour=_wants_colour())


def _wants_colour() -> bool:
    """As https://no-color.org has it, and where the terminal can do nothing there is none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], to: Screen) -> str:
    """Rows under their titles. Cells are cleaned here."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [
        max([_width(column.title), *(_width(row[n]) for row in cells)])
        for n, column in enumerate(columns)
    ]
    if to.width is not None:
        widths = _fit(columns, widths, to.width)
    head = to.heading(_row(columns, widths, [column.title for column in columns]))
    return "\n".join([head, *(_row(columns, widths, row) for row in cells)])


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values, one below the other."""
    longest = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name + ':':<{longest + 1}} {clean(value)}".rstrip() for name, value in rows)


def size(octets: int) -> str:
    """A size for people, in powers of 1024 as in the configuration."""
    value, unit = float(octets), "B"
    for unit in ("B", "K", "M", "G", "T"):
        if value < 1024 or unit == "T":
            break
        value /= 1024
    return f"{octets} B" if unit == "B" else f"{value:.1f} {unit}"


def span(seconds: float) -> str:
    """A time span in its two largest units."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, left = divmod(left, length)
        if number or (unit == "s" and not parts):
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2])


def age(since: datetime, at: datetime) -> str:
    """How long ago."""
    return span((at - since).total_seconds())


def until(then: datetime | None, at: datetime) -> str:
    """How far ahead; what is past or not planned is due."""
    return "now" if then is None or then <= at else f"in {span((then - at).total_seconds())}"


def moment(at: datetime) -> str:
    """A point in time, in local time with its offset."""
    return at.astimezone().isoformat(sep=" ", timespec="seconds")


def _fit(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Take from the widest flexible column until the row fits, or none can give any more."""
    over = sum(widths) + len(_GAP) * (len(columns) - 1) - width
    fitted = list(widths)
    while over > 0:
        wide = [n for n, column in enumerate(columns) if column.flexible and fitted[n] > _NARROWEST]
        if not wide:
            break
        widest = max(wide, key=lambda n: fitted[n])
        fitted[widest] -= 1
        over -= 1
    return fitted


def _row(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    cells = []
    for column, width, cell in zip(columns, widths, row, strict=True):
        text = _cut(cell, width)
        blank = " " * (width - _width(text))
        cells.append(blank + text if column.right else text + blank)
    return _GAP.join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    kept = ""
    room = width - 1
    for char in text:
        room -= _char_width(char)
        if room < 0:
            break
        kept += char
    return kept + _ELLIPSIS


def _width(text: str) -> int:
    """Columns on the screen: ideographs take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
