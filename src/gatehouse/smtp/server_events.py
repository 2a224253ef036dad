# SPDX-License-Identifier: Apache-2.0
"""What the server engine tells its driver. Frozen values, one per command, raw chunks for bodies.

Rule: a *question* stops the engine until `ServerEngine.answer` is called; an *information* does
not. After the last event of a connection the engine's `closing` is true.
"""

import enum
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Recipient, Ret
from gatehouse.mail.reply import Reply
from gatehouse.smtp.xclient import ClientAttributes


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParams:
    """The parameters of MAIL as the client gave them; None: not given."""

    size: int | None = None  # RFC 1870
    body: BodyType | None = None  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    ret: Ret | None = None  # RFC 3461 §4.3
    envid: str | None = None  # RFC 3461 §4.4, decoded
    auth: str | None = None  # RFC 4954 §5, decoded; "<>" when the client says nobody
    requiretls: bool = False  # RFC 8689 §4.2


@dataclass(frozen=True, slots=True)
class Hello:
    """Question. EHLO (`extended`) or HELO; the standard answer lists the extensions."""

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class MailFrom:
    """Question. A new transaction; `sender` None is the null sender."""

    sender: Address | None
    params: MailParams


@dataclass(frozen=True, slots=True)
class RcptTo:
    """Question. One more recipient."""

    recipient: Recipient


@dataclass(frozen=True, slots=True)
class DataStart:
    """Question. Content is about to come, by DATA or by the first BDAT."""


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """Information. The next octets of the content: unstuffed, every CR before LF, no NUL."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """Question. The content is complete, `size` octets; only the answer makes it accepted."""

    size: int


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """Information. The engine refused the content that came: drop it. `reply` has been sent."""

    reason: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class StartTls:
    """Question. The standard answer is 220; then the next bytes belong to the handshake."""


@dataclass(frozen=True, slots=True)
class AuthBegin:
    """Question. AUTH; answer 334 for a challenge, 235 for success, anything else ends it."""

    mechanism: str
    initial: bytes | None  # decoded; None: the client sent none


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """Question. The client's answer to our 334, decoded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class XClient:
    """Question. A trusted client says for whom it speaks (XCLIENT_README).

    The answer is the greeting that this client gets: 220 or a refusal. A driver that must look a
    name up first may take its time; new `settings` are set before the answer.
    """

    attributes: ClientAttributes


@dataclass(frozen=True, slots=True)
class Reset:
    """Information. RSET, EHLO or HELO dropped the open transaction."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Information. The client said good-bye; 221 has been queued."""


class Refusal(enum.StrEnum):
    """Why the engine itself refused a command."""

    UNKNOWN = "unknown"  # no such command, or one that we do not offer
    SYNTAX = "syntax"  # the command is not written as the grammar says
    SEQUENCE = "sequence"  # right command, wrong moment
    TLS_REQUIRED = "tls-required"  # STARTTLS has to come first
    SENDER = "sender"  # no valid sender address
    RECIPIENT = "recipient"  # no valid recipient address
    PARAMETER = "parameter"  # an ESMTP parameter unknown, wrong or given twice
    SIZE = "size"  # announced larger than the limit
    RECIPIENTS = "recipients"  # more recipients than the limit
    AUTH = "auth"  # AUTH in clear, cancelled, or not decodable


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """Information. `text` is the command, or the fault of an address; printable and bounded."""

    kind: Refusal
    text: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class ProtocolViolation:
    """Information. This is no honest mail client; the engine is closing."""

    what: str


Event = (
    Hello
    | MailFrom
    | RcptTo
    | DataStart
    | BodyChunk
    | MessageEnd
    | MessageRejected
    | StartTls
    | AuthBegin
    | AuthResponse
    | XClient
    | Reset
    | Quit
    | CommandRefused
    | ProtocolViolation
)
