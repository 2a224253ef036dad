# SPDX-License-Identifier: Apache-2.0
"""Declaration: who works on this gateway now."""

from datetime import datetime

import msgspec

from gatehouse.faces.actions.action import Action, Needs, Nothing, Role


class WhoLine(msgspec.Struct, frozen=True, kw_only=True):
    """One session that is open. `role`: what the account may do now; `idle` in seconds."""

    name: str
    role: str  # "" for an account that is gone
    way: str
    address: str
    since: datetime
    idle: int


class WhoList(msgspec.Struct, frozen=True, kw_only=True):
    """All sessions of people who logged in, the oldest first."""

    sessions: tuple[WhoLine, ...]


WHO = Action(
    name="who",
    summary="Show who is logged in.",
    help="""List the sessions that are open now: who, with which role, from where, since when, and
for how long nothing was typed. Commands and shells of this machine's own users are no logins.""",
    example="gatehouse who",
    role=Role.READ_ONLY,
    input=Nothing,
    output=WhoList,
    changes=False,
    needs=Needs.RUNNING,
    work="gatehouse.faces.actions.who_work:who",
)
