# SPDX-License-Identifier: Apache-2.0
"""Checks of recipient access tables: what is none, what never decides, what opens a relay."""

from collections.abc import Iterator

from gatehouse.config import findings, schema
from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.open_relay import open_relay
from gatehouse.policy import recipients
from gatehouse.policy.recipients import (
    AllRecipients,
    DomainsBelow,
    ExactDomain,
    ExactMailbox,
    Pattern,
    PatternFault,
    UserAnywhere,
)


def check(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Iterator[Finding]:
    """All findings about the table of a listener."""
    path = (*path, "recipient_access")
    entries = listener.recipient_access
    if listener.type == "private":
        if entries:
            yield warning(path, "has no effect on a private listener")
        return
    if not any(entry.access == "accept" for entry in entries):
        yield warning(path, "no recipient is accepted", hint="only relaying clients can send mail")
    above: dict[Pattern, str] = {}
    for index, entry in enumerate(entries):
        here = (*path, index)
        pattern = recipients.parse_recipient(entry.recipient)
        if isinstance(pattern, PatternFault):
            yield error(
                (*here, "recipient"),
                "is no recipient definition",
                hint=pattern.reason,
                found=entry.recipient,
            )
        elif wider := next((above[one] for one in _wider(pattern) if one in above), None):
            yield warning(
                (*here, "recipient"),
                "never decides: an entry above it fits first",
                hint=f"the one above is {findings.shown(wider)}",
                found=entry.recipient,
            )
        above.setdefault(pattern, entry.recipient)
        yield from _answer(entry, here)
        if isinstance(pattern, AllRecipients):
            if index < len(entries) - 1:
                yield error(here, "ALL may only be the last entry", hint="move it to the end")
            if entry.access == "accept":
                yield open_relay(document, listener, here)


def _wider(pattern: Pattern) -> Iterator[Pattern]:
    """All definitions that fit wherever this one fits, itself among them."""
    yield pattern
    match pattern:
        case ExactMailbox(local, domain):
            yield UserAnywhere(local)
            yield ExactDomain(domain)
            yield from _above(domain)
        case ExactDomain(domain) | DomainsBelow(domain):
            yield from _above(domain)
        case _:
            pass


def _above(domain: str) -> Iterator[Pattern]:
    """.example.com and .com for mx.example.com"""
    rest = domain.partition(".")[2]
    while rest:
        yield DomainsBelow(rest)
        rest = rest.partition(".")[2]


def _answer(entry: schema.RecipientAccess, path: findings.Path) -> Iterator[Finding]:
    if entry.access == "accept" and (entry.code is not None or entry.text is not None):
        yield warning(path, "code and text have no effect on an accepted recipient")
