# SPDX-License-Identifier: Apache-2.0
"""The host access table: which sender group a client is in, and so which policy it gets.

The table is read from top to bottom and the first member that matches wins; the last group is ALL.
Because it is asked for every connection, it is compiled once: every member has its place in that
order as a number, address members become segments that do not overlap, each with the smallest
number that covers it, and all other members become dictionaries. The smallest number wins, which
is the first match, and the look-up does not grow with the table. What holds 10,000 members is made
for each new process, so nothing is kept for a member that its number does not tell. `walk` asks the
same question the slow way, group by group and member by member, for people who want to know why.
"""

import bisect
import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import assert_never

from gatehouse.policy import access_walk, mail_flow, members, reputation
from gatehouse.policy.spans import NEVER, Segments, number_of


class NameState(enum.Enum):
    """What is known about a client's reverse name; the words are those of the members."""

    VERIFIED = "verified"  # its own addresses hold the client's: only then the name counts
    NOT_DOUBLE_VERIFIED = "not.double.verified"  # there is a name, and it leads elsewhere
    NX_DOMAIN = "nx.domain"  # there is no name
    SERV_FAIL = "serv.fail"  # the look-up failed
    NOT_ASKED = "not.asked"  # it could not have changed the answer


_NAME_COUNTS = frozenset({NameState.VERIFIED, NameState.NOT_ASKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderGroup:
    """One group of the table; `name` None is a member outside any group, logged as "None"."""

    name: str | None
    members: tuple[str, ...]
    policy: mail_flow.MailFlowPolicy


@dataclass(frozen=True, slots=True)
class AccessMatch:
    """The group that won, the member that decided, and what follows from it."""

    group: str | None
    match: str
    behavior: mail_flow.Behavior
    policy: mail_flow.MailFlowPolicy
    score: float | None = None  # of the client, where a local source says one


class HostAccessTable:
    """The compiled table of one listener; groups with behaviour CONTINUE are passed over."""

    __slots__ = (
        "_deciding",
        "_everything",
        "_first_name",
        "_firsts",
        "_hosts",
        "_lists",
        "_many",
        "_states",
        "_suffixes",
        "_unanswered",
        "_v4",
        "_v6",
        "groups",
        "source",
    )

    def __init__(
        self,
        groups: Iterable[SenderGroup],
        source: reputation.LocalSource = reputation.NO_SOURCE,
    ) -> None:
        self.groups = tuple(groups)
        self.source = source
        self._deciding: list[int] = []  # the groups, by their index
        self._firsts: list[int] = []  # the place of the first member of each that decides
        self._many = 0  # places
        self._hosts: dict[str, int] = {}
        self._suffixes: dict[str, int] = {}
        self._states: dict[NameState, int] = {}
        self._lists: dict[str, int] = {}
        self._unanswered: list[int] = []
        self._everything = NEVER
        spans: dict[int, list[tuple[int, int, int]]] = {members.V4_BITS: [], members.V6_BITS: []}
        for index, group in enumerate(self.groups):
            if group.policy.behavior is mail_flow.Behavior.CONTINUE:
                continue
            self._deciding.append(index)
            self._firsts.append(self._many)
            for place, text in enumerate(group.members, self._many):
                parsed = members.parse_member(text)
                if isinstance(parsed, members.AddressSpan):  # nearly all of a large table
                    spans[parsed.bits].append((parsed.low, parsed.high, place))
                else:
                    self._add(parsed, text, place, spans)
            self._many += len(group.members)
        if self._everything != self._many - 1:
            raise ValueError("the last entry of a host access table is ALL, and only the last")
        self._v4 = Segments(spans[members.V4_BITS], members.V4_BITS)
        self._v6 = Segments(spans[members.V6_BITS], members.V6_BITS)
        places = [*self._hosts.values(), *self._suffixes.values(), *self._states.values()]
        self._first_name = min(places, default=NEVER)

    @property
    def needs_host(self) -> bool:
        """Is there any member that asks for the client's reverse name or its state?"""
        return self._first_name < NEVER

    @property
    def asks_lists(self) -> bool:
        """Is there any member that asks a DNS list?"""
        return bool(self._lists)

    def host_matters(self, ip: str) -> bool:
        """Can the reverse name or its state still change the answer for this address?"""
        return self._first_name < self._place_of_address(ip)

    def needs_lists(
        self, ip: str, host: str | None = None, *, state: NameState = NameState.NOT_ASKED
    ) -> tuple[str, ...]:
        """The DNS lists that can still change the answer, in the order of the table.

        Ask when the reverse name is known, with what is known: fewer lists remain.
        """
        if not self._lists:
            return ()
        place = self._place(ip, host, state)
        return tuple(zone for zone, at in self._lists.items() if at < place)

    def match(
        self,
        ip: str,
        host: str | None = None,
        *,
        state: NameState = NameState.NOT_ASKED,
        listed: Collection[str] = (),
    ) -> AccessMatch:
        """Find the first match.

        `host` is a reverse name that a forward look-up has confirmed. One that is not confirmed
        is not looked at if `state` says so, and must not be passed if it does not: anyone can
        write any name into the reverse zone of his own addresses. `listed` are those of
        `needs_lists` that list the client.
        """
        place = self._place(ip, host, state)
        if listed and self._lists:
            place = min(place, *(self._lists.get(zone, NEVER) for zone in listed))
        group, text = self._at(place)
        scores = self.source.scores
        score = scores.value(*number_of(ip)) if scores else None
        return AccessMatch(group.name, text, group.policy.behavior, group.policy, score)

    def walk(
        self,
        ip: str,
        host: str | None = None,
        *,
        state: NameState = NameState.NOT_ASKED,
        listed: Collection[str] = (),
    ) -> tuple[access_walk.GroupVerdict, ...]:
        """The same question as `match`, with what happened in each group, in their order."""
        name = host.lower().rstrip(".") if host and state in _NAME_COUNTS else ""
        client = access_walk.Client(ip, name, state.value, frozenset(listed), self.source)
        verdicts: list[access_walk.GroupVerdict] = []
        decided = False
        for group in self.groups:
            member, compared = client.compare(group.members)
            if decided:
                outcome = access_walk.Outcome.BEHIND
            elif group.policy.behavior is mail_flow.Behavior.CONTINUE:
                outcome = access_walk.Outcome.SKIPPED
            else:
                outcome = access_walk.Outcome.PASSED if member is None else access_walk.Outcome.WON
            decided = decided or outcome is access_walk.Outcome.WON
            verdicts.append(
                access_walk.GroupVerdict(group.name, group.policy, outcome, member, compared)
            )
        return tuple(verdicts)

    @property
    def policies(self) -> tuple[mail_flow.MailFlowPolicy, ...]:
        """The mail flow policy of each group that decides and has members, in their order."""
        deciding = (self.groups[index] for index in self._deciding)
        return tuple(group.policy for group in deciding if group.members)

    def hidden_members(self) -> frozenset[tuple[int, str]]:
        """(index of the group, member) of all that never decide, since wider ones come first."""
        visible = self._v4.visible | self._v6.visible | {self._everything} | set(self._unanswered)
        # Behind the last place that any address needs, no name and no list is ever asked.
        last = min(max(self._v4.last_place, self._v6.last_place), self._everything)
        named = [place for name, place in self._hosts.items() if self._host(name) == place]
        named += [
            place
            for domain, place in self._suffixes.items()
            if self._host(f"*.{domain}") == place  # "*" is in no member: only suffixes
        ]
        named += [*self._states.values(), *self._lists.values()]
        visible |= {place for place in named if place < last}
        return frozenset(
            (index, text)
            for index, first in zip(self._deciding, self._firsts, strict=True)
            for place, text in enumerate(self.groups[index].members, first)
            if place not in visible
        )

    def _at(self, place: int) -> tuple[SenderGroup, str]:
        """The group and the member at a place."""
        number = bisect.bisect_right(self._firsts, place) - 1
        group = self.groups[self._deciding[number]]
        return group, group.members[place - self._firsts[number]]

    def _add(
        self,
        parsed: members.Member,
        text: str,
        place: int,
        spans: dict[int, list[tuple[int, int, int]]],
    ) -> None:
        match parsed:
            case (
                members.AddressSpan()
                | members.ScoreRange()
                | members.NoScore()
                | members.Owner()
                | members.Country()
            ):
                for span in self._ranges(parsed, place):
                    spans[span.bits].append((span.low, span.high, place))
            case members.HostName(name):
                self._hosts.setdefault(name, place)
            case members.HostsBelow(domain):
                self._suffixes.setdefault(domain, place)
            case members.ReverseState(state):
                self._states.setdefault(NameState(state), place)
            case members.DnsList(zone):
                self._lists.setdefault(zone, place)
            case members.Everything():
                self._everything = min(self._everything, place)
            case members.MemberFault(reason):
                raise ValueError(f"{reason}: {text!r}")
            case other:
                assert_never(other)

    def _ranges(
        self, member: members.AddressSpan | members.Sourced, place: int
    ) -> tuple[members.AddressSpan, ...]:
        """The addresses of a member; what matches nobody now is kept, and hidden by nobody."""
        if isinstance(member, members.AddressSpan):
            return (member,)
        found = tuple(self.source.ranges(member))
        if not found:
            self._unanswered.append(place)
        return found

    def _place(self, ip: str, host: str | None, state: NameState) -> int:
        """The first place by address, name and state of the name."""
        place = self._place_of_address(ip)
        if self._first_name < place:
            if host and state in _NAME_COUNTS:
                place = min(place, self._host(host))
            if self._states:
                place = min(place, self._states.get(state, NEVER))
        return place

    def _place_of_address(self, ip: str) -> int:
        bits, number = number_of(ip)
        table = self._v4 if bits == members.V4_BITS else self._v6
        return min(table.place(number), self._everything)

    def _host(self, host: str) -> int:
        """The first place by a confirmed name."""
        name = host.lower().rstrip(".")
        if len(name) > access_walk.MAX_HOST:
            return NEVER
        place = self._hosts.get(name, NEVER)
        if self._suffixes:
            rest = name.partition(".")[2]
            while rest:
                place = min(place, self._suffixes.get(rest, NEVER))
                rest = rest.partition(".")[2]
        return place


class AddressSet:
    """A set of addresses, ranges and CIDR blocks; ValueError for a text that is none of them."""

    __slots__ = ("_v4", "_v6")

    def __init__(self, texts: Iterable[str]) -> None:
        spans: dict[int, list[tuple[int, int, int]]] = {members.V4_BITS: [], members.V6_BITS: []}
        for text in texts:
            span = members.parse_member(text)
            if not isinstance(span, members.AddressSpan):
                raise ValueError(f"no address, range or CIDR block: {text!r}")
            spans[span.bits].append((span.low, span.high, 0))
        self._v4 = Segments(spans[members.V4_BITS], members.V4_BITS)
        self._v6 = Segments(spans[members.V6_BITS], members.V6_BITS)

    def __contains__(self, ip: str) -> bool:
        bits, number = number_of(ip)
        table = self._v4 if bits == members.V4_BITS else self._v6
        return table.place(number) != NEVER

    def __bool__(self) -> bool:
        return bool(self._v4.visible or self._v6.visible)
