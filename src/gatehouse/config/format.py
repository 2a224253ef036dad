# SPDX-License-Identifier: Apache-2.0
"""`Document` → canonical TOML text, that reads back to exactly the same document.

Only what was set is written, in the order of the schema, so that two texts differ only where the
configurations differ. The schema has no field for a secret, so no secret can be in the text.
"""

import enum
import functools
import re
import typing
from collections.abc import Iterator
from typing import Any

from gatehouse.config import places, schema, units

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# TOML 1.0: quote, backslash and control characters other than tab must be escaped.
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_TABLES = frozenset({"sender_groups"})  # lists whose elements are too rich for one line each
_SHORT_LIST = 72  # characters; a longer list gets a line for each value


def format_document(document: schema.Document) -> str:
    """The whole configuration as text."""
    return "\n".join(_section((), document)).strip("\n") + "\n"


def format_tables(path: tuple[str, ...], value: object) -> list[str]:
    """The lines of a section, or of a list of sections, with its headers."""
    return list(_below(path, value))[1:]


def format_field(name: str, value: object) -> str:
    """One field of a section with its value."""
    return f"{_key(name)} = {_value(value)}"


def literal(value: object) -> str:
    """One value as it is written."""
    return _value(value)


def format_plain(path: tuple[str, ...], value: Any) -> list[str]:  # noqa: ANN401
    """The same from plain values; a list makes a section for each of its elements."""
    lines: list[str] = []
    brackets = "[[{}]]" if isinstance(value, list) else "[{}]"
    for one in value if isinstance(value, list) else [value]:
        below = [name for name, each in one.items() if isinstance(each, dict) or name in _TABLES]
        fields = [format_field(name, each) for name, each in one.items() if name not in below]
        if fields or not below or not _only_sections(path):
            lines += ["", brackets.format(_keys(path))]
        lines += fields
        for name in below:
            lines += ["", *format_plain((*path, name), one[name])]
    return lines[1:]


def _only_sections(path: tuple[str, ...]) -> bool:
    """A table whose own header says nothing, where there is anything in it."""
    return path in (("groups",), ("machines",)) or places.is_top(path)


def plain(value: object, unit: str | None = None) -> Any:  # noqa: ANN401
    """Values as the text form writes them, before it does: what was set, in the schema's order."""
    if isinstance(value, schema.Section):
        written = value.model_fields_set
        return {
            name: plain(one, unit_of)
            for name, unit_of in _units(type(value)).items()
            if name in written and (one := getattr(value, name)) not in (None, {})
        }
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        # Nearly all long lists are of texts.
        return [one if type(one) is str else plain(one) for one in value]
    if isinstance(value, enum.Enum):
        return str(value.value).lower()
    if isinstance(value, int) and not isinstance(value, bool):
        return _sized(value, unit)
    return value


def _section(path: tuple[str, ...], section: schema.Section) -> Iterator[str]:
    """Plain fields first, then sections below: TOML's own order."""
    below: list[tuple[str, object]] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if name not in section.model_fields_set or value is None:
            continue
        if isinstance(value, schema.Section | dict) or _has_sections(value):
            below.append((name, value))
        else:
            unit = _unit((field.annotation, *field.metadata))
            yield f"{_key(name)} = {_value(value, unit)}"
    for name, value in below:
        yield from _below((*path, name), value)


def _below(path: tuple[str, ...], value: object) -> Iterator[str]:
    if isinstance(value, schema.Section):
        lines = [*_section(path, value)]
        if not (lines and places.is_top(path) and not lines[0]):
            yield from ("", f"[{_keys(path)}]")  # settings begin with a section of their own
        yield from lines
    elif isinstance(value, dict):
        if not all(isinstance(one, schema.Section) for one in value.values()):
            yield from ("", f"[{_keys(path)}]")
            for name, one in value.items():
                yield f"{_key(name)} = {_value(one)}"
            return
        for name, one in value.items():
            yield from _below((*path, name), one)
    elif isinstance(value, list):
        for one in value:
            yield from ("", f"[[{_keys(path)}]]")
            yield from _section(path, one)


def _has_sections(value: object) -> bool:
    """A list of sections that are too rich for one line each."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], schema.SenderGroup)


def _value(value: object, unit: str | None = None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _number(value, unit)
    if isinstance(value, float):
        return repr(value)  # the shortest text that reads back to the same number
    if isinstance(value, enum.Enum):
        return quoted(str(value.value).lower())
    if isinstance(value, list):
        return _list([_value(one) for one in value])
    if isinstance(value, schema.Section):
        fields = type(value).model_fields
        written = [
            f"{_key(name)} = {_value(one)}"
            for name in fields
            if name in value.model_fields_set and (one := getattr(value, name)) is not None
        ]
        return "{ " + ", ".join(written) + " }"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + " }"
        )
    return quoted(str(value))


def _number(value: int, unit: str | None) -> str:
    written = _sized(value, unit)
    return str(written) if isinstance(written, int) else quoted(written)


def _sized(value: int, unit: str | None) -> str | int:
    if unit == "size":
        return units.format_size(value)
    return units.format_duration(value) if unit == "duration" else value


def _list(values: list[str]) -> str:
    line = "[" + ", ".join(values) + "]"
    if len(line) <= _SHORT_LIST:
        return line
    return "[\n" + "".join(f"    {one},\n" for one in values) + "]"


def quoted(value: str) -> str:
    """A text as TOML writes it."""
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(found: re.Match[str]) -> str:
    if found[0] in '"\\':
        return "\\" + found[0]
    return f"\\u{ord(found[0]):04x}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else quoted(name)


def _keys(path: tuple[str, ...]) -> str:
    return ".".join(_key(name) for name in path)


@functools.cache
def _units(section: type[schema.Section]) -> dict[str, str | None]:
    """The fields of a section in their order, with the unit of each."""
    return {
        name: _unit((field.annotation, *field.metadata))
        for name, field in section.model_fields.items()
    }


def _unit(kinds: tuple[object, ...]) -> str | None:
    """The marker "size" or "duration" in a field's declaration, however deep it stands."""
    for kind in kinds:
        if kind in ("size", "duration"):
            return str(kind)
        found = _unit(typing.get_args(kind))
        if found:
            return found
    return None
