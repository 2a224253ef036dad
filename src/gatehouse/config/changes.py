# SPDX-License-Identifier: Apache-2.0
"""What differs between two configurations, field by field, and how two people's changes meet.

A document is taken apart into paths. Sender groups go by their name, entries of a recipient access
table by their recipient, members of a group by their text, so that two people who add different
ones both get in; other lists are one value. What stands in which order is a change of its own,
under the path of the list and `ORDER`.

Rule of the merge: it is a conflict if both changed the same path to different values, or if one
removed what the other changed below. Nothing else is, and nothing is ever chosen silently.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatehouse.config import format, levels, places, schema

Path = tuple[str, ...]
Value = Any  # of TOML: text, number, switch, or a list or table of them; or a `Mark`

ORDER = "(order)"  # no name, recipient or member of a group is written like this


class Mark(enum.Enum):
    """What stands at a path where no value of TOML does."""

    ABSENT = "not set"
    PRESENT = "set"  # a section, a list of named things, or a member


@dataclass(frozen=True, slots=True)
class Change:
    """One path with what stood there and what stands there now.

    `after` and `before`: the neighbours of what is new in a list of named things.
    """

    path: Path
    old: Value
    new: Value
    after: str | None = field(default=None, compare=False)
    before: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two changes that cannot both be. `scope`: the section that one removed, or the path."""

    path: Path
    base: Value
    mine: Value
    theirs: Value
    scope: Path


@dataclass(frozen=True, slots=True)
class Merged:
    """What of mine has to be done to theirs."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why it cannot be merged, in the order of my changes; never empty."""

    clashes: tuple[Clash, ...]


@dataclass(slots=True)
class Parts:
    """A document taken apart: what stands at each path, and the order of each keyed list."""

    at: dict[Path, Value]
    orders: dict[Path, list[str]]


def keyed(path: Path) -> bool:
    """Is this a list whose elements are known by a name? At every level."""
    match places.split(path)[1]:
        case ("listeners", _, "sender_groups" | "recipient_access"):
            return True
        case ("listeners", _, "sender_groups", _, "members"):
            return True
        case ("groups" | "machines", _, "without"):
            return True
        case _:
            return False


def parts(document: schema.Document) -> Parts:
    """Take a document apart; only what was set is in it."""
    found = Parts({}, {})
    _take(found, (), format.plain(document))
    return found


def assemble(pieces: Parts) -> dict[str, Any]:
    """The plain values of a document that was taken apart."""
    below: dict[Path, list[str]] = {}
    for path in pieces.at:
        if path:
            below.setdefault(path[:-1], []).append(path[-1])
    return dict(_build(pieces, below, ()))


def diff(base: schema.Document, other: schema.Document) -> tuple[Change, ...]:
    """What has to be done to `base` to make it `other`."""
    return _difference(parts(base), parts(other))


def apply(document: schema.Document, changes: Iterable[Change]) -> dict[str, Any]:
    """The plain values of the document with the changes made."""
    changes = tuple(changes)
    pieces = _without(parts(document), {one.path for one in changes if one.new is Mark.ABSENT})
    added: dict[Path, dict[str, Change]] = {}
    for change in changes:
        where, name = change.path[:-1], change.path[-1] if change.path else ""
        if name == ORDER and keyed(where):
            if where in pieces.orders:
                pieces.orders[where] = _reordered(pieces.orders[where], change.new)
        elif change.new is not Mark.ABSENT:
            if keyed(where) and change.path not in pieces.at:
                added.setdefault(where, {})[name] = change
            pieces.at[change.path] = change.new
    for where, new in added.items():
        pieces.orders[where] = _inserted(pieces.orders.get(where, []), new)
    return assemble(pieces)


def merge(
    base: schema.Document, mine: schema.Document, theirs: schema.Document
) -> Merged | Conflict:
    """My changes since `base`, to be made to `theirs`."""
    return resolve(base, mine, theirs, take_mine=(), take_theirs=())


