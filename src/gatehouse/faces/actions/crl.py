# SPDX-License-Identifier: Apache-2.0
"""Declarations: revocation lists."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role


class CrlUpdateInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which sources."""

    urls: Annotated[
        tuple[str, ...], Arg(help="only these sources", positional=True, metavar="URL")
    ] = ()


class CrlLine(msgspec.Struct, frozen=True, kw_only=True):
    """A source and the list that is held from it."""

    url: str
    issuer: str
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    fetched_at: datetime | None
    state: str  # good | good, not renewed | overdue | missing | not fetched yet
    error: str  # of the last try


class CrlList(msgspec.Struct, frozen=True, kw_only=True):
    """All sources, in the order of the configuration."""

    at: datetime
    check_clients: bool
    check_servers: bool
    on_unavailable: str
    sources: tuple[CrlLine, ...]


LIST = Action(
    name="crl list",
    summary="List the revocation lists with their age and state.",
    help="""List the sources of revocation lists that are configured in [crl], and what is held.

An overdue or missing list is as good as none: then the setting on_unavailable decides whether the
certificates of its issuer are accepted or refused.""",
    example="gatehouse crl list",
    role=Role.READ_ONLY,
    input=Nothing,
    output=CrlList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.crl_work:list_crls",
)

UPDATE = Action(
    name="crl update",
    summary="Fetch revocation lists now.",
    help="""Fetch the lists of all sources, or of those that are named, without waiting for their
turn.

A list that cannot be fetched, that is older than the one that is held, or that is not signed by its
issuer leaves the one that is held in its place.""",
    example="gatehouse crl update http://crl.example.com/ca.crl",
    role=Role.OPERATOR,
    input=CrlUpdateInput,
    output=CrlList,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.crl_work:update_crls",
)
