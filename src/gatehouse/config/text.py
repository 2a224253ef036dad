# SPDX-License-Identifier: Apache-2.0
"""The text form: bytes of a TOML file to plain values, with line numbers for the messages.

The file may be hostile or merely broken: it is bounded before it is parsed (size, number of keys,
depth of nesting, length of dotted keys, which the parser would handle in quadratic time), and
every fault is a finding. `tomllib` tells no positions of values, so a scan of our own finds the
line of a path; it is tolerant, runs only when there is something to report, and decides nothing.
"""

import codecs
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gatehouse.config import findings

MAX_BYTES = 4 * 1024 * 1024  # our own: 10,000 sender group members are about 250 KB
MAX_KEYS = 80_000  # our own: two for each of 40,000 recipients; a second of the parser's time
MAX_VALUES = 200_000  # our own: commas, which is elements of lists
MAX_SECTIONS = 16_000  # our own: headers of sections; as many destinations
MAX_DOTS = 40_000  # our own: dots outside of strings, which is parts of keys
MAX_LINES = 250_000  # our own: lines of 16 characters in the largest file
MAX_BRACKETS = 200_000  # our own: opening ones outside of strings; as many as values
MAX_ESCAPES = 100_000  # our own: backslashes, each of which the parser looks at by itself
MAX_DEPTH = 16  # our own: the schema is five deep
MAX_DIGITS = 40  # our own: a 64-bit number has 20 digits, with underscores twice that
MAX_KEY_PARTS = 12  # our own: a dotted key of the schema has five parts

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "UTF-8 with a byte order mark"),
)
_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
# Strings and comments, so that what stands in them is not taken for structure. Linear: possessive,
# and a string that is never closed counts to its end, so no character is looked at twice.
_OPAQUE = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']++|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]++|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
_SOMETHING = re.compile(r"\S")
_BRACKET = re.compile(r"[\[\]{}]")
# Possessive and only from the beginning of a part, else a long run is scanned from each character.
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:[A-Za-z0-9_-]++[ \t]*+\.[ \t]*+){{{MAX_KEY_PARTS}}}")
_HUGE_NUMBER = re.compile(rf"=\s*+[+-]?[0-9][0-9A-Fa-f_xob]{{{MAX_DIGITS}}}")
_TOKEN = re.compile(r"[\[\]{},=\n]|[^\s\[\]{},=]+")
_KEY_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')


