# SPDX-License-Identifier: Apache-2.0
"""What the client engine tells its driver: one frozen value per happening.

A transaction ends with exactly one of `SenderRefused`, `NoRecipients`, `DataRefused`, a final
`MessageResult`, or with the connection (`ServerClosing`, `Broken`, `Lost`). Recipients are named by
their index in the envelope.
"""

from dataclasses import dataclass

from gatehouse.mail.reply import Reply
from gatehouse.smtp.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first reply. Not positive: go to the next host; only `quit()` is left here."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Ready:
    """EHLO, LHLO or HELO was accepted, for the first time or again under TLS."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class HelloRefused:
    """EHLO was refused. With `fallback` the driver may say `hello_fallback()`, if clear text will
    do.
    """

    reply: Reply
    fallback: bool


@dataclass(frozen=True, slots=True)
class TlsGo:
    """220 to STARTTLS and not a byte behind it: the handshake may start."""


@dataclass(frozen=True, slots=True)
class TlsRefused:
    """STARTTLS was answered with anything but 220; the clear session goes on, if the driver wants
    that.
    """

    reply: Reply


@dataclass(frozen=True, slots=True)
class AuthChallenge:
    """334 to AUTH: answer with `respond()`. `data` is decoded; None when it was no base64."""

    data: bytes | None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """235: the server knows us now; transactions may begin."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """AUTH was refused; the session goes on as that of a stranger, if the driver wants that."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class SenderRefused:
    """MAIL was refused: the transaction is over for every recipient."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """The answer to one RCPT. Positive is not yet delivered."""

    index: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class SendBody:
    """354 came and somebody will take the message: stream it with `body()` and `end_body()`."""


@dataclass(frozen=True, slots=True)
class DataRefused:
    """DATA was refused although recipients had been accepted; the reply is for all of those."""

    reply: Reply
    accepted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MessageResult:
    """The answer to the end of data, for the recipients in `accepted`. LMTP gives one per
    recipient.
    """

    reply: Reply
    accepted: tuple[int, ...]
    final: bool


@dataclass(frozen=True, slots=True)
class NoRecipients:
    """Every RCPT was refused; the message was not sent."""


@dataclass(frozen=True, slots=True)
class ResetDone:
    """RSET was accepted; the next message may begin."""


# The one breach after which a server has said 220 to STARTTLS (RFC 3207 §4.2, CVE-2011-0411).
BEHIND_STARTTLS = "data behind STARTTLS reply"


@dataclass(frozen=True, slots=True)
class Broken:
    """The server left the protocol and nothing more from it is believed; close.

    What had no answer is unknown, which means that it is still ours. `in_doubt`: the end of the
    data was out, so the server may have the message and the next try may make a duplicate.
    """

    what: str
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class ServerClosing:
    """421: whatever has no answer yet is put off; close."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Closed:
    """The end after `quit()`, with or without its 221."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended before the dialogue did. `in_doubt` as for `Broken`."""

    in_doubt: bool


Event = (
    Greeting
    | Ready
    | HelloRefused
    | TlsGo
    | TlsRefused
    | AuthChallenge
    | LoggedIn
    | LoginRefused
    | SenderRefused
    | RecipientResult
    | SendBody
    | DataRefused
    | MessageResult
    | NoRecipients
    | ResetDone
    | Broken
    | ServerClosing
    | Closed
    | Lost
)


@dataclass(frozen=True, slots=True)
class Begun:
    """The transaction is under way.

    `dsn_passed_on` is False when the server knows no DSN: a success report that was asked for is
    then ours to give, as "relayed" (RFC 3461 §5.2.2).
    """

    dsn_passed_on: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The message cannot go to this server as it is; nothing was sent and the session is as it
    was.
    """

    reply: Reply
