# SPDX-License-Identifier: Apache-2.0
"""How one body lies in a segment: header, octets, trailer.

    header   magic "GhB1" · segment id · offset of this header        (4 + 8 + 8)
    body     the octets as they came
    trailer  length · crc32 of the body · end mark "1BhG"      (8 + 4 + 4)

Numbers are big-endian. The header names its own place, so a segment under another one's name is
foreign; the trailer comes last, so a body that was cut off has none. Postfix ends its queue files
with a record for the same reason. The length stands behind the body because a streamed body's
length is known only then.
"""

import struct
import zlib

from gatehouse.store.errors import StoreCorrupt
from gatehouse.store.values import BodyRef

_HEADER = struct.Struct(">4sQQ")
_TRAILER = struct.Struct(">QI4s")
_MAGIC = b"GhB1"
_END = b"1BhG"
HEADER_SIZE = _HEADER.size
TRAILER_SIZE = _TRAILER.size
OVERHEAD = HEADER_SIZE + TRAILER_SIZE

checksum = zlib.crc32


def header(segment: int, offset: int) -> bytes:
    """The octets before a body at this place."""
    return _HEADER.pack(_MAGIC, segment, offset)


def trailer(length: int, crc: int) -> bytes:
    """The octets behind a body."""
    return _TRAILER.pack(length, crc, _END)


def end_of(ref: BodyRef) -> int:
    """The first offset behind the record."""
    return ref.offset + OVERHEAD + ref.length


def check_header(found: bytes, ref: BodyRef) -> None:
    """Raise unless these octets open the record of `ref`."""
    if found != header(ref.segment, ref.offset):
        raise StoreCorrupt(f"Body {place(ref)} does not begin with its own header")


def check_trailer(found: bytes, ref: BodyRef, crc: int) -> None:
    """Raise unless these octets close a body of `ref.length` octets with this checksum."""
    if len(found) != TRAILER_SIZE or found[-4:] != _END:
        raise StoreCorrupt(f"Body {place(ref)} is cut off")
    if found != trailer(ref.length, crc):
        raise StoreCorrupt(f"Body {place(ref)} is damaged: length or checksum differs")


def place(ref: BodyRef) -> str:
    """Where a body lies, for an operator."""
    return f"{ref.segment:x}+{ref.offset} ({ref.length} octets)"
