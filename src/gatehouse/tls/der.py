# SPDX-License-Identifier: Apache-2.0
"""Reading DER just far enough: what a file will cost, and names that parsers hide.

Rule: only the definite, shortest lengths of DER (X.690 §10.1) within the bytes at hand, no
recursion that the input can steer, and nothing is interpreted beyond tag and length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
SET = 0x31

_LONGEST_LENGTH = 4  # octets of a long length: 4 GiB, more than any input that gets here
_MOST_ELEMENTS = 100_000  # in one container; an input of 1 MiB could hold half a million


class DerError(ValueError):
    """The bytes are not DER; `indefinite` when they look like BER with indefinite lengths."""

    def __init__(self, text: str, *, indefinite: bool = False) -> None:
        super().__init__(text)
        self.indefinite = indefinite


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag octet, its contents, and all its octets."""

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> tuple["Element", ...]:
        """The elements inside a constructed one."""
        return tuple(elements(self.content))


def element(data: bytes) -> Element:
    """The single element that the bytes are, with nothing behind it."""
    found, end = _at(data, 0)
    if end != len(data):
        raise DerError("There are bytes behind the end")
    return found


def elements(data: bytes) -> Iterator[Element]:
    """All elements that follow one another in the bytes."""
    at = 0
    for _ in range(_MOST_ELEMENTS):
        if at == len(data):
            return
        found, at = _at(data, at)
        yield found
    raise DerError("There are too many elements")


def expect(found: Element, tag: int) -> Element:
    """The element itself, if it has this tag."""
    if found.tag != tag:
        raise DerError(f"Tag {found.tag:#04x} where {tag:#04x} belongs")
    return found


def integer(found: Element) -> int:
    """The value of an INTEGER of at most 8 octets (a work parameter, never a serial number)."""
    expect(found, INTEGER)
    if not 1 <= len(found.content) <= 8:
        raise DerError("An integer is empty or too large")
    return int.from_bytes(found.content, "big", signed=True)


def dotted(found: Element) -> str:
    """An OBJECT IDENTIFIER in dotted form (X.690 §8.19)."""
    expect(found, OBJECT_IDENTIFIER)
    data = found.content
    if not data or len(data) > 64 or data[-1] & 0x80:
        raise DerError("An object identifier is damaged")
    arcs: list[int] = []
    value = 0
    for octet in data:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def _at(data: bytes, at: int) -> tuple[Element, int]:
    if at + 2 > len(data):
        raise DerError("The data ends too early")
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise DerError("A tag of several octets")
    start = at + 2
    if length == 0x80:
        raise DerError("A length is indefinite", indefinite=True)
    if length > 0x80:
        octets = length & 0x7F
        if octets > _LONGEST_LENGTH or start + octets > len(data):
            raise DerError("A length is damaged")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    end = start + length
    if end > len(data):
        raise DerError("The data ends too early")
    return Element(tag, data[start:end], data[at:end]), end
