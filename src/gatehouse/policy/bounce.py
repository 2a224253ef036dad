# SPDX-License-Identifier: Apache-2.0
"""What a failed try means: the enhanced code and the text under which it is logged and bounced.

The texts are those of the modelled appliance's mail log. The class (4 or 5) always follows the
first digit of the reply code (RFC 5321 §4.2.1), whatever enhanced code the server wrote behind it:
"250 5.0.0" is a success and "550 2.0.0" is not. RFC 3463 gives the codes the log has no text for.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_REPLY = "000"  # how the log shows that there was no SMTP reply


class Stage(enum.Enum):
    """Which step of the dialogue a reply answered."""

    CONNECT = enum.auto()  # the greeting, EHLO or HELO
    SENDER = enum.auto()  # MAIL
    RECIPIENT = enum.auto()  # RCPT
    MESSAGE = enum.auto()  # DATA, BDAT, end of data


class Trouble(enum.Enum):
    """What went wrong without an SMTP reply."""

    NO_SUCH_DOMAIN = enum.auto()  # NXDOMAIN
    NULL_MX = enum.auto()  # RFC 7505
    LOOP = enum.auto()  # the mail would come back to us
    UNROUTABLE = enum.auto()  # the domain names no host to try
    DNS_TEMPORARY = enum.auto()  # no answer from DNS
    NETWORK = enum.auto()  # refused, unreachable, reset, timed out
    TLS_UNAVAILABLE = enum.auto()  # required TLS cannot be had
    TLS_FAILED = enum.auto()  # failed after 220 where falling back is not allowed
    TLS_NOT_VERIFIED = enum.auto()  # TLS is up, and the server is not proven to be the one
    LOGIN_FAILED = enum.auto()  # the smart host does not let us in
    TLS_POLICY = enum.auto()  # the recipient's policy or ours forbids the host
    REQUIRETLS_UNSUPPORTED = enum.auto()  # RFC 8689, and the next server does not offer it
    BROKEN_DIALOGUE = enum.auto()  # the server broke the protocol
    EXPIRED = enum.auto()  # the bounce profile's limit is reached
    TOO_MANY_HOPS = enum.auto()  # too many Received fields


@dataclass(frozen=True, slots=True)
class Classification:
    """How a failure is named; `permanent` bounces, anything else is deferred."""

    enhanced: str
    text: str

    @property
    def permanent(self) -> bool:
        """The recipient is not tried again."""
        return self.enhanced.startswith("5")


_TEXT_UNKNOWN = "Unknown address error"
_TEXT_ADDRESS = "Bad destination email address"
_TEXT_HOST = "Bad destination host"
_TEXT_SYSTEM = "Other mail system problem"
_TEXT_NETWORK = "Other network problem"
_TEXT_BUSY = "Not accepting messages at this time"
_TEXT_SECURITY = "Other or undefined security status"

# (stage, first digit) → subject and detail of the enhanced code, text.
_REPLIES: Mapping[tuple[Stage, int], Classification] = MappingProxyType(
    {
        (Stage.CONNECT, 4): Classification("4.3.2", _TEXT_BUSY),
        (Stage.CONNECT, 5): Classification("5.3.0", _TEXT_SYSTEM),
        (Stage.SENDER, 4): Classification("4.3.0", _TEXT_SYSTEM),
        (Stage.SENDER, 5): Classification("5.3.0", _TEXT_SYSTEM),
        (Stage.RECIPIENT, 4): Classification("4.1.0", _TEXT_UNKNOWN),
        (Stage.RECIPIENT, 5): Classification("5.1.0", _TEXT_UNKNOWN),
        (Stage.MESSAGE, 4): Classification("4.3.0", _TEXT_SYSTEM),
        (Stage.MESSAGE, 5): Classification("5.3.0", _TEXT_SYSTEM),
    }
)

# Reply codes that say more than their stage. RFC 5321 §4.2.3, RFC 7504 §3 (556).
_CODES: Mapping[int, Classification] = MappingProxyType(
    {
        421: Classification("4.3.2", _TEXT_BUSY),
        452: Classification("4.3.2", _TEXT_BUSY),
        553: Classification("5.1.1", _TEXT_ADDRESS),
        556: Classification("5.1.2", _TEXT_HOST),
    }
)

_TROUBLES: Mapping[Trouble, Classification] = MappingProxyType(
    {
        Trouble.NO_SUCH_DOMAIN: Classification("5.1.2", _TEXT_HOST),
        # RFC 7505 §4.2 registers 5.1.10
        Trouble.NULL_MX: Classification("5.1.10", "Recipient address has null MX"),
        Trouble.LOOP: Classification("5.4.6", "Routing loop detected"),  # RFC 3463 §3.5
        Trouble.UNROUTABLE: Classification("5.4.4", "Unable to route"),  # RFC 3463 §3.5
        Trouble.DNS_TEMPORARY: Classification("4.4.3", "Directory server failure"),  # RFC 3463
        Trouble.NETWORK: Classification("4.4.0", _TEXT_NETWORK),
        Trouble.TLS_UNAVAILABLE: Classification("4.4.0", _TEXT_NETWORK),  # the log's scenario C
        Trouble.TLS_FAILED: Classification("4.7.0", _TEXT_SECURITY),
        # RFC 3463 §3.8: X.7.5 cryptographic failure, X.7.0 other security status
        Trouble.TLS_NOT_VERIFIED: Classification("4.7.5", "Cryptographic failure"),
        Trouble.LOGIN_FAILED: Classification("4.7.0", _TEXT_SECURITY),
        Trouble.TLS_POLICY: Classification("4.7.0", _TEXT_SECURITY),
        # RFC 8689 §5 registers X.7.30
        Trouble.REQUIRETLS_UNSUPPORTED: Classification("5.7.30", "REQUIRETLS support required"),
        Trouble.BROKEN_DIALOGUE: Classification("4.5.0", "Other or undefined protocol status"),
        Trouble.EXPIRED: Classification("5.4.7", "Delivery expired (message too old)"),
        Trouble.TOO_MANY_HOPS: Classification("5.4.6", "Routing loop detected"),
    }
)


def classify_reply(code: int, stage: Stage) -> Classification:
    """Name a 4xx or 5xx reply; anything else at this place is a broken dialogue."""
    found = _CODES.get(code) or _REPLIES.get((stage, code // 100))
    return found or _TROUBLES[Trouble.BROKEN_DIALOGUE]


def classify_trouble(trouble: Trouble) -> Classification:
    """Name a failure for which there is no SMTP reply."""
    return _TROUBLES[trouble]
