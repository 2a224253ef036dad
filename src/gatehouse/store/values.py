# SPDX-License-Identifier: Apache-2.0
"""What the store remembers and is asked to change, as plain values.

Nothing here knows a database. A new backend implements `interface.py` over these values and passes
the same suite (tests/store). Times are unix seconds that the caller brings; the store never reads
a clock.

What is made for every message is a msgspec struct: frozen like the dataclasses, but building one
with 24 fields takes a microsecond instead of twenty.
"""

from dataclasses import dataclass
from enum import Enum

import msgspec

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Envelope, Recipient, Ret
from gatehouse.store.errors import StoreError


class BodyRef(msgspec.Struct, frozen=True):
    """Where a body lies; `offset` is that of its record, `length` counts the body alone."""

    segment: int
    offset: int
    length: int


class MessageKind(Enum):
    """Where a message came from."""

    ORDINARY = 0  # a client handed it to a listener
    DSN = 1  # we wrote it about another message (RFC 3464)
    ALERT = 2  # we wrote it to operators about an alarm


class RecipientState(Enum):
    """What became of one recipient of a queued message."""

    WAITING = 0  # still ours to deliver, tried or not
    DELIVERED = 1  # the next host answered 2xx
    BOUNCED = 2  # given up; the sender was told, or must not be told


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message just taken on. Recipient ids (RID) are positions in `envelope.recipients`."""

    mid: int
    icid: int
    listener: str
    envelope: Envelope
    size: int
    body: BodyRef
    received_at: float
    expires_at: float
    message_id: str = ""
    subject: str = ""
    client_ip: str = ""
    helo: str = ""
    tls_in: str = ""  # JSON text made by the caller, "" for clear text
    kind: MessageKind = MessageKind.ORDINARY
    parent: int | None = None  # the MID that a DSN reports about
    held: bool = False
    tls_required_no: bool = False  # its header says "TLS-Required: No" (RFC 8689 §3)


# --- outcomes of one delivery attempt ------------------------------------------------------------


class Delivered(msgspec.Struct, frozen=True):
    """The next host took the recipient over."""

    rid: int
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Bounced:
    """The recipient is given up; a report, if one is due, travels in the same `Settle`."""

    rid: int
    reply: str = ""
    enhanced: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """The recipient is tried again at `next_at`."""

    rid: int
    next_at: float
    tries: int
    reply: str = ""
    enhanced: str = ""
    tried_at: float | None = None
    delay_notified: int = 0  # delay warnings that its sender got


Outcome = Delivered | Bounced | Deferred


# --- operations: many of them share one transaction ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Messages:
    """Selects messages by their MID."""

    mids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """Selects messages that still have a waiting recipient in this domain."""

    domain: str


@dataclass(frozen=True, slots=True)
class Everything:
    """Selects the whole queue."""


Selection = Messages | Destination | Everything


class AddMessage(msgspec.Struct, frozen=True):
    """Take a message on: `Added`, or `Failed` when its MID is taken or its body not durable."""

    message: NewMessage


class Settle(msgspec.Struct, frozen=True):
    """Write down what an attempt brought, and the reports it causes, together or not at all.

    When no recipient waits any more the message is finished: its rows go in the same transaction.
    """

    mid: int
    outcomes: tuple[Outcome, ...]
    generated: tuple[NewMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the selected messages; `due` no longer names them."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class Release:
    """End a hold; the messages are due at once."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Make the waiting recipients of the selected messages due at once. Held messages stay held."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the selected messages without a report."""

    selection: Selection


Operation = AddMessage | Settle | Hold | Release | RetryNow | Delete


class Added(msgspec.Struct, frozen=True):
    """The message is queued; `seq` is its place in the order of commits."""

    mid: int
    seq: int


class Settled(msgspec.Struct, frozen=True):
    """The outcomes are written; `finished`: no recipient waits, the message is gone."""

    mid: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """These messages were held, released, made due or removed."""

    mids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotThere:
    """There is no such message (any more): an operator deleted it, or it was settled before."""

    mid: int


@dataclass(frozen=True, slots=True)
class Failed:
    """This one operation was not done; the others of its batch were."""

    error: StoreError


Result = Added | Settled | Changed | NotThere | Failed


# --- what readers get ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader of due recipients has come.

    Start with `Cursor()`. `retries_again()` begins a new pass over the retries: do so about once a
    minute, since a retry that was written late can lie behind the cursor.
    """

    seq: int = 0
    retry_at: float = 0.0
    retry_mid: int = 0
    retry_rid: int = -1

    def retries_again(self) -> "Cursor":
        """The same place among new messages, the first among retries."""
        return Cursor(seq=self.seq)


class DueRecipient(msgspec.Struct, frozen=True):
    """One recipient that may be tried now."""

    mid: int
    rid: int
    domain: str


@dataclass(frozen=True, slots=True)
class DuePage:
    """Due recipients, all of one message together, and the cursor that follows them."""

    recipients: tuple[DueRecipient, ...]
    cursor: Cursor
    more: bool  # the limit was reached: ask again at once


class QueuedRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient as the queue knows it; `next_at` None means never tried, or due at once."""

    rid: int
    recipient: Recipient
    state: RecipientState
    tries: int
    next_at: float | None
    last_reply: str
    last_enhanced: str
    last_tried_at: float | None
    delay_notified: int


class QueuedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the queue. `load` brings the waiting recipients only, `show` all of them."""

    mid: int
    seq: int
    icid: int
    listener: str
    kind: MessageKind
    parent: int | None
    held: bool
    received_at: float
    expires_at: float
    sender: Address | None
    body_type: BodyType
    smtputf8: bool
    ret: Ret | None
    envid: str | None
    requiretls: bool  # RFC 8689 §2
    size: int
    body: BodyRef
    message_id: str
    subject: str
    client_ip: str
    helo: str
    tls_in: str
    recipients: tuple[QueuedRecipient, ...]
    tls_required_no: bool = False  # its header says "TLS-Required: No" (RFC 8689 §3)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which messages an operator wants to see; every given part must match."""

    destination: str | None = None  # has a waiting recipient in this domain
    sender: str | None = None  # exact text, "" for the null sender
    recipient: str | None = None  # exact address text of a waiting recipient
    held: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One line of the queue listing."""

    mid: int
    kind: MessageKind
    held: bool
    received_at: float
    expires_at: float
    sender: str  # "" for the null sender
    size: int
    subject: str
    waiting: int
    domains: tuple[str, ...]
    tries: int
    next_at: float | None
    last_reply: str


@dataclass(frozen=True, slots=True)
class DestinationCount:
    """How many recipients of one domain wait: never tried, to be tried again, held."""

    domain: str
    new: int
    deferred: int
    held: int


@dataclass(frozen=True, slots=True)
class Suspension:
    """A destination whose mail stays in the queue; domain "": all destinations."""

    domain: str
    suspended_at: float
    operator: str


@dataclass(frozen=True, slots=True)
class ListenerSuspension:
    """A listener that takes no new connections."""

    listener: str
    suspended_at: float
    operator: str


@dataclass(frozen=True, slots=True)
class QueueTotals:
    """The whole queue in four numbers."""

    messages: int
    recipients: int
    held: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SecretName:
    """A secret as it may be listed: never with its content."""

    name: str
    updated_at: float


@dataclass(frozen=True, slots=True)
class Space:
    """What is left on the file system of the data directory."""

    free_bytes: int
    free_inodes_percent: float  # 100.0 where the file system does not count inodes
    enough: bool
