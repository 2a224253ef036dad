# SPDX-License-Identifier: Apache-2.0
"""Where something is said: at which level, and at which path.

A configuration has what all machines have at its top, what a group says otherwise below
`groups.NAME.settings`, and what one machine says below `machines.NAME.settings`. Behind that prefix
a path means the same at every level.
"""

import enum
import re
from dataclasses import dataclass

Path = tuple[str, ...]

MAIN_GROUP = "Main_Group"  # of machines that name none; as on the modelled appliance
SETTINGS = "settings"
MAX_TEXT = 1000  # characters of a path; our own

_PART = re.compile(r"\.?(?:\"([^\"]*)\"|'([^']*)'|([^.\[\]'\"]+))|\[(\d{1,6})\]")
_BARE = re.compile(r"[A-Za-z0-9_$-]{1,80}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # as schema.Name


class Kind(enum.Enum):
    """The levels, from the highest to the lowest; the lowest that says something wins."""

    CLUSTER = "cluster"
    GROUP = "group"
    MACHINE = "machine"


_TABLES = {Kind.GROUP: "groups", Kind.MACHINE: "machines"}
_KINDS = {table: kind for kind, table in _TABLES.items()}


@dataclass(frozen=True, slots=True)
class Level:
    """One level by its name: cluster, group:EU, machine:gw1."""

    kind: Kind = Kind.CLUSTER
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value

    def words(self) -> str:
        """In a sentence: the cluster level, group EU, machine gw1."""
        return f"{self.kind.value} {self.name}" if self.name else "the cluster level"

    @property
    def table(self) -> Path:
        """Where what is said of it stands; () is the top of the text."""
        return (_TABLES[self.kind], self.name) if self.name else ()

    @property
    def prefix(self) -> Path:
        """What stands before the paths of its settings."""
        return (*self.table, SETTINGS) if self.name else ()


CLUSTER = Level()


def group(name: str) -> Level:
    """The level of a group."""
    return Level(Kind.GROUP, name)


def machine(name: str) -> Level:
    """The level of a machine."""
    return Level(Kind.MACHINE, name)


def is_name(text: str) -> bool:
    """May a group or a machine be called so?"""
    return _NAME.fullmatch(text) is not None


def parse_level(text: str) -> Level | None:
    """What a person means by "cluster", "group:EU" or "machine:gw1"; None: nothing."""
    word, colon, name = text.strip().partition(":")
    kind = next((one for one in Kind if one.value == word.strip().lower()), None)
    if kind is Kind.CLUSTER:
        return None if colon else CLUSTER
    if kind is None or not is_name(name.strip()):
        return None
    return Level(kind, name.strip())


def split(path: Path) -> tuple[Level, Path]:
    """The level that a path of the whole text belongs to, and the path there."""
    if len(path) > 2 and path[2] == SETTINGS and path[0] in _KINDS:
        return Level(_KINDS[path[0]], path[1]), path[3:]
    return CLUSTER, path


def is_top(path: Path) -> bool:
    """Does this path lead to the settings of a level below the top?"""
    return len(path) == 3 and path[-1] == SETTINGS and path[0] in _KINDS


def parse(text: str) -> tuple[str | int, ...] | None:
    """A path as people write it: dots between names, quotes around those that hold dots.

    A number in brackets is a place in a list, counted from one. None: this is no path.
    """
    found: list[str | int] = []
    at = 0
    if len(text) > MAX_TEXT:
        return None
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        at = part.end()
        found.append(part[1] or part[2] or part[3] or "" if part[4] is None else int(part[4]))
    return tuple(found) or None


def text(path: Path) -> str:
    """A path as `parse` reads it."""
    written = [one if _BARE.fullmatch(one) else _quoted(one) for one in path]
    return ".".join(written)


def _quoted(name: str) -> str:
    return f"'{name}'" if "'" not in name else f'"{name}"'
