# SPDX-License-Identifier: Apache-2.0
"""The envelope: who sends to whom, and what they asked of us (RFC 5321 §2.3.1, RFC 3461).

The rule: these are values that passed the grammar. What the client did not say is None, not a
default, since RFC 3461 §5.2 wants parameters passed on as they came.
"""

import enum
from dataclasses import dataclass

from gatehouse.mail.address import Address


class BodyType(enum.Enum):
    """The BODY parameter of MAIL (RFC 6152)."""

    SEVEN_BIT = "7BIT"  # also what a client means that says nothing
    EIGHT_BIT = "8BITMIME"  # octets above 127 may occur


class Ret(enum.Enum):
    """The RET parameter of MAIL (RFC 3461 §4.3): what a report of failure gives back."""

    FULL = "FULL"  # the whole message
    HDRS = "HDRS"  # its headers only


class Notify(enum.Enum):
    """The NOTIFY parameter of RCPT (RFC 3461 §4.1): when the sender wants a report."""

    NEVER = "NEVER"  # no report at all; stands alone
    SUCCESS = "SUCCESS"  # when it was delivered
    FAILURE = "FAILURE"  # when it could not be delivered
    DELAY = "DELAY"  # when it takes long


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One accepted RCPT. `notify` None: not given. `orcpt`: ``rfc822;text``, xtext decoded."""

    address: Address
    notify: frozenset[Notify] | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One mail transaction. `sender` None: the null sender ``<>``. `envid`: xtext decoded."""

    sender: Address | None
    recipients: tuple[Recipient, ...]
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    ret: Ret | None = None
    envid: str | None = None
    requiretls: bool = False
