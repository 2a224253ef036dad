# SPDX-License-Identifier: Apache-2.0
"""The values of inbound decisions: who a client is, what is demanded, what comes of it.

The decisions themselves are in `inbound`. All values are frozen but `Counts`, which its driver
updates in place, so that a command makes no new object.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from gatehouse.mail.address import Address
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import AccessMatch, NameState
from gatehouse.policy.address_list import AddressList
from gatehouse.policy.mail_flow import Behavior, MailFlowPolicy
from gatehouse.policy.recipients import RecipientAccessTable


class CertificateState(enum.Enum):
    """What a client's certificate is worth."""

    NONE = "none"  # none was shown
    INVALID = "invalid"  # shown, and it proves nothing
    VALID = "valid"  # its chain leads to an anchor of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """The verdict about a client's certificate; `reason` in the words of verification."""

    state: CertificateState = CertificateState.NONE
    subject: str | None = None
    reason: str = ""  # of an invalid one: "expired", "unknown issuer"


NO_CERTIFICATE = ClientCertificate()


class SenderDomain(enum.Enum):
    """What DNS says about the domain of an envelope sender."""

    NOT_ASKED = "not asked"
    EXISTS = "exists"  # it has an MX or an address
    MISSING = "does not exist"  # neither
    NULL_MX = "takes no mail"  # RFC 7505
    UNKNOWN = "could not be resolved"  # no answer now


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What a listener asks of every client, whatever its policy."""

    listener: str
    interface: str
    interface_ip: str
    hostname: str  # said in the greeting
    public: bool
    recipients: RecipientAccessTable | None  # None: every recipient is fine
    default_domain: str | None
    delayed_reject: bool
    implicit_tls: bool
    max_connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """Who a client is, as far as it is known now; a new value after TLS and after AUTH."""

    ip: str
    access: AccessMatch
    host: str | None = None  # its reverse name, whatever it is worth
    host_state: NameState = NameState.NOT_ASKED
    tls: bool = False
    certificate: ClientCertificate = NO_CERTIFICATE
    user: str | None = None  # who has authenticated
    may_relay: bool = False  # that user's profile gives the right to send to everywhere

    relays: bool = field(init=False)  # the recipient access table does not apply to it

    def __post_init__(self) -> None:
        relays = self.may_relay or self.access.behavior is Behavior.RELAY
        object.__setattr__(self, "relays", relays)

    @property
    def confirmed_host(self) -> str | None:
        """The reverse name, if its own addresses hold the client's."""
        return self.host if self.host_state is NameState.VERIFIED else None


@dataclass(slots=True)
class Counts:
    """What is counted for a client. Its driver keeps one for each connection and updates it.

    The totals of an hour hold what was before the question that is being decided.
    """

    listener_connections: int = 0  # with this one, over all processes
    client_connections: int = 0  # with this one, over all listeners and processes
    messages: int = 0  # whole messages on this connection
    recipients: int = 0  # accepted for this message
    client_recipients: int = 0  # of this address in an hour, over all listeners
    sender_recipients: int = 0  # of this envelope sender in an hour
    refused_recipients: int = 0  # of this address in an hour
    sender_domain: SenderDomain = SenderDomain.NOT_ASKED  # of the sender that is asked about


class Demand(enum.Enum):
    """What is demanded of a client. The order is that of the questions; values are for people."""

    TCP = "not refused at TCP level"
    LISTENER_CONNECTIONS = "connections of the listener"
    CLIENT_CONNECTIONS = "connections of the client"
    BEHAVIOR = "not rejected by its policy"
    TLS = "TLS"
    CERTIFICATE = "client certificate"
    AUTH = "authentication"
    MESSAGES = "messages on this connection"
    SENDER_ADDRESS = "complete sender address"
    SENDER_TLS = "TLS for this sender"
    SENDER_DOMAIN = "sender's domain exists"
    RECIPIENT_ADDRESS = "complete recipient address"
    HARVEST = "refused recipients in an hour"
    RECIPIENT = "recipient is taken"
    CLIENT_RATE = "recipients in an hour of this client"
    SENDER_RATE = "recipients in an hour of this sender"
    RECIPIENTS = "recipients of this message"


@dataclass(frozen=True, slots=True)
class Step:
    """One demand on the walk; `asked` False: the policy does not make it."""

    demand: Demand
    asked: bool
    met: bool
    detail: str


Trace = list[Step] | None
"""Where a walk is written down; None: nobody wants to know, and nothing is made."""


@dataclass(frozen=True, slots=True)
class Allow:
    """Yes, with the standard reply."""


@dataclass(frozen=True, slots=True)
class Overhear:
    """A rejected client is kept talking; the sender is recorded and nothing begins."""


@dataclass(frozen=True, slots=True)
class AskDomain:
    """DNS has to be asked about this domain; then the question is put again with the answer."""

    domain: str


@dataclass(frozen=True, slots=True)
class Deny:
    """No. A reply with 421 ends the connection. `detail` is for the log of a person."""

    demand: Demand
    reply: Reply
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RefuseTcp:
    """The connection is cut, nothing is said."""


@dataclass(frozen=True, slots=True)
class Admit:
    """Greeted and served; `greeting` None is the standard one. `delayed`: refused at each RCPT."""

    greeting: Reply | None = None
    delayed: bool = False


Connection = Admit | Deny | RefuseTcp
Mail = Allow | Overhear | AskDomain | Deny
Recipient = Allow | Deny

ALLOW = Allow()
OVERHEAR = Overhear()
ADMIT = Admit()
ADMIT_DELAYED = Admit(delayed=True)
REFUSE_TCP = RefuseTcp()


Judge: TypeAlias = (
    "Callable[[InboundRules, ClientFacts, Counts, Address | None], Deny | AskDomain | None]"
)
Tell: TypeAlias = "Callable[[InboundRules, ClientFacts, Counts, Address | None], str]"


class Row(NamedTuple):
    """One demand. `judge` answers None when it is met; `tell` says for a person what it saw."""

    demand: Demand
    made: Callable[[Entrance, MailFlowPolicy], bool]
    judge: Judge
    tell: Tell


Rows = tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRules:
    """A listener and a mail flow policy together; `inbound.rules_for` makes it, once per pair.

    The judges are those of the demands that the two do make: the others need not be asked.
    """

    entrance: Entrance
    policy: MailFlowPolicy
    tls_senders: AddressList
    connection: tuple[Judge, ...]
    handshake: tuple[Judge, ...]
    mail: tuple[Judge, ...]
    recipient: tuple[Judge, ...]
