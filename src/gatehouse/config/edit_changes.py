# SPDX-License-Identifier: Apache-2.0
"""Field changes written into an operator's text, with comments and order left as they are.

All places are found in one reading of the text and changed together, so that thousands of changes
cost little more than one. As in `edit`, the result is read back: only if it says exactly what was
meant is it used, and otherwise the whole text is written anew in its canonical form.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatehouse.config import changes, document, edit_tables, format, places, schema, text, upgrade
from gatehouse.config.changes import Change, Mark, Parts, Path, keyed
from gatehouse.config.findings import Finding

Splice = tuple[int, int, list[str]]  # from line, to line, what takes their place


def apply(data: bytes, wanted_changes: Iterable[Change]) -> bytes | tuple[Finding, ...]:
    """The text with the changes made; the findings if the text or what comes of it is bad."""
    todo = tuple(wanted_changes)
    parsed = upgrade.parse(data)
    if isinstance(parsed, text.Unreadable):
        return parsed.findings
    before = document.read(parsed.values)
    if not isinstance(before, schema.Document):
        return before
    wanted = document.read(changes.apply(before, todo))
    if not isinstance(wanted, schema.Document):
        return wanted
    edited = _Edit(parsed.text, before, wanted).with_changes(todo).encode()
    again = text.parse(edited)
    if isinstance(again, text.Parsed):
        read = document.read(again.values)
        if isinstance(read, schema.Document) and format.plain(read) == format.plain(wanted):
            return edited
    return format.format_document(wanted).encode()


@dataclass(slots=True)
class _Work:
    """What has to be done to a text."""

    gone: dict[Path, None] = field(default_factory=dict)  # sections that are taken away
    new: dict[Path, None] = field(default_factory=dict)  # sections that are put in whole
    groups: dict[Path, None] = field(default_factory=dict)  # tables of sender groups
    fields: dict[tuple[Path, str, int], list[Change]] = field(default_factory=dict)


class _Edit:
    """One text, and what it says before and after."""

    def __init__(self, old: str, before: schema.Document, wanted: schema.Document) -> None:
        self._lines = old.split("\n")
        self._plain = text.masked(old).split("\n")
        self._blocks = edit_tables.sections_of(old)
        self._end = len(old.rstrip().split("\n"))
        self._document = before
        self._before, self._wanted = changes.parts(before), changes.parts(wanted)
        self._values = format.plain(wanted)
        self._filled = {path[:-1] for path in self._wanted.at if path}  # anything is below
        self._with_header: set[Path] = set()  # sections that got one

    def with_changes(self, todo: Sequence[Change]) -> str:
        work = self._sorted(todo)
        splices: list[Splice] = []
        for path in work.gone:
            splices += self._sections_gone(path)
        for path in work.new:
            splices.append(self._section_new(path))
        for path in work.groups:
            splices += self._groups(path)
        for (section, name, index), made in work.fields.items():
            if section[: _groups_size(section)] not in work.groups:
                splices += self._field(section, name, index, made)
        lines = list(self._lines)
        # From the last to the first, so that the numbers of the lines above stay true.
        for first, end, new in sorted(splices, key=lambda one: (one[0], one[1]), reverse=True):
            lines[first:end] = new
        return "\n".join(lines)

    def _sorted(self, todo: Sequence[Change]) -> _Work:
        work = _Work()
        for change in todo:
            if any(one in work.gone or one in work.new for one in _prefixes(change.path)):
                continue
            size = _groups_size(change.path)
            groups, rest = change.path[:size], change.path[size:]
            if size and self._is_about_table(groups, rest):
                work.groups[groups] = None
            elif size:
                index = self._before.orders[groups].index(rest[0])
                work.fields.setdefault((groups, rest[1], index), []).append(change)
            else:
                self._plain_change(work, change)
        return work

    def _is_about_table(self, groups: Path, rest: Path) -> bool:
        """Groups come, go or move; or the table was not taken apart by names."""
        known = groups in self._before.orders and groups in self._wanted.orders
        if not known or len(rest) < 2:
            return True
        element = (*groups, rest[0])
        return element not in self._before.at or element not in self._wanted.at

    def _plain_change(self, work: _Work, change: Change) -> None:
        for path in _prefixes(change.path):
            is_table = _table(self._before, path), _table(self._wanted, path)
            if is_table == (True, False) and path not in self._wanted.at:
                work.gone[path] = None
                return
            if is_table == (False, True) and path not in self._before.at:
                work.new[path] = None
                return
            if is_table != (True, True):
                work.fields.setdefault((path[:-1], path[-1], 0), []).append(change)
                return

    def _sections_gone(self, path: Path) -> list[Splice]:
        """Without them; a section above that says nothing any more gets a header to stay there."""
        gone = [block for block in self._blocks if block.path[: len(path)] == path]
        header: list[str] = []
        if gone and self._stays_empty(path[:-1]):
            self._with_header.add(path[:-1])
            header = format.format_plain(path[:-1], {})
        return [(one.first, one.end, header if one is gone[0] else []) for one in gone]

    def _stays_empty(self, path: Path) -> bool:
        """A section that has no header so far, and of which nothing else would be left."""
        if not _table(self._wanted, path) or path in self._filled or path in self._with_header:
            return False
        return bool(path) and all(block.path != path for block in self._blocks)

    def _section_new(self, path: Path) -> Splice:
        lines = format.format_plain(path, self._at(path))
        near = [block.end for block in self._blocks if block.path[: len(path) - 1] == path[:-1]]
        place = max(near) if near and len(path) > 1 else self._end
        return (place, place, ["", *lines])

    def _groups(self, path: Path) -> list[Splice]:
        """The table anew; groups that stay as they were keep their lines and comments."""
        blocks = [block for block in self._blocks if block.path == path]
        names = self._before.orders.get(path, [])
        old = dict(zip(names, blocks, strict=False))
        stood = format.plain(_stands(self._document, path)) if names else []
        was = dict(zip(names, stood, strict=True))
        tops = self._tops(names, blocks)
        lines: list[str] = []
        found = self._at(path)
        wanted = [] if found is Mark.ABSENT else found
        order = self._wanted.orders.get(path) or [""] * len(wanted)
        for name, value in zip(order, wanted, strict=True):
            block = old.get(name)
            above = self._lines[tops[name] : block.first] if block is not None else []
            if block is not None and was.get(name) == value:
                kept = [*above, *self._lines[block.first : block.end]]
            else:
                kept = [*above, *format.format_plain(path, [value])]
            lines += kept if not kept[0].strip() else ["", *kept]
        inline = self._no_groups(path[:-1], path[-1], empty=found == [])
        if blocks:
            body = lines[1:] if lines and not lines[0].strip() else lines
            first = min([*tops.values(), blocks[0].first]) if body else blocks[0].first
            return [*inline, (first, blocks[-1].end, body)]
        near = [block.end for block in self._blocks if block.path[: len(path) - 1] == path[:-1]]
        place = max(near) if near else len(self._lines)
        return [*inline, (place, place, lines)]

    def _tops(self, names: Sequence[str], blocks: Sequence[edit_tables.Block]) -> dict[str, int]:
        """Where a group begins with the comments about it: above the first one are the table's."""
        tops = {name: before.end for name, before in zip(names[1:], blocks, strict=False)}
        if names and blocks:
            top = blocks[0].first
            while top > 0 and self._lines[top - 1].lstrip().startswith("#"):
                top -= 1
            blank = top == 0 or not self._lines[top - 1].strip()
            tops[names[0]] = top if blank else blocks[0].first
        return tops

    def _no_groups(self, section: Path, name: str, *, empty: bool) -> list[Splice]:
        """A table without groups is a field of its listener."""
        for block in self._blocks:
            if block.path != section:
                continue
            for number in range(block.first + 1, block.end):
                if self._names(number) == [name]:
                    end = edit_tables.statement_end(self._plain, number)
                    return [(number, end, [format.format_field(name, [])] if empty else [])]
            if empty:
                return [(block.end, block.end, [format.format_field(name, [])])]
        return []

    def _field(self, section: Path, name: str, index: int, made: list[Change]) -> list[Splice]:
        splices: list[Splice] = []
        value = self._at(
            (*section, self._before.orders[section][index], name)
            if keyed(section)
            else (*section, name)
        )
        splices += self._sections_gone((*section, name))  # where it was written as [[tables]]
        where = [block for block in self._blocks if block.path == section]
        if _holds_sections(section, value):
            near = [block.end for block in self._blocks if block.path[: len(section)] == section]
            place = max(near) if near and section else self._end
            return [*splices, (place, place, ["", *format.format_plain((*section, name), value)])]
        if not where and value is not Mark.ABSENT:
            return [*splices, *self._header(section, format.format_field(name, value))]
        if index >= len(where):
            return splices  # written in another way: the canonical text says it
        block = where[index]
        for number in range(block.first + 1, block.end):
            if self._names(number) == [name]:
                end = edit_tables.statement_end(self._plain, number)
                old = self._lines[number:end]
                new = [] if value is Mark.ABSENT else self._statement(name, value, old, made)
                return [*splices, (number, end, new)]
        if value is Mark.ABSENT:
            return splices
        return [*splices, (block.end, block.end, format.format_field(name, value).split("\n"))]

    def _header(self, section: Path, line: str) -> list[Splice]:
        """A section of which only what is below stood in the text."""
        below = [one.first for one in self._blocks if one.path[: len(section)] == section]
        if not below or not section:
            return []
        brackets = format.format_plain(section, {})
        return [(below[0], below[0], [*brackets, *line.split("\n"), ""])]

    def _statement(self, name: str, value: object, old: list[str], made: list[Change]) -> list[str]:
        """The field with its new value; in a long list lines go and come, with their comments."""
        new = format.format_field(name, value).split("\n")
        if len(old) < 3 or not all(one.new in (Mark.ABSENT, Mark.PRESENT) for one in made):
            comment = old[-1][len(text.masked(old[-1]).rstrip()) :].strip()
            return [*new[:-1], f"{new[-1]}  {comment}"] if comment else new
        gone = {format.quoted(one.path[-1]) for one in made if one.new is Mark.ABSENT}
        more = [f"    {format.quoted(one.path[-1])}," for one in made if one.new is Mark.PRESENT]
        kept = [line for line in old[:-1] if line.partition("#")[0].strip().rstrip(",") not in gone]
        lines = [*kept, *more, old[-1]]
        try:
            return lines if tomllib.loads("\n".join(lines)) == {name: value} else new
        except tomllib.TOMLDecodeError:
            return new

    def _names(self, number: int) -> list[str] | None:
        """The key of the statement in this line."""
        at = self._plain[number].find("=")
        return text.key_parts(self._lines[number][:at]) if at > 0 else None

    def _at(self, path: Path) -> Any:  # noqa: ANN401
        here: Any = self._values
        for place, part in enumerate(path):
            if isinstance(here, list):
                names = self._wanted.orders.get(path[:place], [])
                here = here[names.index(part)] if part in names else None
            else:
                here = here.get(part, None) if isinstance(here, dict) else None
            if here is None:
                return Mark.ABSENT
        return here


def _prefixes(path: Path) -> list[Path]:
    return [path[:size] for size in range(1, len(path) + 1)]


def _stands(here: Any, path: Path) -> Any:  # noqa: ANN401
    """What a document has at a path of sections and names."""
    for part in path:
        here = here[part] if isinstance(here, dict) else getattr(here, part)
    return here


def _groups_size(path: Path) -> int:
    """How much of a path leads to a table of sender groups; 0: it leads elsewhere."""
    level, here = places.split(path)
    return len(level.prefix) + 3 if here[2:3] == ("sender_groups",) else 0


def _holds_sections(section: Path, value: object) -> bool:
    """A list at the top of a level is written as sections, one by one."""
    return isinstance(value, list) and (not section or places.is_top(section))


def _table(parts: Parts, path: Path) -> bool:
    """Is this written as a section?"""
    return parts.at.get(path) is Mark.PRESENT and not keyed(path)
