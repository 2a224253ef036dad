# SPDX-License-Identifier: Apache-2.0
"""Lists of addresses and domains: the forms an entry can have, and a list that is asked at once.

The forms are those of the recipient access table: domain, .domain, user@, user@domain, [literal],
ALL. A list is compiled: every entry has its place as a number and lies in a dictionary by what it
matches; the smallest place wins, which is the first match. A look-up costs as many steps as the
domain has labels, however long the list is.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from gatehouse.mail import address

_NEVER = 1 << 62  # larger than every place in a list


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
        return UserAnywhere(same_local(parsed.local))
    if at:
        parsed = address.parse_mailbox(text.encode("utf-8", "surrogatepass"))
        if isinstance(parsed, address.AddressFault):
            return PatternFault(parsed.reason)
        return ExactMailbox(same_local(parsed.local), parsed.domain)
    below = text.startswith(".")
    name = address.parse_domain(text[1:] if below else text)
    if name is None or (below and name.startswith("[")):
        return PatternFault("neither a domain, .domain, user@, user@domain, [address] nor ALL")
    return DomainsBelow(name) if below else ExactDomain(name)


def same_local(local: str) -> str:
    """One form for local parts that mean the same: quotes, case and Unicode form do not count.

    RFC 5321 §2.4 calls them case-sensitive and says that nobody should rely on it.
    """
    if local.startswith('"'):
        local = address.unquoted_local(local)
    return local.lower() if local.isascii() else unicodedata.normalize("NFC", local).casefold()


class AddressList:
    """Entries in their order; ValueError for a text that is none of the forms."""

    __slots__ = ("_domains", "_everyone", "_mailboxes", "_suffixes", "_texts", "_users")

    def __init__(self, texts: Iterable[str]) -> None:
        self._domains: dict[str, int] = {}
        self._suffixes: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._mailboxes: dict[tuple[str, str], int] = {}
        self._everyone = _NEVER
        self._texts: list[str] = []
        for text in texts:
            self._add(text)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def match(self, mailbox: address.Address) -> str | None:
        """The first entry that fits, as it is written; None when none does."""
        place = self.place(mailbox.local, mailbox.domain)
        return None if place is None else self._texts[place]

    def place(self, local: str, domain: str) -> int | None:
        """The number of the first entry that fits; the domain in canonical form."""
        place = min(self._everyone, self._domains.get(domain, _NEVER))
        if self._users or self._mailboxes:
            same = same_local(local)
            place = min(
                place,
                self._users.get(same, _NEVER),
                self._mailboxes.get((same, domain), _NEVER),
            )
        if self._suffixes:
            rest = domain.partition(".")[2]
            while rest:
                place = min(place, self._suffixes.get(rest, _NEVER))
                rest = rest.partition(".")[2]
        return None if place == _NEVER else place

    def whole_domains(self) -> Iterable[tuple[str, int]]:
        """Every domain that an entry names as such, with the place of the first one."""
        return self._domains.items()

    def _add(self, text: str) -> None:
        place = len(self._texts)
        match parse_recipient(text):
            case ExactDomain(domain):
                self._domains.setdefault(domain, place)
            case DomainsBelow(domain):
                self._suffixes.setdefault(domain, place)
            case UserAnywhere(local):
                self._users.setdefault(local, place)
            case ExactMailbox(local, domain):
                self._mailboxes.setdefault((local, domain), place)
            case AllRecipients():
                self._everyone = min(self._everyone, place)
            case PatternFault(reason):
                raise ValueError(f"{reason}: {text!r}")
        self._texts.append(text)
