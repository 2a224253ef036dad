# SPDX-License-Identifier: Apache-2.0
"""Changes at one level: of what holds there, and of what one level says and another shall say.

What comes of it are changes of fields of the whole text, like any other: they are shown, merged and
written as those are. A list is one value for a level, so whoever changes one member of a list that
a higher level has says the whole list from then on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gatehouse.config import changes, document, findings, format, levels, places, schema
from gatehouse.config.changes import Change, Mark
from gatehouse.config.findings import Finding
from gatehouse.config.places import CLUSTER, MAIN_GROUP, SETTINGS, Kind, Level, Path

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Changed:
    """What has to be done to the whole text."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why it cannot be; never empty."""

    findings: tuple[Finding, ...]


def exists(whole: schema.Document, level: Level) -> bool:
    """Can anything be said at this level?"""
    match level.kind:
        case Kind.MACHINE:
            return level.name in whole.machines
        case Kind.GROUP:
            return level.name == MAIN_GROUP or level.name in levels.groups(whole)
        case Kind.CLUSTER:
            return True


def holding(whole: schema.Document, level: Level) -> schema.Document | Refused:
    """What holds at a level, as a configuration without levels."""
    if level == CLUSTER:
        return whole
    if not exists(whole, level):
        return Refused((findings.error(level.table, "there is no such level"),))
    found = levels.effective(format.plain(whole), level)
    read = document.read(found.values)
    if isinstance(read, schema.Document):
        return read
    return Refused(tuple(placed(one, found) for one in read))


def placed(one: Finding, found: levels.Effective) -> Finding:
    """A finding about what holds, with the path of where it is said."""
    return findings.moved(one, found.where(one.path))


def at_level(whole: schema.Document, level: Level, made: Iterable[Change]) -> Changed | Refused:
    """What makes these changes to what holds at a level, by what this level says."""
    made = tuple(made)
    if level == CLUSTER:
        return Changed(made)
    here = holding(whole, level)
    if isinstance(here, Refused):
        return here
    after = changes.apply(here, made)
    values: Values = format.plain(whole)
    settled: set[Path] = set()  # lists that are said already, and what is gone with all below
    for change in made:
        path = _whole_list(change.path)
        if any(path[:size] in settled for size in range(1, len(path) + 1)):
            continue
        new = levels.at(after, path)
        if new is None or path != change.path:
            settled.add(path)
        if new is None:
            values = _dropped(values, level, path)
        elif not isinstance(new, dict) or isinstance(change.new, dict):
            values = levels.put(values, (*level.prefix, *path), new)
        elif levels.at(values, (*level.prefix, *path)) is None and change.old is Mark.ABSENT:
            values = levels.put(values, (*level.prefix, *path), {})
    return _difference(whole, values)


def take_away(whole: schema.Document, level: Level, path: Path) -> Changed | Refused:
    """The level is without what higher levels have at this path."""
    values: Values = format.plain(whole)
    if levels.at(_above(values, level), path) is None:
        return _refused(path, "no level above has anything here")
    return _difference(whole, _dropped(values, level, path))


def copy(whole: schema.Document, path: Path, source: Level, target: Level) -> Changed | Refused:
    """The target says here what the source says itself, and nothing else."""
    values: Values = format.plain(whole)
    wanted = _copied(whole, values, path, source, target)
    return wanted if isinstance(wanted, Refused) else _difference(whole, wanted)


def move(whole: schema.Document, path: Path, source: Level, target: Level) -> Changed | Refused:
    """The same, and the source says nothing here any more."""
    values: Values = format.plain(whole)
    wanted = _copied(whole, values, path, source, target)
    if isinstance(wanted, Refused):
        return wanted
    return _difference(whole, _pruned(levels.removed(wanted, (*source.prefix, *path)), source))


def unsay(whole: schema.Document, path: Path, level: Level) -> Changed | Refused:
    """The level says nothing here any more; what it takes away stays away."""
    values: Values = format.plain(whole)
    wanted = levels.removed(values, (*level.prefix, *path))
    if wanted == values:
        return _says_nothing(whole, values, path, level)
    return _difference(whole, _pruned(wanted, level))


