# SPDX-License-Identifier: Apache-2.0
"""Single sections of a text: taken out with their comments, and put into another text.

A section is everything below its path: `listeners` is all of them, `listeners.InboundMail` one with
its sender groups. Comments right above a header and between its parts belong to it; everything else
of a text stays as it is. As in `edit`, what comes of it is read back, and only if it says exactly
what was meant is it used; otherwise the section, or the whole text, is written in canonical form.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gatehouse.config import document, edit_tables, format, schema, text, upgrade
from gatehouse.config.findings import Finding, Path, error, place_text

MOST = 100  # sections that are named at once; our own
_LONGEST = 500  # characters of a path; our own
_ABSENT = object()

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a text: what it says, and how it is written."""

    path: tuple[str, ...]
    value: Any
    written: str  # lines that end with a line feed, without the last one


def paths(named: Iterable[str]) -> tuple[tuple[str, ...], ...] | Finding:
    """The paths that were typed; what lies below another one is left out, it comes with it."""
    found: dict[tuple[str, ...], None] = {}
    for one in list(named)[: MOST + 1]:
        parts = tuple(text.key_parts(one[:_LONGEST]))
        if not parts or not all(parts) or len(one) > _LONGEST or len(found) >= MOST:
            hint = "names with dots between them, in quotes where they hold dots"
            return error((), "this is no path of a section", hint=hint, found=one)
        found[parts] = None
    covered = {one for one in found if any(one[:size] in found for size in range(1, len(one)))}
    return tuple(one for one in found if one not in covered)


def take_all(parsed: text.Parsed, wanted: Iterable[tuple[str, ...]]) -> list[Part | Finding]:
    """Sections out of a text that was read; its outline is made once for all of them."""
    outline = _Outline.of(parsed.text)
    return [_taken(parsed, outline, path) for path in wanted]


def take(parsed: text.Parsed, path: tuple[str, ...]) -> Part | Finding:
    """A single section."""
    (found,) = take_all(parsed, [path])
    return found


def _taken(parsed: text.Parsed, outline: "_Outline", path: tuple[str, ...]) -> Part | Finding:
    value = _at(parsed.values, path)
    if value is _ABSENT:
        return error(path, "there is no such section", hint=f"there are: {_known(parsed, path)}")
    if not _is_section(value):
        return error(path, "is a field and no section", hint="`gatehouse config set` sets fields")
    lines = outline.lines
    written = "\n\n".join("\n".join(lines[first:end]) for first, end in outline.regions(path))
    written = written.replace("\r\n", "\n").removesuffix("\r")
    if _says(written, _nested(path, value)):
        return Part(path, value, written)
    return Part(path, value, "\n".join(format.format_plain(path, value)))


def together(parts: Iterable[Part]) -> bytes:
    """A text of these sections alone. It is read again as it is, but cannot run by itself."""
    head = format.format_field("format", upgrade.NEWEST)
    return ("\n\n".join([head, *(one.written for one in parts)]) + "\n").encode()


def put(data: bytes, parts: Iterable[Part]) -> bytes | tuple[Finding, ...]:
    """The text with these sections in place of its own; the findings if the text is bad."""
    parsed = upgrade.parse(data)
    if isinstance(parsed, text.Unreadable):
        return parsed.findings
    wanted, written = copy.deepcopy(parsed.values), parsed.text
    for one in parts:
        _set(wanted, one.path, one.value)
        written = _with(written, one)
    if _says(written, wanted):
        return written.encode()
    read = document.read(wanted)
    if isinstance(read, schema.Document):
        return format.format_document(read).encode()
    return read


def secrets_of(values: Values) -> tuple[frozenset[str], frozenset[str]]:
    """The smart hosts that stand in plain values, at any level, and the certificates they name."""
    hosts: set[str] = set()
    names: set[str] = set()
    waiting: list[Any] = [values]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            for name, one in here.items():
                if name == "smart_hosts" and isinstance(one, dict):
                    hosts |= one.keys()
                if name == "certificate" or name.endswith(("_certificate", "certificates")):
                    listed = one if isinstance(one, list) else [one]
                    names |= {each for each in listed if isinstance(each, str)}
                waiting.append(one)
    return frozenset(hosts), frozenset(names)


# --- in the text ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outline:
    """The lines of a text and where its sections stand. Making one reads the whole text."""

    lines: list[str]
    blocks: list[edit_tables.Block]

    @classmethod
    def of(cls, written: str) -> "_Outline":
        """The outline of a text."""
        return cls(written.split("\n"), edit_tables.sections_of(written))

    def regions(self, path: tuple[str, ...]) -> list[tuple[int, int]]:
        """From line to line: the runs of blocks that belong to a section, with comments above."""
        regions: list[tuple[int, int]] = []
        last = -2
        for number, block in enumerate(self.blocks):
            if block.path[: len(path)] != path:
                continue
            if last == number - 1:
                regions[-1] = (regions[-1][0], block.end)
            else:
                regions.append((self._comments_above(block.first), block.end))
            last = number
        return regions

    def _comments_above(self, first: int) -> int:
        """Where the comment begins that stands right above a line."""
        while first > 0 and self.lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return first

    def behind(self, path: tuple[str, ...]) -> int:
        """Where a new section goes: behind its nearest relatives, else to the end."""
        for size in range(len(path) - 1, 0, -1):
            near = [block.end for block in self.blocks if block.path[:size] == path[:size]]
            if near:
                return max(near)
        end = len(self.lines)
        while end > 0 and not self.lines[end - 1].strip():
            end -= 1
        return end


def _with(written: str, part: Part) -> str:
    outline = _Outline.of(written)
    lines, regions = outline.lines, outline.regions(part.path)
    end = "\r" if lines[0].endswith("\r") else ""  # it gets the line ends of the text
    new = [line + end for line in part.written.split("\n")]
    if not regions:
        place = outline.behind(part.path)
        if place == len(lines):
            lines[-1] += end  # a line that was the last one, and has no end
        blank = [end] if place and lines[place - 1].strip() else []
        lines[place:place] = [*blank, *new] if place else new
        return "\n".join(lines if not part.written or lines[-1] == "" else [*lines, ""])
    if regions[0][1] == len(lines):
        new[-1] = new[-1].removesuffix("\r")
    # From the last to the first, so that the numbers of the lines above stay true.
    for number, (first, behind) in reversed(list(enumerate(regions))):
        lines[first:behind] = new if number == 0 else []
    return "\n".join(lines)


# --- in the values --------------------------------------------------------------------------------


def _at(values: Values, path: Path) -> Any:  # noqa: ANN401
    here: Any = values
    for part in path:
        if not isinstance(here, dict) or part not in here:
            return _ABSENT
        here = here[part]
    return here


def _set(values: Values, path: tuple[str, ...], value: object) -> None:
    here = values
    for part in path[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = here[part] = {}
        here = inner
    here[path[-1]] = copy.deepcopy(value)


def _nested(path: tuple[str, ...], value: object) -> Values:
    values: Values = {}
    _set(values, path, value)
    return values


def _is_section(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) for one in value)
    return isinstance(value, dict)


def _says(written: str, values: Values) -> bool:
    again = text.parse(written.encode())
    return isinstance(again, text.Parsed) and again.values == values


def _known(parsed: text.Parsed, path: tuple[str, ...]) -> str:
    """What stands beside it, for the message."""
    beside = _at(parsed.values, path[:-1]) if len(path) > 1 else parsed.values
    if not isinstance(beside, dict):
        return "none"
    names = [place_text((name,)) for name, one in beside.items() if _is_section(one)]
    return ", ".join(names[:20]) or "none"
