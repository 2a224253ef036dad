# SPDX-License-Identifier: Apache-2.0
"""Reads lines of a mail log back, those of other versions too.

Lenient, as the grammar's section 16 wants it: one or two blanks before a one-digit day, a trailing
blank and CRLF are all right; a line that is not understood is kept as text with the ids found in
it; no line ever fails a file.
"""

import re
from dataclasses import dataclass

from gatehouse.journal.mail_log import Level
from gatehouse.journal.stamp import MONTHS

_LINE = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4}) "
    r"([A-Z][a-z]+): (.*)",
    re.ASCII | re.DOTALL,
)
_IDS = re.compile(r"\b(MID|ICID|DCID):? (\d{1,19})\b", re.ASCII)
_LEVELS = {level.value: level for level in Level}
_MONTH_NUMBER = {name: number for number, name in enumerate(MONTHS, start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line: local time as (year, month, day, hour, minute, second), level, text and its ids.

    An id is the first of its kind in the text, as the grammar promises. Stamp and level are None
    when the line does not begin like one.
    """

    stamp: tuple[int, int, int, int, int, int] | None
    level: Level | None
    text: str
    mid: int | None
    icid: int | None
    dcid: int | None


def read_line(raw: bytes) -> LogLine:
    """Take one line apart, with or without its line end."""
    line = raw.decode("utf-8", "backslashreplace").rstrip("\r\n ")
    found = _LINE.fullmatch(line)
    month = _MONTH_NUMBER.get(found[1]) if found else None
    if found is None or month is None or found[7] not in _LEVELS:
        return _with_ids(None, None, line)
    day, hour, minute, second, year = (int(found[n]) for n in range(2, 7))
    return _with_ids((year, month, day, hour, minute, second), _LEVELS[found[7]], found[8])


def _with_ids(
    stamp: tuple[int, int, int, int, int, int] | None, level: Level | None, text: str
) -> LogLine:
    ids: dict[str, int] = {}
    for name, number in _IDS.findall(text):
        ids.setdefault(name, int(number))
    return LogLine(
        stamp=stamp,
        level=level,
        text=text,
        mid=ids.get("MID"),
        icid=ids.get("ICID"),
        dcid=ids.get("DCID"),
    )
