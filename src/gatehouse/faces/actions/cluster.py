# SPDX-License-Identifier: Apache-2.0
"""Declarations: machines that share a configuration, and their groups."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.configuration_edit import Edited

_WORK = "gatehouse.faces.actions.cluster_work"

Commit = Annotated[
    str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
]


class ClusterInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose machines."""

    candidate: Annotated[bool, Arg(help="those of your candidate")] = False


class JoinInput(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that takes part."""

    name: Annotated[str, Arg(help="what the machine is called", positional=True)]
    group: Annotated[str | None, Arg(help="the group that it belongs to", metavar="NAME")] = None
    here: Annotated[
        bool, Arg(help="it is this machine, though this one has another name by now")
    ] = False
    commit: Commit = None


class MachineInput(msgspec.Struct, frozen=True, kw_only=True):
    """One machine."""

    name: Annotated[str, Arg(help="the machine", positional=True)]
    commit: Commit = None


class NameInput(msgspec.Struct, frozen=True, kw_only=True):
    """What the cluster is called."""

    name: Annotated[str, Arg(help="the new name", positional=True)]
    commit: Commit = None


class GroupInput(msgspec.Struct, frozen=True, kw_only=True):
    """A group."""

    name: Annotated[str, Arg(help="the group", positional=True)]
    comment: Annotated[str | None, Arg(help="what it is for", metavar="TEXT")] = None
    commit: Commit = None


class GroupNameInput(msgspec.Struct, frozen=True, kw_only=True):
    """A group that is there."""

    name: Annotated[str, Arg(help="the group", positional=True)]
    commit: Commit = None


class RenameInput(msgspec.Struct, frozen=True, kw_only=True):
    """A group and its new name."""

    name: Annotated[str, Arg(help="the group", positional=True)]
    to: Annotated[str, Arg(help="its new name", positional=True)]
    commit: Commit = None


class SetGroupInput(msgspec.Struct, frozen=True, kw_only=True):
    """A group and who shall belong to it."""

    name: Annotated[str, Arg(help="the group", positional=True)]
    machine: Annotated[tuple[str, ...], Arg(help="machines that belong to it", positional=True)]
    commit: Commit = None


class MachineLine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine."""

    name: str
    group: str
    member: bool  # false: it has left, and what it says is kept
    here: bool  # it is this machine
    overrides: int  # values that it says itself
    without: int  # paths of higher levels that it is without
    comment: str


class GroupLine(msgspec.Struct, frozen=True, kw_only=True):
    """One group."""

    name: str
    machines: tuple[str, ...]
    overrides: int
    without: int
    comment: str


class ClusterView(msgspec.Struct, frozen=True, kw_only=True):
    """Machines and groups; none of both: this machine is alone."""

    source: str  # "revision 3" | "candidate"
    name: str | None
    here: str | None  # what this machine is called
    machines: tuple[MachineLine, ...]
    groups: tuple[GroupLine, ...]


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a group or machine that stands in place of a higher level's."""

    level: str
    place: str
    kind: str  # overrides | adds | same | without
    value: str
    above: str  # what would hold without it; "": nothing
    above_level: str


class ClusterCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Where groups and machines differ from what stands above them."""

    source: str
    machines: int
    overrides: tuple[Override, ...]


class Joined(Edited, frozen=True, kw_only=True):
    """What was changed in the candidate, and what this machine is called."""

    here: str | None
    named: bool  # this machine got its name just now


SHOW = Action(
    name="cluster show",
    summary="List the machines that share this configuration, and their groups.",
    help="""Machines, the groups they belong to, who has left, and how much each says for itself.

A machine alone is a cluster of one and needs none of this. The numbers are of values that stand in
place of what a higher level says; `gatehouse cluster check` names them.""",
    example="gatehouse cluster show",
    role=Role.READ_ONLY,
    input=ClusterInput,
    output=ClusterView,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show",
)

CHECK = Action(
    name="cluster check",
    summary="Show where groups and machines differ from what stands above them.",
    help="""Every value that a group or machine says for itself, and what would hold without it.

Look here when two machines behave differently, and for what could be deleted because it says the
same as the level above.""",
    example="gatehouse cluster check --candidate",
    role=Role.READ_ONLY,
    input=ClusterInput,
    output=ClusterCheck,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:check",
)

JOIN = Action(
    name="cluster join",
    summary="Make a machine a member, in your candidate.",
    help="""The machine takes part from the commit on; one that had left gets its settings back.

The first machine that joins here is this one: its name is kept in the data directory. Machines that
join later are others, unless --here is said.""",
    example="gatehouse cluster join gw1 --group EU",
    role=Role.ADMINISTRATOR,
    input=JoinInput,
    output=Joined,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:join",
)

LEAVE = Action(
    name="cluster leave",
    summary="Let a machine leave, in your candidate; its settings are kept.",
    help="""The machine takes no part from the commit on. What it says for itself stays in the text,
and holds again when it joins. The machine whose gateway commits cannot leave: stop it first.""",
    example="gatehouse cluster leave gw3",
    role=Role.ADMINISTRATOR,
    input=MachineInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:leave",
)

REMOVE = Action(
    name="cluster remove",
    summary="Forget a machine with all its settings, in your candidate.",
    help="""The machine and what it says for itself are taken out of the text.

For a machine that will not come back; one that may should `gatehouse cluster leave`.""",
    example="gatehouse cluster remove gw3",
    role=Role.ADMINISTRATOR,
    input=MachineInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:remove",
)

NAME = Action(
    name="cluster name",
    summary="Say what the cluster is called, in your candidate.",
    help="The name is for people; nothing depends on it.",
    example="gatehouse cluster name Europe",
    role=Role.ADMINISTRATOR,
    input=NameInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:name",
)

GROUP_ADD = Action(
    name="cluster group add",
    summary="Make a group of machines, in your candidate.",
    help="""What a group says holds for all its machines. Main_Group is there without being made.

Machines come into it with `gatehouse cluster group set`.""",
    example='gatehouse cluster group add EU --comment "Frankfurt and Paris"',
    role=Role.ADMINISTRATOR,
    input=GroupInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:add_group",
)

GROUP_REMOVE = Action(
    name="cluster group remove",
    summary="Remove a group with its settings, in your candidate.",
    help="A group that has machines stays: put them into another one first.",
    example="gatehouse cluster group remove EU",
    role=Role.ADMINISTRATOR,
    input=GroupNameInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:remove_group",
)

GROUP_RENAME = Action(
    name="cluster group rename",
    summary="Give a group another name, in your candidate.",
    help="Its settings and its machines come along.",
    example="gatehouse cluster group rename EU Europe",
    role=Role.ADMINISTRATOR,
    input=RenameInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:rename_group",
)

GROUP_SET = Action(
    name="cluster group set",
    summary="Put machines into a group, in your candidate.",
    help="A machine belongs to one group; what the one before said no longer holds for it.",
    example="gatehouse cluster group set EU gw1 gw2",
    role=Role.ADMINISTRATOR,
    input=SetGroupInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:set_group",
)
