# SPDX-License-Identifier: Apache-2.0
"""What a local source says about addresses: reputation scores, countries, network owners.

The source is a table of the operator's: blocks of addresses with a value each; where blocks lie in
each other the smallest one speaks. A member of a sender group that asks for a value is turned into
the ranges of addresses that have it, so that matching a client costs nothing more.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, assert_never

from gatehouse.policy import members
from gatehouse.policy.spans import NEVER, Segments

Value = TypeVar("Value", float, int, str)


class Blocks(Generic[Value]):
    """Blocks of addresses with values; ValueError for a text that is no address, range or block."""

    __slots__ = ("_segments", "_values")

    def __init__(self, table: Mapping[str, Value]) -> None:
        spans = [(_span(text), value) for text, value in table.items()]
        spans.sort(key=lambda one: one[0].high - one[0].low)  # the smallest block speaks first
        self._values: list[Value] = [value for _, value in spans]
        self._segments = {
            bits: Segments(
                ((s.low, s.high, place) for place, (s, _) in enumerate(spans) if s.bits == bits),
                bits,
            )
            for bits in (members.V4_BITS, members.V6_BITS)
        }

    def __bool__(self) -> bool:
        return bool(self._values)

    def value(self, bits: int, number: int) -> Value | None:
        """What is said about an address; None: nothing."""
        place = self._segments[bits].place(number)
        return None if place == NEVER else self._values[place]

    def ranges(self) -> Iterator[tuple[members.AddressSpan, Value | None]]:
        """All addresses of both families, cut where the value changes."""
        for bits, segments in self._segments.items():
            for low, high, place in segments.ranges():
                value = None if place == NEVER else self._values[place]
                yield members.AddressSpan(bits, low, high), value


class LocalSource:
    """All that is known about addresses here; nothing, if nothing is configured."""

    __slots__ = ("countries", "owners", "scores")

    def __init__(
        self,
        scores: Mapping[str, float] | None = None,
        countries: Mapping[str, str] | None = None,
        owners: Mapping[str, int] | None = None,
    ) -> None:
        self.scores: Blocks[float] = Blocks(scores or {})
        self.countries: Blocks[str] = Blocks(countries or {})
        self.owners: Blocks[int] = Blocks(owners or {})

    def answers(self, member: members.Sourced) -> bool:
        """Is there anything that could say whether a client is this?"""
        return bool(self._table(member))

    def fits(self, member: members.Sourced, bits: int, number: int) -> bool:
        """Is this said about the address?"""
        table = self._table(member)
        return bool(table) and _is(member, table.value(bits, number))

    def ranges(self, member: members.Sourced) -> Iterator[members.AddressSpan]:
        """The addresses about which this is said; none where there is no source."""
        table = self._table(member)
        if table:
            yield from (span for span, value in table.ranges() if _is(member, value))

    def _table(self, member: members.Sourced) -> Blocks[float] | Blocks[str] | Blocks[int]:
        match member:
            case members.ScoreRange() | members.NoScore():
                return self.scores
            case members.Country():
                return self.countries
            case members.Owner():
                return self.owners
            case other:
                assert_never(other)


NO_SOURCE = LocalSource()


def _is(member: members.Sourced, value: float | int | str | None) -> bool:
    match member:
        case members.ScoreRange(low, high):
            return isinstance(value, float | int) and low <= value <= high
        case members.NoScore():
            return value is None
        case members.Country(code):
            return value == code
        case members.Owner(number):
            return value == number
        case other:
            assert_never(other)


def _span(text: str) -> members.AddressSpan:
    span = members.parse_member(text)
    if not isinstance(span, members.AddressSpan):
        raise ValueError(f"no address, range or CIDR block: {text!r}")
    return span
