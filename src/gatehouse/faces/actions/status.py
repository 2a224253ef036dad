# SPDX-License-Identifier: Apache-2.0
"""Declaration: how the gateway is."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role


class StatusInput(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the queue to show."""

    destinations: Annotated[
        int, Arg(help="show so many destinations", metavar="N", least=0, most=1000)
    ] = 10


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the gateway and its numbers."""

    role: str
    pid: int
    numbers: dict[str, int | float | str | None]


class ListenerView(msgspec.Struct, frozen=True, kw_only=True):
    """A place where mail comes in."""

    name: str
    type: str
    address: str
    port: int
    tls_mode: str
    certificate: str
    suspended: bool = False  # it refuses connections


class CertificateUse(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that is in use, and what to know about it."""

    name: str
    used_by: tuple[str, ...]
    note: str  # "" when there is nothing to say


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """The queue in a few numbers."""

    messages: int
    recipients: int
    held: int
    bytes: int
    oldest_at: datetime | None


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients of a domain wait."""

    domain: str
    new: int
    deferred: int
    held: int


class Unconfirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that goes back by itself, unless somebody confirms it."""

    revision: int
    confirm_by: datetime
    back_to: int  # the revision whose text would come back


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the gateway is now."""

    at: datetime
    version: str
    running: bool
    data: str
    started_at: datetime | None
    uptime_seconds: int | None
    revision: int | None  # that runs, or would
    hostname: str
    processes: tuple[ProcessView, ...]
    listeners: tuple[ListenerView, ...]
    certificates: tuple[CertificateUse, ...]
    queue: QueueView
    destinations: tuple[DestinationView, ...]
    suspended: tuple[str, ...] = ()  # domains that an operator holds mail for; "": all
    delivery_suspended: bool = False  # the configuration holds all mail
    unconfirmed: Unconfirmed | None = None
    counters: dict[str, int | str]  # the keys of the mail log's Status line; {}: does not run


STATUS = Action(
    name="status",
    summary="Show how the gateway is.",
    help="""Show what runs, since when and by which revision, where it listens, and what waits.

The first thing to look at when somebody asks whether mail is moving: an old oldest message or one
destination with many deferred recipients tells where to go on. Without a running gateway the
queue is shown all the same.""",
    example="gatehouse status --json",
    role=Role.GUEST,
    input=StatusInput,
    output=Status,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.status_work:status",
)
