# SPDX-License-Identifier: Apache-2.0
"""What holds at a level, against a second computation that shares no line with the first.

The oracle knows one flat table: a path, what stands there, and who says it. Each level takes paths
out of it and puts paths into it. Overlays, and the changes made to them, are random.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.config import changes, document, format, level_changes, levels, places, schema
from gatehouse.config.changes import Change, Mark
from gatehouse.config.level_changes import Changed, Refused
from gatehouse.config.places import CLUSTER, Level, Path

EXAMPLES = 25
TABLE = "(a table)"
GROUPS, MACHINES = ("EU", "US"), ("gw1", "gw2", "gw3")
LEVELS = (CLUSTER, *map(places.group, GROUPS), *map(places.machine, MACHINES))
# Fields of each kind: plain, of named sections, lists, and tables that say nothing else.
PATHS: dict[Path, list[Any]] = {
    ("delivery", "max_connections"): [1, 2, 3],
    ("delivery", "idle_timeout"): ["10s", "20s"],
    ("delivery", "dns_servers"): [["127.0.0.1:53"], []],
    ("smtp_routes", "a.example"): [["h1.example:25"], ["h2.example:25"]],
    ("smtp_routes", "b.example"): [["h1.example:25"]],
    ("destination_controls", "x.example", "tls"): ["none", "required"],
    ("destination_controls", "x.example", "max_connections"): [7, 8],
    ("destination_controls", "y.example", "tls"): ["preferred"],
    ("mail_flow_policies", "P"): [{}],
    ("mail_flow_policies", "P", "tls"): ["preferred"],
    ("interfaces", "Net", "address"): ["127.0.0.1", "127.0.0.2"],
    ("listeners", "In", "port"): [25, 2525],
    ("listeners", "In", "recipient_access"): [
        [{"recipient": "a.example", "access": "accept"}],
        [{"recipient": "b.example", "access": "reject"}],
        [],
    ],
    ("listeners", "In", "sender_groups"): [
        [{"name": "A", "members": ["192.0.2.1"], "policy": "ACCEPTED"}],
        [{"name": "B", "policy": "BLOCKED"}, {"name": "ALL", "policy": "ACCEPTED"}],
    ],
}
TOP: dict[str, Any] = {
    "format": 1,
    "system": {"hostname": "mx.example.org"},
    "interfaces": {"Net": {"address": "127.0.0.9"}},
    "listeners": {"In": {"type": "public", "interface": "Net"}},
}
# What a level may be without: fields, sections, one element of a list.
GONE = (
    *PATHS,
    ("delivery",),
    ("smtp_routes",),
    ("destination_controls", "x.example"),
    ("destination_controls",),
    ("listeners",),
    ("listeners", "In", "recipient_access", "a.example"),
    ("listeners", "In", "sender_groups", "A"),
    ("listeners", "In", "sender_groups", "B", "members"),
    ("smtp_routes", "none.example"),
)


# --- the oracle ----------------------------------------------------------------------------------


@dataclass
class Flat:
    """Every path at which something stands."""

    at: dict[Path, tuple[Any, Level]]

    def take(self, path: Path) -> None:
        self.at = {one: value for one, value in self.at.items() if one[: len(path)] != path}
        for one, (value, who) in list(self.at.items()):
            if isinstance(value, list) and path[: len(one)] == one:
                self.at[one] = (_without(value, path[len(one) :]), who)

    def say(self, path: Path, value: Any, who: Level) -> None:
        if isinstance(value, dict):
            if self.at.get(path, (None,))[0] != TABLE:
                self.at[path] = (TABLE, who)
            for name, one in value.items():
                self.say((*path, name), one, who)
            return
        self.take(path)
        self.at[path] = (value, who)

    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path, (value, _) in sorted(self.at.items(), key=lambda one: len(one[0])):
            here = found
            for name in path[:-1]:
                here = here[name]
            here[path[-1]] = {} if value == TABLE else value
        return found


def _without(elements: list[Any], path: Path) -> list[Any]:
    found = []
    for one in elements:
        name = one if isinstance(one, str) else one.get("recipient", one.get("name"))
        if name != path[0]:
            found.append(one)
        elif len(path) > 1:
            found.append({key: each for key, each in one.items() if key != path[1]})
    return found


def oracle(values: dict[str, Any], level: Level) -> Flat:
    """What holds there, level by level."""
    flat = Flat({})
    machine = values.get("machines", {}).get(level.name, {}) if level in LEVELS[3:] else {}
    group = machine.get("group", "Main_Group") if machine else level.name
    above: list[tuple[Level, dict[str, Any]]] = []
    if level != CLUSTER:
        above.append((places.group(group), values.get("groups", {}).get(group, {})))
    if machine:
        above.append((level, machine))
    for name, one in values.items():
        if name not in ("format", "groups", "machines", "cluster"):
            flat.say((name,), one, CLUSTER)
    for who, table in above:
        for text in table.get("without", []):
            flat.take(tuple(map(str, places.parse(text) or ())))
        for name, one in table.get("settings", {}).items():
            flat.say((name,), one, who)
    return flat


# --- random configurations -----------------------------------------------------------------------


def nested(said: dict[Path, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in sorted(said.items(), key=lambda one: len(one[0])):
        here = found
        for name in path[:-1]:
            here = here.setdefault(name, {})
        here[path[-1]] = copy.deepcopy(value)
    return found


@st.composite
def overlays(draw: st.DrawFn) -> dict[Path, Any]:
    paths = draw(st.lists(st.sampled_from(sorted(PATHS)), max_size=5, unique=True))
    return {path: draw(st.sampled_from(PATHS[path])) for path in paths}


@st.composite
def texts(draw: st.DrawFn) -> schema.Document:
    values = levels.overlaid(copy.deepcopy(TOP), nested(draw(overlays())))
    for table, names in (("groups", GROUPS), ("machines", MACHINES)):
        values[table] = {}
        for name in names:
            one: dict[str, Any] = {}
            group: str | None = draw(st.sampled_from([None, *GROUPS]))
            if table == "machines" and group is not None:
                one["group"] = group
            gone = draw(st.lists(st.sampled_from(GONE), max_size=2, unique=True))
            if gone:
                one["without"] = [places.text(path) for path in gone]
            said = nested(draw(overlays()))
            empty: bool = draw(st.booleans())
            if said or empty:
                one["settings"] = said
            values[table][name] = one
    found = document.read(values)
    assert isinstance(found, schema.Document), found
    return found


paths = st.sampled_from(sorted({path[:size] for path in PATHS for size in range(1, 4)}))


def everything(whole: schema.Document) -> dict[Level, dict[str, Any]]:
    values = format.plain(whole)
    return {level: oracle(values, level).values() for level in LEVELS}


def below(whole: schema.Document, level: Level) -> Iterator[Level]:
    """The level itself, and those that hear what it says."""
    for one in LEVELS:
        if level in levels.chain(format.plain(whole), one):
            yield one


def after(whole: schema.Document, outcome: Changed | Refused) -> schema.Document | None:
    """The text as it would be; None where it is refused, with a reason."""
    if isinstance(outcome, Refused):
        assert outcome.findings
        return None
    found = document.read(changes.apply(whole, outcome.changes))
    assert isinstance(found, schema.Document), found
    return found


# --- what holds ----------------------------------------------------------------------------------


@given(texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_level_holds_what_the_oracle_says_and_names_who_says_it(
    whole: schema.Document,
) -> None:
    values = format.plain(whole)
    before = copy.deepcopy(values)
    for level in LEVELS:
        found, expected = levels.effective(values, level), oracle(values, level)
        assert found.values == {"format": 1, **expected.values()}, level
        for path, (value, who) in expected.at.items():
            if value != TABLE or len(path) > 1:
                assert found.origin(path) == who, (level, path)
    assert values == before, "nothing that was given is changed"


@given(texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_who_leaves_and_comes_back_has_what_he_had(whole: schema.Document) -> None:
    values = format.plain(whole)
    left = levels.put(values, ("machines", "gw1", "member"), False)
    gone = document.read(left)
    assert isinstance(gone, schema.Document)
    assert levels.members(gone) == ("gw2", "gw3")
    assert everything(gone) == everything(whole)
    back = document.read(levels.removed(format.plain(gone), ("machines", "gw1", "member")))
    assert isinstance(back, schema.Document)
    assert format.format_document(back) == format.format_document(whole)


# --- changes at levels ---------------------------------------------------------------------------


def value_at(values: dict[str, Any], path: Path) -> Any:
    here: Any = values
    for name in path:
        if not isinstance(here, dict) or name not in here:
            return None
        here = here[name]
    return here


def others_hold(
    whole: schema.Document, new: schema.Document, level: Level, path: Path
) -> dict[Level, dict[str, Any]]:
    """Levels that hear nothing of this one hold what they held; those that do, beside the path."""
    before, now = everything(whole), everything(new)
    hearing = set(below(whole, level))
    for one in LEVELS:
        if one not in hearing:
            assert before[one] == now[one], one
        else:
            assert _beside(before[one], path) == _beside(now[one], path), one
    return now


def _beside(values: dict[str, Any], path: Path) -> dict[Path, Any]:
    """Every value that is not at, below or above the path."""
    return {
        one: value
        for one, value in levels.leaves(values)
        if one[: len(path)] != path and path[: len(one)] != one and value != {}
    }


@given(texts(), st.sampled_from(LEVELS), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_is_set_at_a_level_holds_there(
    whole: schema.Document, level: Level, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(one for one in PATHS if PATHS[one] != [{}])))
    value = data.draw(st.sampled_from(PATHS[path]))
    here = level_changes.holding(whole, level)
    if isinstance(here, Refused):
        return  # what holds there is no configuration: nothing can be set by itself
    stands = changes.parts(here).at
    made = [
        Change(path[:size], Mark.ABSENT, Mark.PRESENT)
        for size in range(1, len(path))
        if path[:size] not in stands
    ]
    if changes.keyed(path):
        made += [Change(one, Mark.PRESENT, Mark.ABSENT) for one in stands if one[:-1] == path]
    made.append(Change(path, stands.get(path, Mark.ABSENT), value))
    new = after(whole, level_changes.at_level(whole, level, made))
    if new is not None:
        assert value_at(others_hold(whole, new, level, path)[level], path) == value


@given(texts(), st.sampled_from(LEVELS[1:]), paths)
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_is_taken_away_at_a_level_is_gone_there(
    whole: schema.Document, level: Level, path: Path
) -> None:
    values = format.plain(whole)
    above = levels.chain(values, level)[-2]
    new = after(whole, level_changes.take_away(whole, level, path))
    stands = value_at(oracle(values, above).values(), path)
    assert (new is None) == (stands is None)
    if new is not None:
        assert value_at(others_hold(whole, new, level, path)[level], path) is None


@given(texts(), st.sampled_from(LEVELS[1:]), paths)
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_is_deleted_lets_the_level_above_speak(
    whole: schema.Document, level: Level, path: Path
) -> None:
    values = format.plain(whole)
    new = after(whole, level_changes.delete(whole, path, level))
    if new is None:
        assert value_at(levels.said(values, level), path) is None
        return
    above = levels.chain(values, level)[-2]
    there = oracle(values, above).values()
    if any(path[: len(one)] == one for one in levels.taken_away(format.plain(new), level)):
        assert value_at(everything(new)[level], path) is None, "a section above it is taken away"
    else:
        held, told = value_at(others_hold(whole, new, level, path)[level], path), there
        assert held == value_at(told, path)


@given(texts(), st.sampled_from(LEVELS), st.sampled_from(LEVELS), st.booleans(), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_is_copied_or_moved_is_said_by_the_other_level(
    whole: schema.Document, source: Level, target: Level, moved: bool, data: st.DataObject
) -> None:
    stands = [one for one, _ in levels.leaves(levels.said(format.plain(whole), source)) if one]
    every = {one[:size] for one in stands for size in range(1, len(one) + 1)}
    path = data.draw(st.sampled_from(sorted(every or {("delivery",)})))
    said = value_at(levels.said(format.plain(whole), source), path)
    carry = level_changes.move if moved else level_changes.copy
    new = after(whole, carry(whole, path, source, target))
    if new is None:
        return
    assert said is not None
    now = format.plain(new)
    assert value_at(levels.said(now, target), path) == said
    left = value_at(levels.said(now, source), path)
    assert left is None if moved else left == said
    if source == CLUSTER or moved:
        return
    assert levels.said(now, source) == levels.said(format.plain(whole), source)