def resolve(
    base: schema.Document,
    mine: schema.Document,
    theirs: schema.Document,
    *,
    take_mine: Iterable[Path],
    take_theirs: Iterable[Path],
) -> Merged | Conflict:
    """The merge, with somebody's word about clashes at these paths."""
    first, my_parts, their_parts = parts(base), parts(mine), parts(theirs)
    my_changes = {one.path: one for one in _difference(first, my_parts)}
    their_changes = {one.path: one for one in _difference(first, their_parts)}
    agreed = {
        path
        for path, one in my_changes.items()
        if path in their_changes and _same(one, their_changes[path])
    }
    mine_left = {path: one for path, one in my_changes.items() if path not in agreed}
    theirs_left = {path: one for path, one in their_changes.items() if path not in agreed}
    clashes = _clashes(mine_left, theirs_left)
    for_mine, for_theirs = set(take_mine), set(take_theirs)
    kept = dict(mine_left)
    left = []
    for path, scope in clashes.items():
        if path in for_theirs:
            kept = {at: one for at, one in kept.items() if not _within(at, scope)}
        elif path in for_mine:
            kept |= _brought_back(scope, my_parts, their_parts)
        else:
            left.append(_clash(path, scope, first, my_parts, their_parts))
    return Conflict(tuple(left)) if left else Merged(tuple(kept.values()))


# --- taking apart and putting together ----------------------------------------------------------


def _take(found: Parts, path: Path, value: Value) -> None:
    if keyed(path) and isinstance(value, list):
        names = [levels.name_of(one) for one in value]
        if len(set(names)) == len(names):
            found.at[path] = Mark.PRESENT
            found.orders[path] = names
            for name, one in zip(names, value, strict=True):
                if isinstance(one, dict):
                    _take(found, (*path, name), one)
                else:
                    found.at[(*path, name)] = Mark.PRESENT
            return
    if isinstance(value, dict):
        found.at[path] = Mark.PRESENT
        for name, one in value.items():
            _take(found, (*path, name), one)
    else:
        found.at[path] = value


def _build(pieces: Parts, below: Mapping[Path, Sequence[str]], path: Path) -> Value:
    value = pieces.at[path]
    if value is not Mark.PRESENT:
        return value
    if not keyed(path):
        return {name: _build(pieces, below, (*path, name)) for name in below.get(path, ())}
    names = pieces.orders.get(path, [])
    if path[-1] in ("members", "without"):
        return names
    return [_build(pieces, below, (*path, name)) for name in names]


def _without(pieces: Parts, gone: set[Path]) -> Parts:
    """All at once: there may be thousands."""

    def stays(path: Path) -> bool:
        return not any(path[:size] in gone for size in range(1, len(path) + 1))

    return Parts(
        {path: value for path, value in pieces.at.items() if stays(path)},
        {
            path: [name for name in names if (*path, name) not in gone]
            for path, names in pieces.orders.items()
            if stays(path)
        },
    )


def _reordered(names: list[str], order: Sequence[str]) -> list[str]:
    """The names that the order speaks of take each other's places; the others stay."""
    here = set(names)
    wanted = [name for name in order if name in here]
    moved = set(wanted)
    turn = iter(wanted)
    return [next(turn) if name in moved else name for name in names]


def _inserted(names: list[str], new: Mapping[str, Change]) -> list[str]:
    """What is new stands behind the neighbour that it was put behind, or before the next one."""
    behind: dict[str | None, list[str]] = {}
    ahead: dict[str, list[str]] = {}
    known = set(names) | new.keys()
    rest = []
    for name, change in new.items():
        if change.after is None or change.after in known:
            behind.setdefault(change.after, []).append(name)
        elif change.before in known and change.before is not None:
            ahead.setdefault(change.before, []).append(name)
        else:
            rest.append(name)
    found: list[str] = []

    def put(name: str | None) -> None:
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one is not None:
                waiting_ahead = ahead.pop(one, None)
                if waiting_ahead:
                    waiting += [one, *reversed(waiting_ahead)]
                    continue
                found.append(one)
            waiting += reversed(behind.pop(one, []))

    put(None)
    for name in (*names, *rest):
        put(name)
    return found


