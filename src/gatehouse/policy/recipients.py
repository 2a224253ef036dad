# SPDX-License-Identifier: Apache-2.0
"""The recipient access table of a public listener: whom we take mail for.

The first entry that fits decides; behind the last one everything is refused, which keeps the
machine from being an open relay. Addresses that carry a route in their local part (percent hack,
bang path, an "@" in quotes) are refused whatever the table says: the next host might follow the
route (RFC 5321 §3.6.1, §4.1.1.3, appendix F.2). Compiled into dictionaries that hold each entry's
place; the smallest place wins, which is the first match.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from gatehouse.mail import address, reply

DEFAULT_REFUSAL = reply.Reply(550, "5.1.0", ("Address rejected",))
ROUTED_REFUSAL = reply.Reply(550, "5.7.1", ("Source routing is not accepted here",))
# RFC 5321 §4.5.1: mail to Postmaster without a domain must be taken.
POSTMASTER = "postmaster"
_NEVER = 1 << 62
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


@dataclass(frozen=True, slots=True)
class ExactDomain:
    """domain.example or [192.0.2.1]"""

    domain: str


@dataclass(frozen=True, slots=True)
class DomainsBelow:
    """.domain.example"""

    domain: str


@dataclass(frozen=True, slots=True)
class UserAnywhere:
    """user@"""

    local: str


@dataclass(frozen=True, slots=True)
class ExactMailbox:
    """user@domain.example"""

    local: str
    domain: str


@dataclass(frozen=True, slots=True)
class AllRecipients:
    """ALL"""


@dataclass(frozen=True, slots=True)
class PatternFault:
    """Why a text is no recipient definition."""

    reason: str


Pattern = ExactDomain | DomainsBelow | UserAnywhere | ExactMailbox | AllRecipients | PatternFault


def parse_recipient(text: str) -> Pattern:
    """Parse the recipient definition of one entry."""
    if text.upper() == "ALL":
        return AllRecipients()
    local, at, domain = text.rpartition("@")
    if at and not domain:
        parsed = address.parse_mailbox(f"{local}@example.com".encode())
        if isinstance(parsed, address.AddressFault):
            return PatternFault(parsed.reason)
        return UserAnywhere(_same_local(parsed.local))
    if at:
        parsed = address.parse_mailbox(text.encode("utf-8", "surrogatepass"))
        if isinstance(parsed, address.AddressFault):
            return PatternFault(parsed.reason)
        return ExactMailbox(_same_local(parsed.local), parsed.domain)
    below = text.startswith(".")
    name = address.parse_domain(text[1:] if below else text)
    if name is None or (below and name.startswith("[")):
        return PatternFault("neither a domain, .domain, user@, user@domain, [address] nor ALL")
    return DomainsBelow(name) if below else ExactDomain(name)


class RecipientAccessTable:
    """The compiled table of one public listener."""

    __slots__ = (
        "_domains",
        "_everyone",
        "_mailboxes",
        "_suffixes",
        "_users",
        "_verdicts",
        "postmaster_domain",
    )

    def __init__(self, entries: Iterable[RecipientEntry]) -> None:
        self._domains: dict[str, int] = {}
        self._suffixes: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._mailboxes: dict[tuple[str, str], int] = {}
        self._everyone = _NEVER
        self._verdicts: list[Accept | Refuse] = []
        self.postmaster_domain: str | None = None  # where bare Postmaster lives: our first domain
        for entry in entries:
            self._add(entry)

    @property
    def accepted_domains(self) -> tuple[str, ...]:
        """The whole domains for which mail is taken, as they are written."""
        accepted = (
            domain
            for domain, place in self._domains.items()
            if isinstance(self._verdicts[place], Accept)
        )
        return tuple(accepted)

    def decide(self, recipient: address.Address) -> Accept | Refuse:
        """May a stranger send to this recipient?"""
        if address.routing_characters(recipient):
            return Refuse(ROUTED_REFUSAL)
        local, domain = _same_local(recipient.local), recipient.domain
        if not domain and self.postmaster_domain:
            domain = self.postmaster_domain
        place = min(
            self._everyone,
            self._domains.get(domain, _NEVER),
            self._users.get(local, _NEVER) if self._users else _NEVER,
            self._mailboxes.get((local, domain), _NEVER) if self._mailboxes else _NEVER,
        )
        if self._suffixes:
            rest = domain.partition(".")[2]
            while rest:
                place = min(place, self._suffixes.get(rest, _NEVER))
                rest = rest.partition(".")[2]
        return Refuse(DEFAULT_REFUSAL) if place == _NEVER else self._verdicts[place]

    def _add(self, entry: RecipientEntry) -> None:
        place = len(self._verdicts)
        match parse_recipient(entry.recipient):
            case ExactDomain(domain):
                self._domains.setdefault(domain, place)
                if entry.accept and self.postmaster_domain is None:
                    self.postmaster_domain = domain
            case DomainsBelow(domain):
                self._suffixes.setdefault(domain, place)
            case UserAnywhere(local):
                self._users.setdefault(local, place)
            case ExactMailbox(local, domain):
                self._mailboxes.setdefault((local, domain), place)
            case AllRecipients():
                self._everyone = min(self._everyone, place)
            case PatternFault(reason):
                raise ValueError(f"{reason}: {entry.recipient!r}")
        self._verdicts.append(Accept(entry.recipient) if entry.accept else _refusal(entry))


def _refusal(entry: RecipientEntry) -> Refuse:
    """The entry's own reply; an enhanced code in its text counts if its class fits the code."""
    if entry.code is None and entry.text is None:
        return Refuse(DEFAULT_REFUSAL)
    code = entry.code or DEFAULT_REFUSAL.code
    text = entry.text or DEFAULT_REFUSAL.lines[0]
    enhanced: str | None = f"{str(code)[0]}.1.0"
    written = _ENHANCED.match(text)
    if written:
        text = text[written.end() :].strip()
        enhanced = written[0] if written[1] == str(code)[0] else enhanced
    return Refuse(reply.Reply(code, enhanced, (text,)))


def _same_local(local: str) -> str:
    """One form for local parts that mean the same: quotes, case and Unicode form do not count.

    RFC 5321 §2.4 calls them case-sensitive and says that nobody should rely on it.
    """
    if local.startswith('"'):
        local = address.unquoted_local(local)
    return local.lower() if local.isascii() else unicodedata.normalize("NFC", local).casefold()