@dataclass(frozen=True, slots=True)
class Parsed:
    """The plain values of a file, and its text for the line numbers."""

    values: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The file is no TOML that we read."""

    findings: tuple[findings.Finding, ...]


def parse(data: bytes) -> Parsed | Unreadable:
    """Read the bytes of a configuration file."""
    text = _decode(data)
    if isinstance(text, findings.Finding):
        return Unreadable((text,))
    too_much = _bounds(text)
    if too_much:
        return Unreadable((too_much,))
    try:
        return Parsed(tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as fault:
        return Unreadable((_syntax(str(fault), text),))
    except (ValueError, RecursionError, OverflowError) as fault:
        # An integer of thousands of digits, a date that does not exist: not wrapped by tomllib.
        return Unreadable((findings.error((), "a value cannot be read", found=str(fault)),))


def locate(found: Iterable[findings.Finding], text: str) -> tuple[findings.Finding, ...]:
    """Give each finding the line of its path, or of the nearest section above it; sort by line."""
    wanted = list(found)
    if not wanted:
        return ()
    lines = _Lines(text, [one.path for one in wanted])
    placed = [one if one.line else replace(one, line=lines.of(one.path) or None) for one in wanted]
    return tuple(sorted(placed, key=lambda one: one.line or 0))


def _decode(data: bytes) -> str | findings.Finding:
    if len(data) > MAX_BYTES:
        return findings.error(
            (), "the file is too large", hint=f"at most {MAX_BYTES} bytes are read"
        )
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return findings.error((), f"the file is {name}", hint="save it as plain UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        return _at(data, nul, "the file holds a NUL byte", "save it as plain UTF-8 text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as fault:
        return _at(data, fault.start, "the file is not valid UTF-8", "save it as plain UTF-8 text")


def _at(data: bytes, offset: int, what: str, hint: str) -> findings.Finding:
    return replace(findings.error((), what, hint=hint), line=data.count(b"\n", 0, offset) + 1)


def _bounds(text: str) -> findings.Finding | None:
    """Refuse what would make the parser slow or deep, before it runs."""
    found = _too_many(
        (text.count("\n"), MAX_LINES, "lines"), (text.count("\\"), MAX_ESCAPES, "backslashes")
    )
    if found:
        return found
    # Blotting out each string to its length takes as long as half of the parser: the short form
    # counts the same, and what it finds is looked at again where lines are in their places.
    found = _beyond(_OPAQUE.sub("x", text))
    return found and _beyond(masked(text))


def _beyond(plain: str) -> findings.Finding | None:
    """What goes beyond a bound, in a text without strings and comments."""
    found = _too_many(
        (plain.count("="), MAX_KEYS, "keys"),
        (plain.count(","), MAX_VALUES, "values"),
        (plain.count("\n["), MAX_SECTIONS, "sections"),
        (plain.count("."), MAX_DOTS, "parts of dotted keys"),
        (plain.count("[") + plain.count("{"), MAX_BRACKETS, "brackets"),
    )
    if found:
        return found
    long_key = _LONG_KEY.search(plain)
    if long_key:
        line = plain.count("\n", 0, long_key.start()) + 1
        what = f"a dotted key has more than {MAX_KEY_PARTS} parts"
        return replace(findings.error((), what), line=line)
    huge = _HUGE_NUMBER.search(plain)
    if huge:
        line = plain.count("\n", 0, huge.start()) + 1
        return replace(findings.error((), f"a number has more than {MAX_DIGITS} digits"), line=line)
    return _depth(plain)


def _too_many(*counted: tuple[int, int, str]) -> findings.Finding | None:
    for many, limit, what in counted:
        if many > limit:
            return findings.error((), f"the file has {many} {what}", hint=f"at most {limit}")
    return None


def _depth(plain: str) -> findings.Finding | None:
    depth = 0
    for bracket in _BRACKET.finditer(plain):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            line = plain.count("\n", 0, bracket.start()) + 1
            return replace(findings.error((), f"nested deeper than {MAX_DEPTH} levels"), line=line)
    return None


def masked(text: str) -> str:
    """The text with strings and comments blotted out, every character in its place.

    A quoted part of a key becomes letters, so that it still counts as a part.
    """
    return _OPAQUE.sub(_blot, text)


def _blot(found: re.Match[str]) -> str:
    blot = " " if found[0][0] == "#" else "x"
    if "\n" not in found[0]:
        return blot * len(found[0])
    return "\n".join(blot * len(line) for line in found[0].split("\n"))


def _syntax(message: str, text: str) -> findings.Finding:
    position = _AT_LINE.search(message)
    what = _AT_LINE.sub("", message)
    line = int(position[1]) if position and position[1] else text.count("\n") + 1
    column = f" (column {position[2]})" if position and position[2] else " (end of the file)"
    escaped = what[:200].encode("ascii", "backslashreplace").decode()
    return replace(findings.error((), f"not valid TOML: {escaped}{column}"), line=line)


class _Lines:
    """Path → line, by a tolerant scan of a text that tomllib has accepted.

    Values in which nothing is looked for are passed over: a list may have 10,000 elements. It ends
    where everything that is looked for was found.
    """

    def __init__(self, text: str, wanted: Sequence[findings.Path]) -> None:
        self._above = {path[:length] for path in wanted for length in range(1, len(path))}
        self._missing = {path for path in wanted if path}
        self._known: dict[findings.Path, int] = {}
        self._text = text
        self._arrays: dict[findings.Path, int] = {}
        self._section: findings.Path = ()
        self._scan(masked(text))

    def of(self, path: findings.Path) -> int:
        """The line of a path, or of the nearest one above it; 0 when there is none."""
        while path:
            if path in self._known:
                return self._known[path]
            path = path[:-1]
        return 0

    def _scan(self, plain: str) -> None:
        offset = 0
        line = 1
        size = len(plain)
        while self._missing and (found := _SOMETHING.search(plain, offset)) is not None:
            line += plain.count("\n", offset, found.start())
            offset = plain.rfind("\n", 0, found.start()) + 1
            end = plain.find("\n", offset)
            end = size if end < 0 else end
            stripped = plain[offset:end].strip()
            if stripped.startswith("["):
                self._header(self._text[offset:end].strip(), line)
            elif "=" in stripped:
                above = not self._section or self._section in self._above
                end = (
                    self._statement(plain, offset, line) if above else _end_of_value(plain, offset)
                )
            line += plain.count("\n", offset, end + 1)
            offset = end + 1

    def _header(self, header: str, line: int) -> None:
        path = self._resolve(key_parts(header))
        if header.startswith("[["):
            number = self._arrays.get(path, -1) + 1
            self._arrays[path] = number
            path = (*path, number)
        self._section = path
        self._note_all(path, 0, line)

    def _note_all(self, path: findings.Path, above: int, line: int) -> None:
        """A path, and the sections on the way to it that have no line of their own so far."""
        for size in range(above + 1, len(path) + 1):
            self._note(path[:size], line)

    def _note(self, path: findings.Path, line: int) -> None:
        self._known.setdefault(path, line)
        self._missing.discard(path)

    def _resolve(self, names: list[str]) -> findings.Path:
        """A header below an array of tables means its latest element."""
        path: findings.Path = ()
        for number, name in enumerate(names):
            path = (*path, name)
            if path in self._arrays and number < len(names) - 1:
                path = (*path, self._arrays[path])
        return path

    def _statement(self, plain: str, offset: int, line: int) -> int:
        """One key with its value, which may go over many lines; returns where it ends."""
        stack: list[tuple[str, findings.Path, int]] = [("{", self._section, 0)]
        key_start = offset
        expecting = False
        path = self._section
        for token in _TOKEN.finditer(plain, offset):
            text = token[0]
            kind, base, index = stack[-1]
            if text == "\n":
                line += 1
                if len(stack) == 1:
                    return token.start()
                continue
            if expecting and text != "]":
                self._note((*base, index), line)
                path, expecting = (*base, index), False
            if text == "=":
                path = (*base, *key_parts(self._text[key_start : token.start()]))
                self._note_all(path, len(base), line)
                if path not in self._above and len(stack) == 1:
                    return _end_of_value(plain, token.end())
            elif text in "[{":
                stack.append((text, path, 0))
                key_start, expecting = token.end(), text == "["
            elif text in "]}" and len(stack) > 1:
                stack.pop()
            elif text == ",":
                stack[-1] = (kind, base, index + 1)
                key_start, expecting = token.end(), kind == "["
        return len(plain)


def _end_of_value(plain: str, offset: int) -> int:
    """Where the line ends on which a value does: at once, or behind its last bracket."""
    line_end = plain.find("\n", offset)
    line_end = len(plain) if line_end < 0 else line_end
    if _BRACKET.search(plain, offset, line_end) is None:
        return line_end
    depth = 0
    for bracket in _BRACKET.finditer(plain, offset):
        depth += 1 if bracket[0] in "[{" else -1
        if depth <= 0:
            line_end = plain.find("\n", bracket.end())
            return len(plain) if line_end < 0 else line_end
    return len(plain)


def key_parts(text: str) -> list[str]:
    """The names of a dotted key; escapes in quoted names are left as they are."""
    return [found[1] or found[2] or found[3] or "" for found in _KEY_PART.finditer(text)]
