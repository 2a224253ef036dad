# SPDX-License-Identifier: Apache-2.0
"""Declarations: the queue."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

_WORK = "gatehouse.faces.actions.queue_work"
_LARGEST_MID = 2**63 - 1  # what the store can hold


class ListInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages; every given part must match."""

    destination: Annotated[
        str | None, Arg(help="with a recipient in this domain that waits", metavar="DOMAIN")
    ] = None
    sender: Annotated[
        str | None, Arg(help='from this address; "<>" is the null sender', metavar="ADDRESS")
    ] = None
    recipient: Annotated[
        str | None, Arg(help="to this address, which still waits", metavar="ADDRESS")
    ] = None
    held: Annotated[bool, Arg(help="only what is on hold")] = False
    limit: Annotated[
        int, Arg(help="at most so many", metavar="N", short="n", least=1, most=100_000)
    ] = 100


class ShowInput(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    mid: Annotated[
        int, Arg(help="the message", positional=True, metavar="MID", least=1, most=_LARGEST_MID)
    ]


class SelectInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages to change: exactly one way to say it."""

    mids: Annotated[
        tuple[int, ...],
        Arg(help="these messages", positional=True, metavar="MID", least=1, most=_LARGEST_MID),
    ] = ()
    destination: Annotated[
        str | None,
        Arg(help="all with a recipient in this domain that waits", metavar="DOMAIN"),
    ] = None
    all: Annotated[bool, Arg(help="the whole queue")] = False


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """A message that waits."""

    mid: int
    received_at: datetime
    size: int
    sender: str  # "" is the null sender
    recipients: int  # that still wait
    destinations: tuple[str, ...]  # their domains
    tries: int
    next_try_at: datetime | None  # None: due now, or on hold
    held: bool
    report: bool  # a report of ours (a bounce), not a client's message
    subject: str
    last_reply: str


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """Messages, the oldest first."""

    at: datetime
    messages: tuple[QueueLine, ...]
    total: int  # messages in the whole queue


class RecipientView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recipient so far."""

    rid: int
    address: str
    state: str  # waiting | delivered | bounced
    tries: int
    next_try_at: datetime | None
    last_tried_at: datetime | None
    last_reply: str
    delay_reported: bool


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the queue knows about a message."""

    at: datetime
    mid: int
    icid: int
    listener: str
    report: bool
    parent: int | None  # the message that a report is about
    held: bool
    received_at: datetime
    expires_at: datetime
    sender: str
    size: int
    message_id: str
    subject: str
    client_ip: str
    helo: str
    tls_in: str
    recipients: tuple[RecipientView, ...]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to which messages."""

    done: str  # held | released | due | deleted
    count: int
    mids: tuple[int, ...]
    missing: tuple[int, ...]  # named, but not there, or already in that state


LIST = Action(
    name="queue list",
    summary="List the messages that wait.",
    help="""List what was accepted and is not delivered yet, the oldest first, with the last reply.

The last reply says why a message still waits. Conditions add up: a message is listed when all of
them fit.""",
    example="gatehouse queue list --destination example.com",
    role=Role.HELP_DESK,
    input=ListInput,
    output=QueueList,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_messages",
)

SHOW = Action(
    name="queue show",
    summary="Show one message with all its recipients.",
    help="""Show where a message came from, how, and how far each recipient has come.

The body is not shown. A message that is gone was delivered, bounced or deleted: the mail log
tells which.""",
    example="gatehouse queue show 1042",
    role=Role.HELP_DESK,
    input=ShowInput,
    output=MessageView,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show",
)

HOLD = Action(
    name="queue hold",
    summary="Keep messages where they are.",
    help="""Hold messages: they are not tried until they are released, and do not expire meanwhile.

For mail that must not go out before somebody has looked at it, or to a host in trouble.""",
    example="gatehouse queue hold --destination partner.example",
    role=Role.OPERATOR,
    input=SelectInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:hold",
)

RELEASE = Action(
    name="queue release",
    summary="End a hold; the messages are due at once.",
    help="""Let held messages go. They are tried at once, not at the end of their last wait.""",
    example="gatehouse queue release 1042 1043",
    role=Role.OPERATOR,
    input=SelectInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:release",
)

RETRY = Action(
    name="queue retry",
    summary="Try messages now instead of at the end of their wait.",
    help="""Make messages due at once. Their number of tries goes on counting; held ones stay held.

For when the other side says that its trouble is over.""",
    example="gatehouse queue retry --destination partner.example",
    role=Role.OPERATOR,
    input=SelectInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:retry",
)

DELETE = Action(
    name="queue delete",
    summary="Remove messages for good; nobody is told.",
    help="""Remove messages from the queue. No report goes to the sender, and nothing brings them
back, so a person at a terminal is asked first.""",
    example="gatehouse queue delete 1042 --yes",
    role=Role.OPERATOR,
    input=SelectInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:delete",
    confirm="Remove these messages for good?",
)
