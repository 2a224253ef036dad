# SPDX-License-Identifier: Apache-2.0
"""Declarations: changing single fields of the candidate, and living with the changes of others."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role
from gatehouse.faces.actions.configuration import CommitView, FieldChange
from gatehouse.faces.actions.errors import FindingView

_WORK = "gatehouse.faces.actions.configuration_edit_work"


class SetInput(msgspec.Struct, frozen=True, kw_only=True):
    """A field and its new value."""

    path: Annotated[str, Arg(help="section and field: listeners.InboundMail.port", positional=True)]
    value: Annotated[
        str,
        Arg(
            help="as in the file; quotes of texts may be left out",
            positional=True,
            named_by="path",
        ),
    ]
    level: Annotated[
        str | None,
        Arg(help="where it is said: cluster, group:NAME or machine:NAME", metavar="LEVEL"),
    ] = None
    commit: Annotated[
        str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
    ] = None


class UnsetInput(msgspec.Struct, frozen=True, kw_only=True):
    """A field or section that is to go."""

    path: Annotated[str, Arg(help="section and field: listeners.InboundMail.port", positional=True)]
    level: Annotated[
        str | None,
        Arg(help="where it is said: cluster, group:NAME or machine:NAME", metavar="LEVEL"),
    ] = None
    without: Annotated[
        bool, Arg(help="the level is to be without what a higher level has there")
    ] = False
    commit: Annotated[
        str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
    ] = None


class RebaseInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose value wins, and where."""

    path: Annotated[
        tuple[str, ...],
        Arg(
            help="the fields, as the conflict names them; else all of them",
            positional=True,
            metavar="PATH",
        ),
    ] = ()
    take: Annotated[
        str | None, Arg(help="whose value wins in a conflict", choices=("mine", "theirs"))
    ] = None


class Edited(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed in the candidate."""

    changes: tuple[FieldChange, ...]
    warnings: tuple[FindingView, ...]
    commit: CommitView | None = None


class CandidateLine(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's uncommitted changes."""

    operator: str
    changed_at: datetime
    base: int  # the revision that the candidate was made from
    changes: int  # fields; 0: it says what is in force
    secrets: int  # certificates and trust entries that wait
    mine: bool


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody's, the latest first."""

    at: datetime
    revision: int  # in force
    candidates: tuple[CandidateLine, ...]


class Rebased(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate stands on what is in force now."""

    revision: int
    changes: tuple[FieldChange, ...]  # what it would change there
    left: tuple[str, ...]  # fields that are still in conflict


SET = Action(
    name="config set",
    summary="Set one field in your candidate.",
    help="""Change one field of your candidate; comments and order of the text stay.

The path is written as in the messages of `gatehouse config check`: dots between the names, quotes
around names with dots in them, sender groups by their name. A list may be written as TOML or with
commas. Nothing runs differently before `gatehouse config commit`.

With --level it is said for a group of machines or for one machine alone, and wins over what stands
above. A list of a higher level is then taken over as a whole, with the change made to it.""",
    example="gatehouse config set \"destination_controls.'bank.example'.tls\" required-verify",
    role=Role.ADMINISTRATOR,
    input=SetInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:set_field",
)

UNSET = Action(
    name="config unset",
    summary="Take a field or a section out of your candidate.",
    help="""Remove a field, so that its default holds or it inherits; or a whole section.

The path is written as for `gatehouse config set`. With --level, what that level says goes, and what
stands above it holds again; with --without it is the other way round: the level no longer has what
stands above it.""",
    example="gatehouse config unset mail_flow_policies.PARTNER.max_message_size",
    role=Role.ADMINISTRATOR,
    input=UnsetInput,
    output=Edited,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:unset_field",
)

CANDIDATES = Action(
    name="config candidates",
    summary="List who has uncommitted changes.",
    help="""Each operator has a candidate of his own: who has one, since when, and how large it is.

Somebody's old candidate disturbs nobody, but whoever made it may have forgotten it.""",
    example="gatehouse config candidates",
    role=Role.READ_ONLY,
    input=Nothing,
    output=Candidates,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:candidates",
)

REBASE = Action(
    name="config rebase",
    summary="Bring your candidate up to what others have committed.",
    help="""Make your changes anew to what is in force now, and settle conflicts.

Without a conflict this only shows beforehand what the commit would do. In a conflict --take says
whose value wins, for the fields that are named or for all. Instead, the field can be changed in
the candidate to what both want.""",
    example="gatehouse config rebase --take mine delivery.max_connections",
    role=Role.ADMINISTRATOR,
    input=RebaseInput,
    output=Rebased,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:rebase",
)
