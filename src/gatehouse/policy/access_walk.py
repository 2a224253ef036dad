# SPDX-License-Identifier: Apache-2.0
"""Why a client is in no group, or in this one: every member asked, kind by kind.

This is the slow and simple reading of the host access table, for people. It is written apart from
the compiled one on purpose, so that a test can hold both against each other.
"""

import enum
from dataclasses import dataclass

from gatehouse.policy import mail_flow, members, reputation
from gatehouse.policy.spans import number_of

MAX_HOST = 253  # RFC 1035 §2.3.4; a longer reverse name matches no member
EXAMPLES = 5  # members of a kind that a verdict names: a group may have thousands


class Outcome(enum.Enum):
    """What became of one group while the table was read."""

    PASSED = "passed"  # no member fits
    SKIPPED = "skipped"  # its behaviour is CONTINUE
    WON = "won"  # the first group with a member that fits
    BEHIND = "behind"  # not read: a group above has won


class Kind(enum.Enum):
    """Members that are compared with the same thing."""

    ADDRESS = "addresses"
    HOST = "host names"
    STATE = "states of the reverse name"
    DNS_LIST = "DNS lists"
    SOURCED = "scores, owners and countries"
    ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Compared:
    """The members of one kind in one group: how many, the first of them, and what came out."""

    kind: Kind
    count: int
    examples: tuple[str, ...]  # at most EXAMPLES
    fitting: str | None  # the first that fits
    why_not: str  # empty when one fits


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """One group of the table, asked about one client."""

    group: str | None
    policy: mail_flow.MailFlowPolicy
    outcome: Outcome
    member: str | None  # the first that fits, also where that decides nothing
    compared: tuple[Compared, ...]

    @property
    def won(self) -> bool:
        """Is this the group that `match` answers?"""
        return self.outcome is Outcome.WON


_NO_NAME = {
    "verified": "the client has no confirmed name",
    "not.double.verified": "the reverse name is not confirmed by its own addresses",
    "nx.domain": "the client has no reverse name",
    "serv.fail": "the look-up of the reverse name failed",
    "not.asked": "no confirmed name is known",
}
_NO_STATE = {
    "verified": "the reverse name is confirmed",
    "not.double.verified": "there is a reverse name, and it leads elsewhere",
    "nx.domain": "there is no reverse name",
    "serv.fail": "the look-up of the reverse name failed",
    "not.asked": "the reverse name was not asked for",
}


class Client:
    """One client and what is known about it, held against members one by one."""

    def __init__(
        self,
        ip: str,
        name: str,
        state: str,
        listed: frozenset[str],
        source: reputation.LocalSource = reputation.NO_SOURCE,
    ) -> None:
        self.bits, self.number = number_of(ip)
        self.name = name if len(name) <= MAX_HOST else ""  # confirmed, or empty
        self.state = state  # one of the words of access.NameState
        self.listed = listed
        self.source = source
        self._why = {
            Kind.ADDRESS: f"{ip} is in none of them",
            Kind.HOST: f"{self.name} is none of them" if self.name else _NO_NAME[state],
            Kind.STATE: _NO_STATE[state],
            Kind.DNS_LIST: "none of them is known to list the client",
            Kind.SOURCED: self._known(),
            Kind.ALL: "",
        }

    def _known(self) -> str:
        """What the local source says about the client."""
        told = []
        for what, table in (
            ("score", self.source.scores),
            ("country", self.source.countries),
            ("owner", self.source.owners),
        ):
            value = table.value(self.bits, self.number)
            if not table:
                told.append(f"no source of {what} is configured")
            else:
                told.append(f"no {what} is known" if value is None else f"its {what} is {value}")
        return ", ".join(told)

    def compare(self, texts: tuple[str, ...]) -> tuple[str | None, tuple[Compared, ...]]:
        """The first of these members that fits, and what was compared, kind by kind."""
        first: str | None = None
        found: dict[Kind, list[str]] = {}
        fitting: dict[Kind, str] = {}
        for text in texts:
            member = members.parse_member(text)
            kind = _kind(member)
            found.setdefault(kind, []).append(text)
            if self._fits(member):
                fitting.setdefault(kind, text)
                first = text if first is None else first
        compared = (
            Compared(
                kind,
                len(of_kind),
                tuple(of_kind[:EXAMPLES]),
                fitting.get(kind),
                "" if kind in fitting else self._why[kind],
            )
            for kind, of_kind in found.items()
        )
        return first, tuple(compared)

    def _fits(self, member: members.Member) -> bool:
        match member:
            case members.AddressSpan(bits, low, high):
                return bits == self.bits and low <= self.number <= high
            case members.HostName(name):
                return name == self.name
            case members.HostsBelow(domain):
                return self.name.endswith(f".{domain}")
            case members.ReverseState(state):
                return state == self.state
            case members.DnsList(zone):
                return zone in self.listed
            case (
                members.ScoreRange() | members.NoScore() | members.Owner() | members.Country()
            ) as asked:
                return self.source.fits(asked, self.bits, self.number)
            case members.Everything():
                return True
            case _:
                return False


def _kind(member: members.Member) -> Kind:
    match member:
        case members.AddressSpan():
            return Kind.ADDRESS
        case members.HostName() | members.HostsBelow():
            return Kind.HOST
        case members.ReverseState():
            return Kind.STATE
        case members.DnsList():
            return Kind.DNS_LIST
        case members.Everything():
            return Kind.ALL
        case _:
            return Kind.SOURCED
