# SPDX-License-Identifier: Apache-2.0
"""Mail flow policies: what a client may do once the host access table has found its group.

A policy here is complete: every field has its final value. Inheritance from the default policy is
resolved by `config.build`, so that nobody on the path of a message asks "is it set?".
The parameter names and defaults follow the modelled appliance's default policy parameters.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE

DEFAULT_MAX_MESSAGE_SIZE = 10 * MEBIBYTE  # the appliance's default policy parameters
DEFAULT_MAX_MESSAGES_PER_CONNECTION = 10  # the same table
DEFAULT_MAX_RECIPIENTS_PER_MESSAGE = 50  # the same table
DEFAULT_MAX_CONNECTIONS_PER_CLIENT = 10  # the same table
DEFAULT_BANNER_CODE = 220  # RFC 5321 §4.2
DEFAULT_REJECT_CODE = 554  # RFC 5321 §3.1: "554 No SMTP service here"
DEFAULT_BANNER_TEXT = "ESMTP"
DEFAULT_REJECT_TEXT = "Access denied"
DEFAULT_RATE_CODE = 452  # the appliance's code for too many recipients in an hour
DEFAULT_RATE_TEXT = "Too many recipients received this hour"
DEFAULT_DHAP_LIMIT = 25  # invalid recipients in an hour; the appliance's default policy parameters
OFF = 0  # of a limit that counts: there is no limit

# The variables of banner texts; a name ends where the letters end, "$$" is not special.
_VARIABLE = re.compile(r"\$(Group|Hostname|OrgID|RemoteIP|HATEntry)(?![A-Za-z])", re.IGNORECASE)


class Behavior(enum.Enum):
    """What happens to a connection whose client is in a sender group."""

    ACCEPT = "ACCEPT"  # served; on a public listener the recipient access table decides
    RELAY = "RELAY"  # served; every recipient is allowed
    REJECT = "REJECT"  # greeted with a refusal, no mail is taken
    TCPREFUSE = "TCPREFUSE"  # closed without a greeting
    CONTINUE = "CONTINUE"  # the group is passed over, matching goes on with the next


class TlsDemand(enum.Enum):
    """What a client must do about STARTTLS."""

    OFF = "off"  # STARTTLS is not offered
    PREFERRED = "preferred"  # offered; a client that does not use it is served in clear
    REQUIRED = "required"  # nothing but EHLO, NOOP, QUIT and STARTTLS in clear (RFC 3207 §4)


class AuthDemand(enum.Enum):
    """What a client must do about SMTP AUTH (RFC 4954)."""

    OFF = "off"  # AUTH is not offered
    PREFERRED = "preferred"  # offered; a client that does not use it is served as a stranger
    REQUIRED = "required"  # no MAIL before it (RFC 4954 §6: 530 5.7.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFlowPolicy:
    """The complete parameters of one named policy."""

    name: str
    behavior: Behavior = Behavior.ACCEPT
    tls: TlsDemand = TlsDemand.OFF
    verify_client_certificate: bool = False
    tls_mandatory_list: tuple[str, ...] = ()  # senders that must use TLS though it is preferred
    smtp_auth: AuthDemand = AuthDemand.OFF
    auth_needs_tls: bool = True  # AUTH is offered under TLS only
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    max_messages_per_connection: int = DEFAULT_MAX_MESSAGES_PER_CONNECTION
    max_recipients_per_message: int = DEFAULT_MAX_RECIPIENTS_PER_MESSAGE
    max_connections_per_client: int = DEFAULT_MAX_CONNECTIONS_PER_CLIENT
    max_recipients_per_hour: int = OFF  # of one client address, over all listeners
    max_sender_recipients_per_hour: int = OFF  # of one envelope sender
    rate_code: int = DEFAULT_RATE_CODE
    rate_text: str = DEFAULT_RATE_TEXT
    dhap_limit: int = DEFAULT_DHAP_LIMIT  # refused recipients in an hour; OFF: no limit
    dhap_drop_connection: bool = True
    check_sender_domain: bool = False  # the sender's domain must exist in DNS
    banner_code: int = DEFAULT_BANNER_CODE
    banner_text: str = DEFAULT_BANNER_TEXT
    banner_host: str | None = None  # None: the host name of the listener's interface; "": no name
    reject_code: int = DEFAULT_REJECT_CODE
    reject_text: str = DEFAULT_REJECT_TEXT

    @property
    def refuses(self) -> bool:
        """No mail is taken from clients under this policy."""
        return self.behavior in (Behavior.REJECT, Behavior.TCPREFUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BannerFacts:
    """What the variables of a banner text stand for on one connection."""

    remote_ip: str
    group: str | None
    hat_entry: str
    hostname: str | None  # the confirmed name; None when the look-up gave no name
    lookup_failed: bool = False


def expand_banner(text: str, facts: BannerFacts) -> str:
    """Put the facts of a connection in the place of $Group, $Hostname, $RemoteIP and the like.

    What is put in is never expanded again, so a reverse name of "$Group" stays what it is.
    """
    if "$" not in text:
        return text
    missing = "Unknown" if facts.lookup_failed else "None"
    values: Mapping[str, str] = {
        "group": facts.group or "None",
        "hostname": facts.hostname or missing,
        "orgid": "None",  # there is no owner data base in this product
        "remoteip": facts.remote_ip,
        "hatentry": facts.hat_entry,
    }
    return _VARIABLE.sub(lambda found: values[found[1].lower()], text)
