# SPDX-License-Identifier: Apache-2.0
"""Declarations: listeners that refuse connections until they are resumed."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

_WORK = "gatehouse.faces.actions.listeners_suspend_work"
DEFAULT_WITHIN = 30  # seconds, what the modelled appliance proposes
MOST_WITHIN = 3600  # ours; the longest idle time-out of a listener


class SuspendInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which listeners, and how long who is connected may go on."""

    names: Annotated[tuple[str, ...], Arg(help="listeners", positional=True, metavar="NAME")] = ()
    all: Annotated[bool, Arg(help="all listeners")] = False
    within: Annotated[
        int,
        Arg(
            help="seconds in which open connections may finish",
            metavar="SECONDS",
            least=0,
            most=MOST_WITHIN,
        ),
    ] = DEFAULT_WITHIN


class ResumeInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which listeners."""

    names: Annotated[tuple[str, ...], Arg(help="listeners", positional=True, metavar="NAME")] = ()
    all: Annotated[bool, Arg(help="all listeners that are suspended")] = False


class SuspendedListener(msgspec.Struct, frozen=True, kw_only=True):
    """One listener that refuses connections."""

    name: str
    since: datetime
    operator: str
    configured: bool  # False: what runs has no listener of this name


class SuspendedListeners(msgspec.Struct, frozen=True, kw_only=True):
    """All that are suspended, by name."""

    changed: int  # that this command suspended or resumed
    running: bool  # False: it holds when the gateway starts
    listeners: tuple[SuspendedListener, ...]


SUSPEND = Action(
    name="listener suspend",
    summary="Refuse new connections on listeners.",
    help="""Refuse new connections on these listeners at once, without a commit.

Clients meet a closed port and try again later. Who is connected may finish within --within seconds
and is sent away with 421 then, though never between the end of a message and its answer. It lasts
until `gatehouse listener resume`, also over commits and restarts. Deliveries go on:
`gatehouse delivery suspend`.""",
    example="gatehouse listener suspend InboundMail --within 60",
    role=Role.OPERATOR,
    input=SuspendInput,
    output=SuspendedListeners,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:suspend",
)

RESUME = Action(
    name="listener resume",
    summary="Take connections on suspended listeners again.",
    help="""End the suspension of these listeners, or of all, at once and without a commit.""",
    example="gatehouse listener resume --all",
    role=Role.OPERATOR,
    input=ResumeInput,
    output=SuspendedListeners,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:resume",
)
