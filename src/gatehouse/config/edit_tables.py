# SPDX-License-Identifier: Apache-2.0
"""Replacing whole tables in an operator's text, with comments elsewhere and order left as they are.

As in `edit`, the text is changed line by line and read back: only if it says exactly what was meant
is it used, and otherwise the whole text is written anew in its canonical form, without comments.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gatehouse.config import document, format, schema, text, upgrade

Path = tuple[str, ...]

_BRACKET = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Tables:
    """Sections to stand at a path, with their headers; the ones that stand there go."""

    path: Path
    lines: Sequence[str]
    behind: Path = ()  # where to put them if none stand there: behind this section


@dataclass(frozen=True, slots=True)
class Statement:
    """A field with its value, in place of what the section says about the field."""

    section: Path
    field: str
    line: str  # may be many
    index: int = 0  # which of several sections of that name


def rewrite(data: bytes, wanted: schema.Document, changes: Sequence[Tables | Statement]) -> bytes:
    """The text with the changes made; it says exactly what `wanted` says."""
    parsed = upgrade.parse(data)
    if isinstance(parsed, text.Parsed):
        edited = parsed.text
        for change in changes:
            edited = (
                _tables(edited, change) if isinstance(change, Tables) else _field(edited, change)
            )
        again = text.parse(edited.encode())
        if isinstance(again, text.Parsed) and document.read(again.values) == wanted:
            return edited.encode()
    return format.format_document(wanted).encode()


@dataclass(frozen=True, slots=True)
class Block:
    """A section in a text: from its header to its last line that says something."""

    path: Path
    first: int
    end: int  # behind its last line


def _tables(edited: str, change: Tables) -> str:
    lines = edited.split("\n")
    blocks = sections_of(edited)
    stand = [block for block in blocks if block.path == change.path]
    if stand:
        # From the last to the first, so that the numbers of the lines above stay true.
        for block, above in zip(reversed(stand), [*reversed(stand[:-1]), None], strict=True):
            first = block.first
            if above is not None and not _anything(blocks, above.end, first):
                first = above.end  # comments between two of them go with them
            lines[first : block.end] = list(change.lines) if above is None else []
        return "\n".join(lines)
    behind = [block.end for block in blocks if block.path[: len(change.behind)] == change.behind]
    place = max(behind) if behind and change.behind else len(edited.rstrip().split("\n"))
    lines[place:place] = ["", *change.lines] if change.lines else []
    return "\n".join(lines)


def _field(edited: str, change: Statement) -> str:
    """Tables of the same name are taken away, and the field is set."""
    edited = _tables(edited, Tables((*change.section, change.field), ()))
    lines = edited.split("\n")
    blocks = [one for one in sections_of(edited) if one.path == change.section]
    if change.index >= len(blocks):
        return edited
    block = blocks[change.index]
    plain = text.masked(edited).split("\n")
    for number in range(block.first + 1, block.end):
        if re.match(rf"\s*{re.escape(change.field)}\s*=", plain[number]):
            lines[number : statement_end(plain, number)] = change.line.split("\n")
            return "\n".join(lines)
    lines[block.end : block.end] = change.line.split("\n")
    return "\n".join(lines)


def statement_end(plain: Sequence[str], number: int) -> int:
    """Behind the last line of the statement that begins in this line."""
    depth = 0
    for at in range(number, len(plain)):
        for bracket in _BRACKET.findall(plain[at]):
            depth += 1 if bracket in "[{" else -1
        if depth <= 0:
            return at + 1
    return len(plain)


def sections_of(edited: str) -> list[Block]:
    """The sections of a text, in their order."""
    lines = edited.split("\n")
    plain = text.masked(edited).split("\n")
    headers: list[int] = []
    at = 0
    while at < len(plain):
        if plain[at].lstrip().startswith("["):
            headers.append(at)
            at += 1
        else:
            at = statement_end(plain, at)
    blocks = []
    ends = [*headers[1:], len(plain)] if headers else []
    for number, after in zip(headers, ends, strict=True):
        end = after
        while end > number + 1 and not plain[end - 1].strip():
            end -= 1  # blank lines and comments belong to what comes next
        header = lines[number][: len(plain[number].rstrip())]  # without its comment
        blocks.append(Block(tuple(text.key_parts(header)), number, end))
    return blocks


def _anything(blocks: Sequence[Block], first: int, end: int) -> bool:
    """Does a section stand between these lines?"""
    return any(first <= block.first < end for block in blocks)
