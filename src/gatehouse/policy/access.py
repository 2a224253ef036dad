# SPDX-License-Identifier: Apache-2.0
"""The host access table: which sender group a client is in, and so which policy it gets.

The table is read from top to bottom and the first member that matches wins; the last group is ALL.
Because it is asked for every connection, it is compiled once: every member has its place in that
order as a number, address members become segments that do not overlap, each with the smallest
number that covers it, and host members become dictionaries. The smallest number wins, which is the
first match, and the look-up does not grow with the table.
"""

import bisect
import heapq
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from gatehouse.policy import mail_flow, members

MAX_HOST = 253  # RFC 1035 §2.3.4; a longer reverse name matches no member
_NEVER = 1 << 62  # larger than every place in the table
_MAPPED_V4 = 0xFFFF  # RFC 4291 §2.5.5.2: ::ffff:0:0/96 holds the IPv4-mapped addresses


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


class HostAccessTable:
    """The compiled table of one listener; groups with behaviour CONTINUE are passed over."""

    __slots__ = ("_answers", "_everything", "_first_host", "_hosts", "_suffixes", "_v4", "_v6")

    def __init__(self, groups: Iterable[SenderGroup]) -> None:
        self._answers: list[AccessMatch] = []
        self._hosts: dict[str, int] = {}
        self._suffixes: dict[str, int] = {}
        self._everything = _NEVER
        spans: dict[int, list[tuple[int, int, int]]] = {members.V4_BITS: [], members.V6_BITS: []}
        for group in groups:
            if group.policy.behavior is mail_flow.Behavior.CONTINUE:
                continue
            for text in group.members:
                self._add(group, text, spans)
        if self._everything != len(self._answers) - 1:
            raise ValueError("the last entry of a host access table is ALL, and only the last")
        self._v4 = _Segments(spans[members.V4_BITS])
        self._v6 = _Segments(spans[members.V6_BITS])
        places = [*self._hosts.values(), *self._suffixes.values()]
        self._first_host = min(places, default=_NEVER)

    @property
    def needs_host(self) -> bool:
        """Is there any member that asks for the client's reverse name?"""
        return self._first_host < _NEVER

    def host_matters(self, ip: str) -> bool:
        """Can the reverse name still change the answer for this address?"""
        return self._first_host < self._place_of_address(ip)

    def match(self, ip: str, host: str | None = None) -> AccessMatch:
        """Find the first match. `host` is a reverse name that a forward look-up has confirmed.

        A name that is not confirmed must not be passed: anyone can write any name into the
        reverse zone of his own addresses.
        """
        place = self._place_of_address(ip)
        if host and self._first_host < place:
            place = min(place, self._place_of_host(host))
        return self._answers[place]

    @property
    def policies(self) -> tuple[mail_flow.MailFlowPolicy, ...]:
        """The mail flow policy of each entry, in its order."""
        return tuple(answer.policy for answer in self._answers)

    def hidden_members(self) -> frozenset[tuple[str | None, str]]:
        """(group, member) of all entries that never decide, since wider ones come first."""
        visible = self._v4.visible | self._v6.visible | {self._everything}
        visible |= {
            place for name, place in self._hosts.items() if self._place_of_host(name) == place
        }
        visible |= {
            place
            for domain, place in self._suffixes.items()
            if self._place_of_host(f"*.{domain}") == place  # "*" is in no member: only suffixes
        }
        return frozenset(
            (answer.group, answer.match)
            for place, answer in enumerate(self._answers)
            if place not in visible
        )

    def _add(
        self, group: SenderGroup, text: str, spans: dict[int, list[tuple[int, int, int]]]
    ) -> None:
        place = len(self._answers)
        match members.parse_member(text):
            case members.AddressSpan() as span:
                spans[span.bits].append((span.low, span.high, place))
            case members.HostName(name):
                self._hosts.setdefault(name, place)
            case members.HostsBelow(domain):
                self._suffixes.setdefault(domain, place)
            case members.Everything():
                self._everything = min(self._everything, place)
            case members.NotSupported(what):
                raise ValueError(f"{what} are not supported: {text!r}")
            case members.MemberFault(reason):
                raise ValueError(f"{reason}: {text!r}")
            case other:
                assert_never(other)
        behavior = group.policy.behavior
        self._answers.append(AccessMatch(group.name, text, behavior, group.policy))

    def _place_of_address(self, ip: str) -> int:
        bits, number = _number(ip)
        table = self._v4 if bits == members.V4_BITS else self._v6
        return min(table.place(number), self._everything)

    def _place_of_host(self, host: str) -> int:
        name = host.lower().rstrip(".")
        if len(name) > MAX_HOST:
            return _NEVER
        place = self._hosts.get(name, _NEVER)
        if self._suffixes:
            rest = name.partition(".")[2]
            while rest:
                place = min(place, self._suffixes.get(rest, _NEVER))
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
        self._v4 = _Segments(spans[members.V4_BITS])
        self._v6 = _Segments(spans[members.V6_BITS])

    def __contains__(self, ip: str) -> bool:
        bits, number = _number(ip)
        table = self._v4 if bits == members.V4_BITS else self._v6
        return table.place(number) != _NEVER

    def __bool__(self) -> bool:
        return bool(self._v4.visible - {_NEVER} or self._v6.visible - {_NEVER})


class _Segments:
    """Spans that may overlap, cut into segments that do not; each knows its smallest place."""

    __slots__ = ("_places", "_starts")

    def __init__(self, spans: list[tuple[int, int, int]]) -> None:
        self._starts: list[int] = []
        self._places: list[int] = []
        edges = sorted({low for low, _, _ in spans} | {high + 1 for _, high, _ in spans})
        waiting = sorted(spans, reverse=True)  # the lowest span is at the end
        open_spans: list[tuple[int, int]] = []  # a heap of (place, high)
        for edge in edges:
            while waiting and waiting[-1][0] == edge:
                _, high, place = waiting.pop()
                heapq.heappush(open_spans, (place, high))
            while open_spans and open_spans[0][1] < edge:
                heapq.heappop(open_spans)
            place = open_spans[0][0] if open_spans else _NEVER
            if not self._places or self._places[-1] != place:
                self._starts.append(edge)
                self._places.append(place)

    @property
    def visible(self) -> set[int]:
        """The places that decide for at least one address."""
        return set(self._places)

    def place(self, number: int) -> int:
        index = bisect.bisect_right(self._starts, number) - 1
        return self._places[index] if index >= 0 else _NEVER


def _number(ip: str) -> tuple[int, int]:
    """Family and number of a client's address.

    A client on a socket for both families comes as ::ffff:192.0.2.1 and is an IPv4 client: it must
    not slip past the rules for its address.
    """
    parsed = ipaddress.ip_address(ip.partition("%")[0])
    number = int(parsed)
    if parsed.version == 6 and number >> members.V4_BITS == _MAPPED_V4:
        return members.V4_BITS, number & 0xFFFFFFFF
    return parsed.max_prefixlen, number
