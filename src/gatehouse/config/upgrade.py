# SPDX-License-Identifier: Apache-2.0
"""Texts of older formats: read as the newest one, step by step.

Rule: whoever reads a configuration reads it through `parse`, so a file from an older program and a
revision that an older program has stored are the same to everything above. A step goes from one
format number to the next: it changes the plain values, and the text where that can be done with
comments and order left as they are. Both are compared; where they differ the values win, and the
text is written anew. Nothing that is stored is changed: a revision stays as it was committed.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from gatehouse.config import findings, format, text
from gatehouse.config.findings import Finding

NEWEST = 1
"""The format that this program writes; `schema.Document.format` allows no other."""

Values = dict[str, Any]

_FORMAT_LINE = re.compile(r"^([ \t]*format[ \t]*=[ \t]*)\d+", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one format to the next. The format number itself is changed by `parse`."""

    name: str  # what it does, for people: "names of listeners are sections"
    values: Callable[[Values], Values]  # may change what it is given
    text: Callable[[str], str] | None = None  # None: the step changes nothing that is written


STEPS: Mapping[int, Step] = MappingProxyType({})
"""By the format that a step starts from. Format 1 is the first, so there is none yet."""


@dataclass(frozen=True, slots=True)
class Upgraded(text.Parsed):
    """Plain values of the newest format and a text that says the same."""

    steps: tuple[str, ...] = ()  # a sentence for each step that was taken


def parse(
    data: bytes, *, steps: Mapping[int, Step] = STEPS, newest: int = NEWEST
) -> Upgraded | text.Unreadable:
    """Read the bytes of a configuration file of any format up to the newest."""
    parsed = text.parse(data)
    if isinstance(parsed, text.Unreadable):
        return parsed
    number = parsed.values.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number == newest:
        return Upgraded(parsed.values, parsed.text)  # what is wrong with it the schema says
    if number > newest:
        return _refused(parsed, _newer(number, newest))
    missing = next((one for one in range(max(number, -1), newest) if one not in steps), None)
    if missing is not None:
        what = f"format {findings.shown(number)} is none that was ever written"
        return _refused(parsed, findings.error(("format",), what, hint=f"allowed: {newest}"))
    return _climb(parsed, number, steps, newest)


def notices(parsed: text.Parsed) -> tuple[Finding, ...]:
    """What was done to a text so that it could be read, as warnings."""
    steps = parsed.steps if isinstance(parsed, Upgraded) else ()
    hint = "what you commit from now on is written in the newest format"
    return tuple(findings.warning(("format",), one, hint=hint) for one in steps)


def _climb(
    parsed: text.Parsed, number: int, steps: Mapping[int, Step], newest: int
) -> Upgraded | text.Unreadable:
    values, written, taken = copy.deepcopy(parsed.values), parsed.text, []
    for one in range(number, newest):
        step = steps[one]
        values = {**step.values(values), "format": one + 1}
        written = step.text(written) if step.text is not None else written
        written = _FORMAT_LINE.sub(rf"\g<1>{one + 1}", written, count=1)
        taken.append(f"was upgraded from format {one} to {one + 1}: {step.name}")
    if _says(written, values):
        return Upgraded(values, written, tuple(taken))
    written = "\n".join(_lines(values)) + "\n"
    if _says(written, values):
        taken.append("was written anew for it, without its comments")
        return Upgraded(values, written, tuple(taken))
    what = f"format {number} could not be upgraded to {newest}"
    hint = "write it anew by hand; `gatehouse config show` prints what is in force"
    return _refused(parsed, findings.error(("format",), what, hint=hint))


def _says(written: str, values: Values) -> bool:
    again = text.parse(written.encode())
    return isinstance(again, text.Parsed) and again.values == values


def _lines(values: Values) -> list[str]:
    """Any plain values as text; fields in front of sections, as TOML wants it."""
    below = {name: one for name, one in values.items() if isinstance(one, dict)}
    lines = [format.format_field(name, one) for name, one in values.items() if name not in below]
    for name, one in below.items():
        lines += ["", *format.format_plain((name,), one)]
    return lines


def _newer(number: int, newest: int) -> Finding:
    return findings.error(
        ("format",),
        f"this is format {findings.shown(number)}, of a newer Gatehouse; this one reads formats up "
        f"to {newest}",
        hint="load it with the version that wrote it, or with a newer one",
    )


def _refused(parsed: text.Parsed, finding: Finding) -> text.Unreadable:
    (placed,) = text.locate([finding], parsed.text)
    return text.Unreadable((replace(placed, found=None),))
