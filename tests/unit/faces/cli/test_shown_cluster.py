# SPDX-License-Identifier: Apache-2.0
"""Machines, groups and differences as a person sees them."""

from gatehouse.faces.actions import cluster
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen

PLAIN = Screen(width=None, colour=False)


def machine(name: str, **more: object) -> cluster.MachineLine:
    usual: dict[str, object] = {
        "group": "EU",
        "member": True,
        "here": False,
        "overrides": 0,
        "without": 0,
        "comment": "",
    }
    return cluster.MachineLine(name=name, **(usual | more))  # type: ignore[arg-type]


def view(*machines: cluster.MachineLine, here: str | None = "gw1") -> cluster.ClusterView:
    group = cluster.GroupLine(
        name="EU",
        machines=tuple(one.name for one in machines),
        overrides=1,
        without=2,
        comment="Paris",
    )
    return cluster.ClusterView(
        source="revision 3",
        name="Europe" if machines else None,
        here=here,
        machines=machines,
        groups=(group,) if machines else (),
    )


def test_machines_stand_in_a_table_with_their_state() -> None:
    shown = render(view(machine("gw1", here=True), machine("gw2", member=False)), PLAIN)
    assert shown.startswith("Cluster Europe, revision 3.\nThis machine is gw1.\n")
    assert "gw1 (this one)" in shown
    assert "has left" in shown
    assert "gw1, gw2" in shown


def test_a_machine_alone_is_told_so() -> None:
    assert render(view(here=None), PLAIN) == (
        "This machine is alone: the configuration names no machines."
    )
    assert render(view(), PLAIN).endswith("This machine is gw1.")


def difference(kind: str, value: str = "7", above: str = "50") -> cluster.Override:
    return cluster.Override(
        level="machine:gw1",
        place="delivery.max_connections",
        kind=kind,
        value=value,
        above=above,
        above_level="group:EU" if above else "",
    )


def test_differences_stand_below_their_level() -> None:
    kinds = (
        difference("overrides"),
        difference("same", "50"),
        difference("adds", above=""),
        difference("without", ""),
    )
    check = cluster.ClusterCheck(source="candidate", machines=1, overrides=kinds)
    assert render(check, PLAIN).split("\n") == [
        "machine:gw1",
        "  ~ delivery.max_connections: 7 in place of 50 (group:EU)",
        "  = delivery.max_connections = 50, as group:EU says",
        "  + delivery.max_connections = 7",
        "  - delivery.max_connections (group:EU has it)",
    ]


def test_where_nobody_differs_that_is_said() -> None:
    none = cluster.ClusterCheck(source="revision 3", machines=2, overrides=())
    assert render(none, PLAIN) == "No group and no machine differs from the cluster level."
    alone = cluster.ClusterCheck(source="revision 3", machines=0, overrides=())
    assert "alone" in render(alone, PLAIN)


def test_what_comes_from_outside_is_made_harmless() -> None:
    shown = render(view(machine("gw1", comment="a\x1b[31mb")), PLAIN)
    assert "\x1b" not in shown


def test_a_new_name_of_this_machine_is_told() -> None:
    joined = cluster.Joined(changes=(), warnings=(), here="gw1", named=True)
    assert render(joined, PLAIN).endswith("This machine is gw1 from now on.")
