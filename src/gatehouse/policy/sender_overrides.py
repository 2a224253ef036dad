# SPDX-License-Identifier: Apache-2.0
"""Other TLS for some senders: the level of a destination, overridden by who writes.

Rule: the first entry decides whose sender and destination both fit. It may only demand more than
the destination's own rule; one that may demand less says so in words (`may_lower`). An override
never touches what else the destination asks for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.policy.outbound_tls import OutboundTlsLevel

EVERYBODY = "ALL"
NULL_SENDER = "<>"

# How much a level demands. The two verifying levels try different names, neither is above the
# other: an override may choose between them.
STRENGTH = {
    OutboundTlsLevel.NONE: 0,
    OutboundTlsLevel.PREFERRED: 1,
    OutboundTlsLevel.PREFERRED_VERIFY: 2,
    OutboundTlsLevel.REQUIRED: 3,
    OutboundTlsLevel.REQUIRED_VERIFY: 4,
    OutboundTlsLevel.REQUIRED_VERIFY_HOSTED: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOverride:
    """One entry. `sender`: "user@domain", "domain", ".domain", "<>" or ALL, domains canonical."""

    sender: str
    destination: str = EVERYBODY  # "domain", ".domain" or ALL
    tls: OutboundTlsLevel
    may_lower: bool = False


class SenderOverrides:
    """All entries in the order in which they are tried."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[SenderOverride] = ()) -> None:
        self._entries = tuple(entries)

    def __bool__(self) -> bool:
        """Whether there are any: the fast way past them."""
        return bool(self._entries)

    def __iter__(self) -> Iterator[SenderOverride]:
        """The entries in their order."""
        return iter(self._entries)

    def lookup(self, sender: Address | None, destination: str) -> SenderOverride | None:
        """The entry that decides for a sender (None: the null sender) and a recipient domain."""
        for entry in self._entries:
            if _domain_fits(entry.destination, destination) and _sender_fits(entry.sender, sender):
                return entry
        return None


@dataclass(frozen=True, slots=True)
class Tried:
    """One entry as it was tried; it would decide where both fit."""

    entry: SenderOverride
    sender_fits: bool
    destination_fits: bool


def walk(
    overrides: Iterable[SenderOverride], sender: Address | None, destination: str
) -> tuple[Tried, ...]:
    """Every entry, tried in the order of `SenderOverrides.lookup`."""
    return tuple(
        Tried(one, _sender_fits(one.sender, sender), _domain_fits(one.destination, destination))
        for one in overrides
    )


def stronger(one: OutboundTlsLevel, other: OutboundTlsLevel) -> bool:
    """Whether `one` demands more than `other`."""
    return STRENGTH[one] > STRENGTH[other]


def overridden(level: OutboundTlsLevel, override: SenderOverride) -> OutboundTlsLevel:
    """The level that an override makes of a destination's."""
    if stronger(level, override.tls) and not override.may_lower:
        return level
    return override.tls


def _domain_fits(pattern: str, domain: str) -> bool:
    if pattern == EVERYBODY:
        return True
    return domain.endswith(pattern) if pattern.startswith(".") else domain == pattern


def _sender_fits(pattern: str, sender: Address | None) -> bool:
    if pattern == EVERYBODY:
        return True
    if sender is None or pattern == NULL_SENDER:
        return sender is None and pattern == NULL_SENDER
    local, at, domain = pattern.rpartition("@")
    if at:
        # Nobody but the sender's own system may fold case in local parts (RFC 5321 §2.4), but a
        # rule that is dodged by a capital letter protects nobody.
        return domain == sender.domain and local.casefold() == sender.local.casefold()
    return _domain_fits(pattern, sender.domain)
