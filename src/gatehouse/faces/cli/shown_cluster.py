# SPDX-License-Identifier: Apache-2.0
"""How machines and groups look to a person, and where they differ."""

from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import cluster, configuration_edit
from gatehouse.faces.cli import shown_configuration
from gatehouse.faces.cli.terminal import Column, Screen, table
from gatehouse.journal.escape import clean

_ALONE = "This machine is alone: the configuration names no machines."


def _cluster(one: cluster.ClusterView, to: Screen) -> str:
    here = f"This machine is {clean(one.here)}." if one.here else "This machine has no name yet."
    if not one.machines and not one.groups:
        return "\n".join([_ALONE, here] if one.here else [_ALONE])
    lines = [f"Cluster {clean(one.name)}, {clean(one.source)}." if one.name else "", here, ""]
    machines = [
        (
            f"{each.name}{' (this one)' if each.here else ''}",
            each.group,
            "member" if each.member else "has left",
            str(each.overrides),
            str(each.without),
            each.comment,
        )
        for each in one.machines
    ]
    groups = [
        (
            each.name,
            ", ".join(each.machines),
            str(each.overrides),
            str(each.without),
            each.comment,
        )
        for each in one.groups
    ]
    counts = (Column("OVERRIDES", right=True), Column("WITHOUT", right=True))
    note = Column("COMMENT", flexible=True)
    if machines:
        of_machines = (Column("MACHINE"), Column("GROUP"), Column("STATE"), *counts, note)
        lines += [table(of_machines, machines, to), ""]
    of_groups = (Column("GROUP"), Column("MACHINES", flexible=True), *counts, note)
    lines.append(table(of_groups, groups, to))
    return "\n".join(lines[0 if one.name else 1 :])


def _check(one: cluster.ClusterCheck, to: Screen) -> str:
    if not one.overrides:
        return "No group and no machine differs from the cluster level." if one.machines else _ALONE
    lines = []
    level = None
    for each in one.overrides:
        if each.level != level:
            level = each.level
            lines.append(clean(level))
        lines.append(f"  {clean(_difference(each))}")
    return "\n".join(lines)


def _difference(one: cluster.Override) -> str:
    match one.kind:
        case "without":
            return f"- {one.place} ({one.above_level or 'nobody'} has it)"
        case "adds":
            return f"+ {one.place} = {one.value}"
        case "same":
            return f"= {one.place} = {one.value}, as {one.above_level} says"
        case _:
            return f"~ {one.place}: {one.value} in place of {one.above} ({one.above_level})"


def _joined(one: cluster.Joined, to: Screen) -> str:
    edited = configuration_edit.Edited(
        changes=one.changes, warnings=one.warnings, commit=one.commit
    )
    lines = [shown_configuration.RENDERERS[configuration_edit.Edited](edited, to)]
    if one.named and one.here:
        lines.append(f"This machine is {clean(one.here)} from now on.")
    return "\n".join(lines)


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    cluster.ClusterView: _cluster,
    cluster.ClusterCheck: _check,
    cluster.Joined: _joined,
}
