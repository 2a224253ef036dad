# SPDX-License-Identifier: Apache-2.0
"""Declarations: listeners, as they are configured."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

_WORK = "gatehouse.faces.actions.listeners_work"


class ListenersInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which configuration."""

    candidate: Annotated[bool, Arg(help="of the candidate, not of what is in force")] = False
    level: Annotated[
        str | None,
        Arg(help="what holds there: cluster, group:NAME or machine:NAME", metavar="LEVEL"),
    ] = None


class ListenerInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which listener of which configuration."""

    name: Annotated[str, Arg(help="the listener", positional=True)]
    candidate: Annotated[bool, Arg(help="of the candidate, not of what is in force")] = False
    level: Annotated[
        str | None,
        Arg(help="what holds there: cluster, group:NAME or machine:NAME", metavar="LEVEL"),
    ] = None


class ListenerLine(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of a listener, as the modelled appliance prints it."""

    name: str
    type: str  # Public | Private
    interface: str
    address: str
    port: int
    protocol: str  # SMTP
    default_domain: str
    max_concurrency: int
    tcp_queue: int
    domain_map: str  # disabled: there is none
    tls: str  # No | Preferred | Required: what a client gets whom no group but the last one names
    tls_mode: str  # starttls | implicit
    suspended_since: datetime | None = None  # it refuses connections; None: it takes them
    suspended_by: str = ""


class GroupLine(msgspec.Struct, frozen=True, kw_only=True):
    """One sender group, in the order in which they are read."""

    name: str
    members: int
    policy: str
    behavior: str
    tls: str  # off | preferred | required
    verify_client_certificate: bool
    smtp_auth: str


class ListenerList(msgspec.Struct, frozen=True, kw_only=True):
    """All listeners."""

    source: str
    listeners: tuple[ListenerLine, ...]


class ListenerView(msgspec.Struct, frozen=True, kw_only=True):
    """One listener with everything that belongs to it."""

    source: str
    listener: ListenerLine
    hostname: str
    certificates: tuple[str, ...]  # the default first
    tls_profile: str  # "default": our own rule
    tls_versions: str  # "1.2 to 1.3"
    groups: tuple[GroupLine, ...]
    accepted_domains: tuple[str, ...]  # of the recipient access table, as far as they are whole
    recipient_entries: int  # 0 for a private listener, which has no such table
    delayed_reject: bool
    idle_timeout: int
    connection_timeout: int
    bounce_profile: str
    smtp_auth_profile: str
    auth_mechanisms: tuple[str, ...]
    proxy_protocol_from: tuple[str, ...]
    xclient_from: tuple[str, ...]


LIST = Action(
    name="listener list",
    summary="List the listeners.",
    help="""List the listeners with their interfaces, limits and TLS.

TLS is what a client gets whom no sender group names but the last one that takes mail.""",
    example="gatehouse listener list",
    role=Role.READ_ONLY,
    input=ListenersInput,
    output=ListenerList,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_listeners",
)

SHOW = Action(
    name="listener show",
    summary="Show one listener with its certificate, sender groups and policies.",
    help="""Show one listener: its summary, its certificates, its sender groups in the order in
which they are read with their mail flow policies, and whom it takes mail for.

What would happen to a certain client is said by `gatehouse explain inbound`.""",
    example="gatehouse listener show InboundMail",
    role=Role.READ_ONLY,
    input=ListenerInput,
    output=ListenerView,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show",
)
