# SPDX-License-Identifier: Apache-2.0
"""Ranges of addresses that may overlap, cut once into segments that do not.

Each segment knows the smallest number (place in a table) of all ranges that cover it, so that the
question "which range comes first for this address?" is one binary search.
"""

import bisect
import heapq
import ipaddress
from collections.abc import Iterable, Iterator

from gatehouse.policy.members import V4_BITS

NEVER = 1 << 62  # larger than every place in a table: no range covers this
_MAPPED_V4 = 0xFFFF  # RFC 4291 §2.5.5.2: ::ffff:0:0/96 holds the IPv4-mapped addresses


class Segments:
    """The ranges of one family: (low, high, place), both ends included."""

    __slots__ = ("_bits", "_places", "_starts", "last_place")

    def __init__(self, ranges: Iterable[tuple[int, int, int]], bits: int) -> None:
        spans = list(ranges)
        self._bits = bits
        self._starts: list[int] = []
        self._places: list[int] = []
        edges = sorted({0} | {low for low, _, _ in spans} | {high + 1 for _, high, _ in spans})
        waiting = sorted(spans, reverse=True)  # the lowest span is at the end
        open_spans: list[tuple[int, int]] = []  # a heap of (place, high)
        for edge in edges:
            while waiting and waiting[-1][0] == edge:
                _, high, place = waiting.pop()
                heapq.heappush(open_spans, (place, high))
            while open_spans and open_spans[0][1] < edge:
                heapq.heappop(open_spans)
            place = open_spans[0][0] if open_spans else NEVER
            if edge >> bits == 0 and (not self._places or self._places[-1] != place):
                self._starts.append(edge)
                self._places.append(place)
        # The latest place that is ever needed; NEVER when some address is in no range.
        self.last_place = max(self._places)

    @property
    def visible(self) -> set[int]:
        """The places that decide for at least one address."""
        return set(self._places) - {NEVER}

    def ranges(self) -> Iterator[tuple[int, int, int]]:
        """All addresses, cut where the place changes: (low, high, place or NEVER)."""
        ends = [start - 1 for start in self._starts[1:]]
        ends.append((1 << self._bits) - 1)
        yield from zip(self._starts, ends, self._places, strict=True)

    def place(self, number: int) -> int:
        """The smallest place of the ranges that cover an address, or NEVER."""
        return self._places[bisect.bisect_right(self._starts, number) - 1]


def number_of(ip: str) -> tuple[int, int]:
    """Family (32 or 128 bits) and number of a client's address; ValueError if it is none.

    A client on a socket for both families comes as ::ffff:192.0.2.1 and is an IPv4 client: it must
    not slip past the rules for its address.
    """
    parsed = ipaddress.ip_address(ip.partition("%")[0])
    number = int(parsed)
    if parsed.version == 6 and number >> V4_BITS == _MAPPED_V4:
        return V4_BITS, number & 0xFFFFFFFF
    return parsed.max_prefixlen, number
