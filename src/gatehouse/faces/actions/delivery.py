# SPDX-License-Identifier: Apache-2.0
"""Declarations: delivery to destinations, stopped and looked at."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role

_WORK = "gatehouse.faces.actions.delivery_work"


class SuspendInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which destinations."""

    domains: Annotated[
        tuple[str, ...], Arg(help="recipient domains", positional=True, metavar="DOMAIN")
    ] = ()
    all: Annotated[bool, Arg(help="everything that goes out")] = False


class SuspensionView(msgspec.Struct, frozen=True, kw_only=True):
    """One suspension; domain None: everything that goes out."""

    domain: str | None
    since: datetime
    operator: str


class Suspensions(msgspec.Struct, frozen=True, kw_only=True):
    """What is suspended now, and whether the configuration suspends everything besides."""

    changed: int  # suspended or resumed by this command
    suspensions: tuple[SuspensionView, ...]
    by_configuration: bool


class HostInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which destination."""

    domain: Annotated[str, Arg(help="recipient domain", positional=True, metavar="DOMAIN")]


class TopInput(msgspec.Struct, frozen=True, kw_only=True):
    """How many."""

    limit: Annotated[
        int, Arg(help="at most so many", metavar="N", short="n", least=1, most=10_000)
    ] = 20


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """One destination: its queue, and what the running deliverer knows of it.

    The second part is None where no gateway runs, or nothing was tried since its start.
    """

    domain: str
    state: str  # up | down | suspended | unknown
    tls: str  # level of the destination control that applies
    waiting: int  # recipients never tried
    deferred: int  # recipients tried in vain
    held: int
    connections: int | None = None
    delivered: int | None = None  # recipients, since the deliverer started
    failed_tries: int | None = None
    bounced: int | None = None
    last_status: str | None = None
    last_tried_at: datetime | None = None


class TopHosts(msgspec.Struct, frozen=True, kw_only=True):
    """Destinations with the most waiting recipients first."""

    at: datetime
    hosts: tuple[HostView, ...]


SUSPEND = Action(
    name="delivery suspend",
    summary="Keep the mail of destinations in the queue.",
    help="""Stop delivering to these domains, or to all. Mail is still accepted for them and waits.

Deliveries in flight end; nothing new begins. It lasts until `gatehouse delivery resume`, also over
a restart. Mail does not live longer for it: what is too old when deliveries go on is returned.
Alerts go on with --all; a destination that is named keeps its own.""",
    example="gatehouse delivery suspend partner.example",
    role=Role.OPERATOR,
    input=SuspendInput,
    output=Suspensions,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:suspend",
)

RESUME = Action(
    name="delivery resume",
    summary="Deliver to suspended destinations again.",
    help="""End the suspension of these domains, or of everything (--all ends each of them too).

What waits is tried when its next try is due; `gatehouse queue retry` makes that now.""",
    example="gatehouse delivery resume --all",
    role=Role.OPERATOR,
    input=SuspendInput,
    output=Suspensions,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:resume",
)

SUSPENDED = Action(
    name="delivery list",
    summary="List what is suspended, since when and by whom.",
    help="""List the suspended destinations.

A configuration can suspend everything as well: suspended = true in [delivery].""",
    example="gatehouse delivery list",
    role=Role.READ_ONLY,
    input=Nothing,
    output=Suspensions,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_suspensions",
)

HOST = Action(
    name="host status",
    summary="Show one destination: its queue and how it was reached last.",
    help="""Show what waits for a recipient domain, whether it can be reached, and what was done.

The numbers of deliveries count since the deliverer started. For the rules and hosts that apply:
`gatehouse explain outbound`.""",
    example="gatehouse host status partner.example",
    role=Role.HELP_DESK,
    input=HostInput,
    output=HostView,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:host_status",
)

TOP = Action(
    name="host top",
    summary="List the destinations with the most mail.",
    help="""List destinations by the recipients that wait for them, with their state.""",
    example="gatehouse host top -n 10",
    role=Role.HELP_DESK,
    input=TopInput,
    output=TopHosts,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:top_hosts",
)
