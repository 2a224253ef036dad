# SPDX-License-Identifier: Apache-2.0
"""Declarations: all destination controls as one text, in the form of the modelled appliance."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.configuration import CommitView
from gatehouse.faces.actions.errors import FindingView

_WORK = "gatehouse.faces.actions.destinations_work"
LARGEST_TEXT = 4 * 1024 * 1024  # as config.hat_text


class ExportInput(msgspec.Struct, frozen=True, kw_only=True):
    """Of which configuration."""

    candidate: Annotated[bool, Arg(help="of the candidate, not of what is in force")] = False


class ImportInput(msgspec.Struct, frozen=True, kw_only=True):
    """A text, and whether it shall run at once."""

    file: Annotated[bytes, Arg(help="the text; - for standard input", positional=True)]
    commit: Annotated[
        str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
    ] = None


class ExportedControls(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    source: str
    text: str


class ImportedControls(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate has them now, and no others."""

    entries: int  # without the default one
    remarks: tuple[str, ...]  # what the text says and Gatehouse has not
    warnings: tuple[FindingView, ...]
    commit: CommitView | None = None


EXPORT = Action(
    name="destination export",
    summary="Write all destination controls as text.",
    help="""Write the limits and TLS levels of all destinations in the appliance's text form.

What the appliance does not know stands in comments, so that `gatehouse destination import` reads it
back to the same configuration and an appliance reads what it understands.""",
    example="gatehouse destination export > destinations.txt",
    role=Role.READ_ONLY,
    input=ExportInput,
    output=ExportedControls,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:export",
)

IMPORT = Action(
    name="destination import",
    summary="Replace all destination controls from their text form.",
    help="""Read destination controls, in the candidate: they replace all that are there.

The section [DEFAULT] is needed, with the certificate and the alert of all deliveries in it. A text
with a fault changes nothing, and every fault is told with its line.""",
    example='gatehouse destination import destinations.txt --commit "from the old gateway"',
    role=Role.ADMINISTRATOR,
    input=ImportInput,
    output=ImportedControls,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:take",
)