def delete(whole: schema.Document, path: Path, level: Level) -> Changed | Refused:
    """The level says nothing here any more, nor takes anything away: what is above it holds."""
    values: Values = format.plain(whole)
    wanted = levels.removed(values, (*level.prefix, *path))
    without = levels.taken_away(values, level)
    kept = [one for one in without if one[: len(path)] != path]
    if len(kept) != len(without):
        wanted = _without(wanted, level, kept)
    if wanted == values:
        return _says_nothing(whole, values, path, level)
    return _difference(whole, _pruned(wanted, level))


# --- the parts of it ---------------------------------------------------------------------------


def _copied(
    whole: schema.Document, values: Values, path: Path, source: Level, target: Level
) -> Values | Refused:
    if _whole_list(path) != path:
        named = places.text(_whole_list(path))
        return _refused(path, "this is a part of a list", f"a list goes as a whole: {named}")
    for level in (source, target):
        if not exists(whole, level):
            return _refused(level.table, "there is no such level")
    if source == target:
        return _refused(path, f"{source.words()} is both where it is and where it shall be")
    value = levels.at(levels.said(values, source), path)
    if value is None:
        return _says_nothing(whole, values, path, source)
    return levels.put(values, (*target.prefix, *path), value)


def _says_nothing(whole: schema.Document, values: Values, path: Path, level: Level) -> Refused:
    every = (
        CLUSTER,
        *map(places.group, levels.groups(whole)),
        *map(places.machine, whole.machines),
    )
    saying = [str(one) for one in every if levels.at(levels.said(values, one), path) is not None]
    hint = f"said at {', '.join(saying[:5])}" if saying else "nor does any other level"
    return _refused((*level.prefix, *path), f"{level.words()} says nothing here", hint)


def _refused(path: Path, what: str, hint: str = "") -> Refused:
    return Refused((findings.error(path, what, hint=hint),))


def _difference(whole: schema.Document, values: Values) -> Changed | Refused:
    read = document.read(values)
    if isinstance(read, schema.Document):
        return Changed(changes.diff(whole, read))
    return Refused(read)


def _whole_list(path: Path) -> Path:
    """The list of named things that a path leads into, or the path."""
    sizes = (size for size in range(1, len(path)) if changes.keyed(path[:size]))
    return path[: next(sizes, len(path))]


def _dropped(values: Values, level: Level, path: Path) -> Values:
    """The level says nothing here, and is without what the levels above say here."""
    wanted = levels.removed(values, (*level.prefix, *path))
    without = levels.taken_away(values, level)
    covered = any(path[: len(one)] == one for one in without)
    if not covered and levels.at(_above(values, level), path) is not None:
        below = [one for one in without if one[: len(path)] != path]
        wanted = _without(wanted, level, [*below, path])
    return _pruned(wanted, level)


def _above(values: Values, level: Level) -> Values:
    """What holds above a level."""
    above = levels.chain(values, level)[:-1]
    return levels.effective(values, above[-1]).values if above else {}


def _without(values: Values, level: Level, paths: Iterable[Path]) -> Values:
    place, texts = (*level.table, "without"), [places.text(one) for one in paths]
    return levels.put(values, place, texts) if texts else levels.removed(values, place)


def _pruned(values: Values, level: Level) -> Values:
    """Without sections of a level that say nothing, where there is one above without them."""
    settings = levels.at(values, level.prefix)
    if level == CLUSTER or settings is None:
        return values
    above = _above(values, level)
    left = {name: _kept(one, above.get(name)) for name, one in settings.items()}
    left = {name: one for name, one in left.items() if one != {}}
    if left:
        return levels.put(values, level.prefix, left)
    return levels.removed(values, (*level.table, SETTINGS))


def _kept(value: Any, above: Any) -> Any:  # noqa: ANN401
    """A section; one that stands only here is something even if it says nothing."""
    if not isinstance(value, dict):
        return value
    higher = above if isinstance(above, dict) else {}
    kept = {name: _kept(one, higher.get(name)) for name, one in value.items()}
    return {name: one for name, one in kept.items() if one != {} or name not in higher}
