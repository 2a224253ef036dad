# SPDX-License-Identifier: Apache-2.0
"""The recipient access table of a public listener: whom we take mail for.

The first entry that fits decides; behind the last one everything is refused, which keeps the
machine from being an open relay. Addresses that carry a route in their local part (percent hack,
bang path, an "@" in quotes) are refused whatever the table says: the next host might follow the
route (RFC 5321 §3.6.1, §4.1.1.3, appendix F.2).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gatehouse.mail import address, reply
from gatehouse.policy import address_list
from gatehouse.policy.address_list import (
    AllRecipients,
    DomainsBelow,
    ExactDomain,
    ExactMailbox,
    Pattern,
    PatternFault,
    UserAnywhere,
    parse_recipient,
)

# The forms of an entry can be had from here too.
__all__ = (
    "DEFAULT_REFUSAL",
    "POSTMASTER",
    "ROUTED_REFUSAL",
    "Accept",
    "AllRecipients",
    "DomainsBelow",
    "ExactDomain",
    "ExactMailbox",
    "Pattern",
    "PatternFault",
    "RecipientAccessTable",
    "RecipientEntry",
    "Refuse",
    "UserAnywhere",
    "parse_recipient",
)

DEFAULT_REFUSAL = reply.Reply(550, "5.1.0", ("Address rejected",))
ROUTED_REFUSAL = reply.Reply(550, "5.7.1", ("Source routing is not accepted here",))
# RFC 5321 §4.5.1: mail to Postmaster without a domain must be taken.
POSTMASTER = "postmaster"
_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?= |$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientEntry:
    """One line of the table; code and text replace the default refusal."""

    recipient: str
    accept: bool
    code: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """Mail for this recipient is taken."""

    entry: str  # the entry that decided


@dataclass(frozen=True, slots=True)
class Refuse:
    """Mail for this recipient is refused with this reply."""

    reply: reply.Reply
    entry: str | None = None  # the entry that decided; None: no entry fits


NO_ENTRY = Refuse(DEFAULT_REFUSAL)
"""No entry fits."""


class RecipientAccessTable:
    """The compiled table of one public listener."""

    __slots__ = ("_list", "_verdicts", "accepted_domains", "postmaster_domain")

    def __init__(self, entries: Iterable[RecipientEntry]) -> None:
        rows = tuple(entries)
        self._list = address_list.AddressList(row.recipient for row in rows)
        self._verdicts: list[Accept | Refuse] = [
            Accept(row.recipient) if row.accept else refusal(row) for row in rows
        ]
        self.accepted_domains = tuple(
            domain for domain, place in self._list.whole_domains() if rows[place].accept
        )
        """The whole domains for which mail is taken, in their order."""
        self.postmaster_domain = next(iter(self.accepted_domains), None)
        """Where bare Postmaster lives: our first domain."""

    def decide(self, recipient: address.Address) -> Accept | Refuse:
        """May a stranger send to this recipient?"""
        if address.routing_characters(recipient):
            return Refuse(ROUTED_REFUSAL)
        domain = recipient.domain or self.postmaster_domain or ""
        place = self._list.place(recipient.local, domain)
        return NO_ENTRY if place is None else self._verdicts[place]


def refusal(entry: RecipientEntry) -> Refuse:
    """The entry's own reply; an enhanced code in its text counts if its class fits the code."""
    if entry.code is None and entry.text is None:
        return Refuse(DEFAULT_REFUSAL, entry.recipient)
    code = entry.code or DEFAULT_REFUSAL.code
    text = entry.text or DEFAULT_REFUSAL.lines[0]
    enhanced: str | None = f"{str(code)[0]}.1.0"
    written = _ENHANCED.match(text)
    if written:
        text = text[written.end() :].strip()
        enhanced = written[0] if written[1] == str(code)[0] else enhanced
    return Refuse(reply.Reply(code, enhanced, (text,)), entry.recipient)
