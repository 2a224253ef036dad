# SPDX-License-Identifier: Apache-2.0
"""How a group lies in a shared segment: head, bodies, and the envelopes of messages taken on.

    head       magic "GhG1" · segment · offset of this head · octets of the bodies behind it
               · octets of the envelopes · crc32 of the envelopes · crc32 of this head
                                                            (4 + 8 + 8 + 8 + 4 + 4 + 4)
    bodies     records as `body_record` writes them
    envelopes  MessagePack of a list of `NewMessage`, or nothing

Numbers are big-endian. A group is written and flushed as one, and the next begins where it ends,
so a reader hops from head to head and never looks for one: nothing that a client sends can be
taken for a head. Fields are written by name, so a later program reads what an earlier one left.
A body may lie in an earlier group of the same segment than its envelope, never in a later one.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from gatehouse.store.errors import StoreCorrupt
from gatehouse.store.values import BodyRef, NewMessage

_HEAD = struct.Struct(">4sQQQII")
_SUM = struct.Struct(">I")
_MAGIC = b"GhG1"
HEAD_SIZE = _HEAD.size + _SUM.size

ReadAt = Callable[[int, int], bytes]  # count, offset; fewer octets than asked for: the file ends
IsWhole = Callable[[BodyRef], bool]

encode: Callable[[Sequence[NewMessage]], bytes] = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[NewMessage]).decode


@dataclass(frozen=True, slots=True)
class Left:
    """What a segment holds behind some place: envelopes, and where the last whole group ends."""

    messages: tuple[NewMessage, ...]
    end: int


def head(segment: int, offset: int, bodies: int, envelopes: bytes) -> bytes:
    """The head of a group whose bodies take so many octets."""
    packed = _HEAD.pack(
        _MAGIC, segment, offset, bodies, len(envelopes), zlib.crc32(envelopes) if envelopes else 0
    )
    return packed + _SUM.pack(zlib.crc32(packed))


def read(segment: int, start: int, read_at: ReadAt, is_whole: IsWhole) -> Left:
    """The envelopes in the groups from `start` on, which is where a group begins.

    The last group may be torn, because nobody was told that it is safe: then it counts for nothing,
    and of one whose head and envelopes are whole those messages count whose bodies are. In an
    earlier group a damaged body was safe once; its message counts, and the reader of it will say
    what is wrong.
    """
    messages: list[NewMessage] = []
    last: list[NewMessage] = []
    place = start
    while (found := _group(segment, place, read_at)) is not None:
        messages += last
        last, place = found
    messages += [message for message in last if is_whole(message.body)]
    return Left(tuple(messages), place)


def _group(segment: int, place: int, read_at: ReadAt) -> tuple[list[NewMessage], int] | None:
    found = read_at(HEAD_SIZE, place)
    if len(found) < HEAD_SIZE or _SUM.unpack_from(found, _HEAD.size)[0] != zlib.crc32(
        found[: _HEAD.size]
    ):
        return None
    magic, owner, offset, bodies, octets, checksum = _HEAD.unpack_from(found)
    if (magic, owner, offset) != (_MAGIC, segment, place):
        return None
    begin = place + HEAD_SIZE + bodies
    if not octets:
        # Only bodies: whether they are whole is asked when an envelope names them.
        return [], begin
    envelopes = read_at(octets, begin)
    if len(envelopes) < octets or zlib.crc32(envelopes) != checksum:
        return None
    try:
        return _decode(envelopes), begin + octets
    except msgspec.DecodeError as error:
        raise StoreCorrupt(f"Segment {segment:x}+{place}: unreadable envelopes: {error}") from error
