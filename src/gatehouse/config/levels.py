# SPDX-License-Identifier: Apache-2.0
"""What a machine runs by, from what is said at the levels above it and at its own.

The lowest level that says something wins: table by table, name by name, field by field. A list is
one value and is taken as a whole. `without` takes away what higher levels have, before the level
adds what it says itself. Everything here works on plain values, as the text has them, and changes
none of those it is given.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatehouse.config import places, schema
from gatehouse.config.places import CLUSTER, MAIN_GROUP, Kind, Level, Path

Values = dict[str, Any]
Parts = tuple[str | int, ...]

# What a level below the top cannot say; "format" is of the text.
_OF_THE_WHOLE = frozenset(schema.Document.model_fields) - frozenset(schema.Settings.model_fields)


def group_of(values: Mapping[str, Any], machine: str) -> str:
    """The group of a machine."""
    return str(values.get("machines", {}).get(machine, {}).get("group") or MAIN_GROUP)


def chain(values: Mapping[str, Any], level: Level) -> tuple[Level, ...]:
    """The levels that decide at this one, from the highest to itself."""
    if level.kind is Kind.MACHINE:
        return (CLUSTER, places.group(group_of(values, level.name)), level)
    return (CLUSTER, level) if level.kind is Kind.GROUP else (CLUSTER,)


def said(values: Mapping[str, Any], level: Level) -> Values:
    """The sections that this level says something in."""
    if level == CLUSTER:
        return {name: one for name, one in values.items() if name not in _OF_THE_WHOLE}
    found: Values = at(values, level.prefix) or {}
    return found


def taken_away(values: Mapping[str, Any], level: Level) -> tuple[Path, ...]:
    """What this level takes away from the higher ones."""
    texts = (at(values, level.table) or {}).get("without", ()) if level.table else ()
    return tuple(path for text in texts if (path := _names(text)) is not None)


def groups(document: schema.Document) -> dict[str, tuple[str, ...]]:
    """Every group with its machines, also those that have left."""
    found: dict[str, list[str]] = {name: [] for name in document.groups}
    for name, one in document.machines.items():
        found.setdefault(one.group or MAIN_GROUP, []).append(name)
    return {name: tuple(machines) for name, machines in found.items()}


def members(document: schema.Document) -> tuple[str, ...]:
    """The machines that take part."""
    return tuple(name for name, one in document.machines.items() if one.member)


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds at a level, and who says so."""

    values: Values  # of a whole document, without any levels
    level: Level
    _chain: tuple[Level, ...]
    _said: tuple[Values, ...]
    _gone: tuple[tuple[Path, ...], ...]

    def origin(self, path: Parts) -> Level:
        """Who says a value; for a section, and for what nobody says, who made the section."""
        first = 0  # what stands above this level was taken away
        for number, gone in enumerate(self._gone):
            if any(path[: len(one)] == one for one in gone):
                first = number
        saying = [number for number in range(first, len(self._chain)) if self._says(number, path)]
        if not saying:
            return self.origin(path[:-1]) if path else CLUSTER
        if isinstance(at(self.values, path), dict):
            return self._chain[saying[0]]
        return self._chain[saying[-1]]

    def _says(self, number: int, path: Parts) -> bool:
        here: Any = self._said[number]
        for part in path:
            if not isinstance(here, dict):
                return True  # inside of a list, which is one value
            if part not in here:
                return False
            here = here[str(part)]
        return True

    def where(self, path: Parts) -> Parts:
        """The path in the whole text of what stands here, or of what took it away."""
        for number in range(len(self._chain) - 1, 0, -1):
            if self._says(number, path):
                break
            for place, one in enumerate(self._gone[number]):
                if path[: len(one)] == one:
                    return (*self._chain[number].table, "without", place)
        return (*self.origin(path).prefix, *path)

    def leaves(self) -> Iterator[tuple[Path, Any, Level]]:
        """Every value with its path and who says it; lists as a whole, and empty sections."""
        for path, value in leaves(self.values):
            if path != ("format",):
                yield path, value, self.origin(path)


def effective(values: Mapping[str, Any], level: Level) -> Effective:
    """What holds at a level of a whole text."""
    levels = chain(values, level)
    own = tuple(said(values, one) for one in levels)
    gone = tuple(taken_away(values, one) for one in levels)
    merged = dict(own[0])
    for says, without in zip(own[1:], gone[1:], strict=True):
        for path in without:
            merged = removed(merged, path)
        merged = overlaid(merged, says)
    return Effective({"format": values.get("format"), **merged}, level, levels, own, gone)


# --- plain values ------------------------------------------------------------------------------


def at(values: Mapping[str, Any], path: Parts) -> Any:  # noqa: ANN401
    """What stands at a path; None where nothing does. An element of a list goes by its name."""
    here: Any = values
    for part in path:
        if isinstance(here, Mapping):
            here = here.get(str(part))
        elif isinstance(here, list):
            here = next((one for one in here if name_of(one) == part), None)
        else:
            return None
    return here


def overlaid(higher: Values, lower: Mapping[str, Any]) -> Values:
    """What is said below wins."""
    merged = dict(higher)
    for name, value in lower.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            value = overlaid(old, value)
        merged[name] = value
    return merged


def removed(values: Values, path: Path) -> Values:
    """Without what stands at a path."""
    name, rest = path[0], path[1:]
    if name not in values:
        return values
    inner = values[name]
    if not rest:
        return {key: one for key, one in values.items() if key != name}
    if isinstance(inner, dict):
        return {**values, name: removed(inner, rest)}
    if isinstance(inner, list):
        return {**values, name: _removed_of(inner, rest)}
    return values


def _removed_of(elements: list[Any], path: Path) -> list[Any]:
    if len(path) == 1:
        return [one for one in elements if name_of(one) != path[0]]
    return [
        removed(one, path[1:]) if isinstance(one, dict) and name_of(one) == path[0] else one
        for one in elements
    ]


def put(values: Values, path: Path, value: object) -> Values:
    """With a value at a path; sections above it are made where they are not there."""
    if not path:
        assert isinstance(value, dict), "the top is a table"
        return value
    inner = values.get(path[0])
    below = put(inner if isinstance(inner, dict) else {}, path[1:], value) if path[1:] else value
    return {**values, path[0]: below}


def name_of(one: object) -> str:
    """By what an element of a list of named things is known; a group without a name by members."""
    if not isinstance(one, dict):
        return str(one)
    if "recipient" in one:
        return str(one["recipient"])
    if "name" in one:
        return str(one["name"])
    return "(" + " ".join(map(str, one.get("members", ()))) + ")"


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401
    """Every value with its path; lists as a whole, and sections that say nothing."""
    if not isinstance(value, dict) or (path and not value):
        yield path, value
        return
    for name, one in value.items():
        yield from leaves(one, (*path, name))


def _names(text: str) -> Path | None:
    found = places.parse(text)
    if found is None:
        return None
    return tuple(part for part in found if isinstance(part, str))
