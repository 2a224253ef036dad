# SPDX-License-Identifier: Apache-2.0
"""The work: machines that share a configuration, and their groups."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gatehouse.config import changes, document, format, levels, places, schema
from gatehouse.config.places import MAIN_GROUP, Level
from gatehouse.faces.actions import cluster
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import CommitInput, CommitView
from gatehouse.faces.actions.configuration_change import change, refused, written
from gatehouse.faces.actions.configuration_commit_work import commit, no_candidate
from gatehouse.faces.actions.configuration_edit import Edited
from gatehouse.faces.actions.configuration_examine import in_force, read
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.service.base import machine as identity

Values = dict[str, Any]
# From the values of the whole text to those that are wanted.
Alter = Callable[[Values], Values]


# --- looking -----------------------------------------------------------------------------------


async def show(house: House, given: cluster.ClusterInput) -> cluster.ClusterView:
    """Machines and groups."""
    source, whole = await asyncio.to_thread(_whole, house, given)
    values, here = format.plain(whole), house.machine
    return cluster.ClusterView(
        source=source,
        name=whole.cluster.name,
        here=here,
        machines=tuple(
            cluster.MachineLine(
                name=name,
                group=one.group or MAIN_GROUP,
                member=one.member,
                here=name == here,
                overrides=_overrides(values, places.machine(name)),
                without=len(one.without),
                comment=one.comment or "",
            )
            for name, one in whole.machines.items()
        ),
        groups=tuple(
            _group_line(whole, values, name, machines)
            for name, machines in levels.groups(whole).items()
        ),
    )


async def check(house: House, given: cluster.ClusterInput) -> cluster.ClusterCheck:
    """Where levels differ."""
    source, whole = await asyncio.to_thread(_whole, house, given)
    values = format.plain(whole)
    lower = [*map(places.group, levels.groups(whole)), *map(places.machine, whole.machines)]
    return cluster.ClusterCheck(
        source=source,
        machines=len(whole.machines),
        overrides=tuple(one for level in lower for one in _differences(values, level)),
    )


def _whole(house: House, given: cluster.ClusterInput) -> tuple[str, schema.Document]:
    if given.candidate:
        text = Candidate(house).read()
        if text is None:
            raise no_candidate()
        return "candidate", read(text, "candidate")
    current = in_force(house)
    source = f"revision {current.number}"
    return source, read(current.text.encode(), source)


def _group_line(
    whole: schema.Document, values: Values, name: str, machines: tuple[str, ...]
) -> cluster.GroupLine:
    group = whole.groups.get(name)
    return cluster.GroupLine(
        name=name,
        machines=machines,
        overrides=_overrides(values, places.group(name)),
        without=0 if group is None else len(group.without),
        comment="" if group is None else group.comment or "",
    )


def _overrides(values: Values, level: Level) -> int:
    return sum(1 for _ in levels.leaves(levels.said(values, level)))


def _differences(values: Values, level: Level) -> list[cluster.Override]:
    above = levels.effective(values, levels.chain(values, level)[-2])
    found = []
    for path, value in levels.leaves(levels.said(values, level)):
        higher = levels.at(above.values, path)
        kind = "adds" if higher is None else "same" if higher == value else "overrides"
        found.append(_override(level, kind, path, (value, higher), above))
    for path in levels.taken_away(values, level):
        found.append(
            _override(level, "without", path, (None, levels.at(above.values, path)), above)
        )
    return found


def _override(
    level: Level,
    kind: str,
    path: places.Path,
    pair: tuple[object, object],
    above: levels.Effective,
) -> cluster.Override:
    value, higher = pair
    return cluster.Override(
        level=str(level),
        place=places.text(path),
        kind=kind,
        value=_shown(value),
        above=_shown(higher),
        above_level="" if higher is None else str(above.origin(path)),
    )


def _shown(value: object) -> str:
    if value is None:
        return ""
    return "a section" if isinstance(value, dict) else clean(format.literal(value))[:300]


# --- changing ----------------------------------------------------------------------------------


async def join(house: House, given: cluster.JoinInput) -> cluster.Joined:
    """A machine takes part."""
    _name(given.name)
    if given.here and house.named not in (None, given.name):
        raise OperatorError(
            "named-otherwise",
            f"This machine was started as {house.named}.",
            hint="Start it with --machine and the other name.",
        )

    def alter(values: Values) -> Values:
        old = values.get("machines", {}).get(given.name, {})
        new = {name: one for name, one in old.items() if name != "member"}
        if given.group is not None:
            new = _in_group(values, new, given.group)
        return levels.put(values, ("machines", given.name), new)

    named = given.here or house.machine is None
    done = await _alter(house, alter, None)
    if named:
        # Before the commit: what then runs here is what holds for this machine.
        await asyncio.to_thread(identity.keep, house.directory.path, given.name)
    committed: CommitView | None = None
    if given.commit is not None and done.changes:
        committed = await commit(house, CommitInput(comment=given.commit))
    return cluster.Joined(
        changes=done.changes,
        warnings=done.warnings,
        commit=committed,
        here=house.machine,
        named=named,
    )


async def leave(house: House, given: cluster.MachineInput) -> Edited:
    """A machine takes no part."""

    def alter(values: Values) -> Values:
        _machine(values, given.name)
        return levels.put(values, ("machines", given.name, "member"), False)

    return await _alter(house, alter, given.commit)


async def remove(house: House, given: cluster.MachineInput) -> Edited:
    """A machine is forgotten."""

    def alter(values: Values) -> Values:
        _machine(values, given.name)
        return _without(values, "machines", given.name)

    return await _alter(house, alter, given.commit)


async def name(house: House, given: cluster.NameInput) -> Edited:
    """The cluster has a name."""
    _name(given.name)
    return await _alter(
        house, lambda values: levels.put(values, ("cluster", "name"), given.name), given.commit
    )


async def add_group(house: House, given: cluster.GroupInput) -> Edited:
    """A new group."""
    _name(given.name)

    def alter(values: Values) -> Values:
        if given.name in values.get("groups", {}):
            raise OperatorError("group-there", "There is this group already.", given.name)
        new = {} if given.comment is None else {"comment": given.comment}
        return levels.put(values, ("groups", given.name), new)

    return await _alter(house, alter, given.commit)


async def remove_group(house: House, given: cluster.GroupNameInput) -> Edited:
    """A group that nobody belongs to is gone."""

    def alter(values: Values) -> Values:
        if given.name not in values.get("groups", {}):
            raise _no_such("group", given.name, values.get("groups", {}))
        machines = _machines_of(values, given.name)
        if machines and given.name != MAIN_GROUP:
            raise OperatorError(
                "group-in-use",
                "The group has machines.",
                f"{given.name}: {', '.join(machines[:10])}",
                "Put them into another one: `gatehouse cluster group set`.",
            )
        return _without(values, "groups", given.name)

    return await _alter(house, alter, given.commit)


async def rename_group(house: House, given: cluster.RenameInput) -> Edited:
    """A group has another name, and its machines with it."""
    _name(given.to)

    def alter(values: Values) -> Values:
        groups, machines = values.get("groups", {}), _machines_of(values, given.name)
        if given.name not in groups and not machines:
            raise _no_such("group", given.name, groups)
        if given.to in groups:
            raise OperatorError("group-there", "There is this group already.", given.to)
        table = groups.get(given.name, {})
        values = _without(values, "groups", given.name)
        values = levels.put(values, ("groups", given.to), table)
        for one in machines:
            values = levels.put(values, ("machines", one, "group"), given.to)
        return values

    return await _alter(house, alter, given.commit)


async def set_group(house: House, given: cluster.SetGroupInput) -> Edited:
    """Machines belong to a group."""

    def alter(values: Values) -> Values:
        for one in given.machine:
            new = _in_group(values, _machine(values, one), given.name)
            values = levels.put(values, ("machines", one), new)
        return values

    return await _alter(house, alter, given.commit)


async def _alter(house: House, alter: Alter, comment: str | None) -> Edited:
    def edit(content: bytes, before: schema.Document) -> bytes:
        wanted = document.read(alter(format.plain(before)))
        if not isinstance(wanted, schema.Document):
            raise refused(wanted)
        return written(content, changes.diff(before, wanted))

    return await change(house, edit, comment)


def _in_group(values: Values, machine: Mapping[str, Any], group: str) -> Values:
    groups = values.get("groups", {})
    if group == MAIN_GROUP:
        return {key: one for key, one in machine.items() if key != "group"}
    if group not in groups:
        raise _no_such("group", group, groups)
    return {"group": group, **{key: one for key, one in machine.items() if key != "group"}}


def _machines_of(values: Values, group: str) -> list[str]:
    every = values.get("machines", {})
    return [one for one in every if levels.group_of(values, one) == group]


def _machine(values: Values, name: str) -> Values:
    machines: Values = values.get("machines", {})
    if name not in machines:
        raise _no_such("machine", name, machines)
    found: Values = machines[name]
    return found


def _without(values: Values, table: str, name: str) -> Values:
    left = levels.removed(values, (table, name))
    return left if left.get(table) != {} else levels.removed(left, (table,))


def _no_such(kind: str, name: str, known: Mapping[str, object]) -> OperatorError:
    return OperatorError(
        f"no-such-{kind}",
        f"There is no such {kind}.",
        clean(name[:80]),
        f"There are: {', '.join(list(known)[:20]) or 'none'}. "
        "`gatehouse cluster --help` says how one is made.",
    )


def _name(name: str) -> None:
    if not places.is_name(name):
        raise OperatorError(
            "bad-name", "This is no name.", clean(name[:80]), "Letters, digits, '.', '_', '-'."
        )