# --- differences and clashes -------------------------------------------------------------------


def _difference(base: Parts, other: Parts) -> tuple[Change, ...]:
    found = []
    neighbours = {
        path: _neighbours(base.orders.get(path), names) for path, names in other.orders.items()
    }
    for path, new in other.at.items():
        old = base.at.get(path, Mark.ABSENT)
        if old != new or type(old) is not type(new):
            after, before = neighbours.get(path[:-1], {}).get(
                path[-1] if path else "", (None, None)
            )
            found.append(Change(path, old, new, after, before))
    found += [
        Change(path, old, Mark.ABSENT) for path, old in base.at.items() if path not in other.at
    ]
    for path, names in other.orders.items():
        was = base.orders.get(path, [])
        stay = set(was) & set(names)
        before_, now = (tuple(one for one in each if one in stay) for each in (was, names))
        if before_ != now:
            found.append(Change((*path, ORDER), before_, now))
    return tuple(found)


def _neighbours(
    base: list[str] | None, names: list[str]
) -> dict[str, tuple[str | None, str | None]]:
    """For each name the one above it, and the next below it that was there before."""
    known = set(base or ())
    found: dict[str, tuple[str | None, str | None]] = {}
    below: str | None = None
    for place in range(len(names) - 1, -1, -1):
        name = names[place]
        found[name] = (names[place - 1] if place else None, below)
        below = name if name in known else below
    return found


def _same(mine: Change, theirs: Change) -> bool:
    if mine.path[-1:] == (ORDER,):
        both = set(mine.new) & set(theirs.new)
        return [x for x in mine.new if x in both] == [x for x in theirs.new if x in both]
    return type(mine.new) is type(theirs.new) and mine.new == theirs.new


def _clashes(mine: Mapping[Path, Change], theirs: Mapping[Path, Change]) -> dict[Path, Path]:
    """Where two people disagree, and the scope of it."""
    found: dict[Path, Path] = {}
    for path, one in mine.items():
        if path in theirs:
            found[path] = _gone_above(path, mine) or _gone_above(path, theirs) or path
        elif one.new is not Mark.ABSENT:
            scope = _gone_above(path, theirs)
            if scope is not None:
                found[path] = scope
    for path, one in theirs.items():
        if one.new is not Mark.ABSENT and path not in found:
            scope = _gone_above(path, mine)
            if scope is not None:
                found[path] = scope
    return found


def _gone_above(path: Path, changes: Mapping[Path, Change]) -> Path | None:
    """The uppermost section above this path that the changes take away or make something else."""
    for size in range(1, len(path)):
        one = changes.get(path[:size])
        if one is not None and (one.new is not Mark.PRESENT or one.old not in tuple(Mark)):
            return path[:size]
    return None


def _brought_back(scope: Path, mine: Parts, theirs: Parts) -> dict[Path, Change]:
    """What theirs lacks of a section of mine."""
    if mine.at.get(scope) is not Mark.PRESENT:
        return {}
    places = {path: _neighbours(None, names) for path, names in mine.orders.items()}
    found = {}
    for path, value in mine.at.items():
        if _within(path, scope) and path not in theirs.at:
            after, before = places.get(path[:-1], {}).get(path[-1], (None, None))
            found[path] = Change(path, Mark.ABSENT, value, after, before)
    return found


def _clash(path: Path, scope: Path, base: Parts, mine: Parts, theirs: Parts) -> Clash:
    def stands(one: Parts) -> Value:
        if path[-1] == ORDER and keyed(path[:-1]):
            return tuple(one.orders.get(path[:-1], ()))
        return one.at.get(path, Mark.ABSENT)

    return Clash(path, stands(base), stands(mine), stands(theirs), scope)


def _within(path: Path, scope: Path) -> bool:
    return path[: len(scope)] == scope
