# SPDX-License-Identifier: Apache-2.0
"""Declarations: settings that go from one level to another."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.configuration_edit import Edited

_WORK = "gatehouse.faces.actions.configuration_levels_work"
_LEVELS = "cluster, group:NAME or machine:NAME"


class CarryInput(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, whose it is, and whose it shall be."""

    path: Annotated[str, Arg(help="section, name or field: listeners.InboundMail", positional=True)]
    from_: Annotated[str, Arg(help=f"the level that says it: {_LEVELS}", metavar="LEVEL")]
    to: Annotated[str, Arg(help="the level that shall say it", metavar="LEVEL")]
    commit: Annotated[
        str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
    ] = None


class DropInput(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that a level shall no longer say."""

    path: Annotated[str, Arg(help="section, name or field: listeners.InboundMail", positional=True)]
    from_: Annotated[str, Arg(help=f"the level that says it: {_LEVELS}", metavar="LEVEL")]
    commit: Annotated[
        str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
    ] = None


COPY = Action(
    name="config copy",
    summary="Copy settings from one level to another in your candidate.",
    help="""What one level says at a path, another one says too, in place of what it said there.

Do this to begin an override with the values that hold now, and to change them afterwards. A list is
copied as a whole.""",
    example="gatehouse config copy delivery --from cluster --to machine:gw1",
    role=Role.ADMINISTRATOR,
    input=CarryInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:copy",
)

MOVE = Action(
    name="config move",
    summary="Move settings from one level to another in your candidate.",
    help="""What one level says at a path, the other one says from then on.

Do this when what was tried on one machine shall hold for its group, or for all.""",
    example="gatehouse config move delivery --from machine:gw1 --to group:EU",
    role=Role.ADMINISTRATOR,
    input=CarryInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:move",
)

DELETE = Action(
    name="config delete",
    summary="Delete what a level says in your candidate.",
    help="""The level says nothing there any more, nor is it without anything there, so that what
stands above it holds again. At the cluster level this is `gatehouse config unset`.""",
    example="gatehouse config delete listeners.InboundMail --from machine:gw1",
    role=Role.ADMINISTRATOR,
    input=DropInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:delete",
)
