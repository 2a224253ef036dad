# SPDX-License-Identifier: Apache-2.0
"""Declarations: going back to an older configuration, and keeping one that was tried."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role
from gatehouse.faces.actions.configuration import Committed

_WORK = "gatehouse.faces.actions.configuration_commit_work"


class RollbackInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which revision to go back to, and what the history shall say."""

    revision: Annotated[
        int, Arg(help="the revision whose text is wanted", positional=True, metavar="N", least=1)
    ]
    comment: Annotated[str | None, Arg(help="why (else: that it is a rollback)")] = None
    confirm_within: Annotated[
        str | None,
        Arg(help='go back again unless `config confirm` comes in this time: "10m"', metavar="TIME"),
    ] = None


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """The revision that is kept now."""

    revision: int


ROLLBACK = Action(
    name="config rollback",
    summary="Go back to an older configuration.",
    help="""Commit the text of an older revision as a new one, and run by it.

Nothing is lost: the revisions between stay in the history, and your candidate is not touched.
Certificates and trust entries are those of today; where the old text needs one that is no more, it
is refused with its name.""",
    example='gatehouse config rollback 12 --comment "partners cannot reach us"',
    role=Role.ADMINISTRATOR,
    input=RollbackInput,
    output=Committed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:rollback",
)

CONFIRM = Action(
    name="config confirm",
    summary="Keep the configuration that was committed with --confirm-within.",
    help="""Say that the new configuration is as it should be. Without this it goes back by itself.

Look first whether mail moves: `gatehouse status`, `gatehouse log tail`.""",
    example="gatehouse config confirm",
    role=Role.ADMINISTRATOR,
    input=Nothing,
    output=Confirmed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:confirm",
)
