# SPDX-License-Identifier: Apache-2.0
"""The frame round a body: cut off, foreign and damaged ones are told apart from whole ones."""

import pytest

from gatehouse.store import body_record
from gatehouse.store.errors import StoreCorrupt
from gatehouse.store.values import BodyRef

REF = BodyRef(6, 100, 5)


def test_a_whole_record_passes() -> None:
    body_record.check_header(body_record.header(6, 100), REF)
    crc = body_record.checksum(b"hello")
    body_record.check_trailer(body_record.trailer(5, crc), REF, crc)
    assert body_record.end_of(REF) == 100 + body_record.OVERHEAD + 5


@pytest.mark.parametrize("found", [b"", bytes(20), body_record.header(8, 100)])
def test_a_header_of_another_place_is_foreign(found: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="own header"):
        body_record.check_header(found, REF)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (b"", "cut off"),
        (body_record.trailer(5, 1)[:-1], "cut off"),
        (bytes(16), "cut off"),
        (body_record.trailer(6, 1), "damaged"),
        (body_record.trailer(5, 2), "damaged"),
    ],
)
def test_a_wrong_trailer_says_what_is_wrong(found: bytes, message: str) -> None:
    with pytest.raises(StoreCorrupt, match=message):
        body_record.check_trailer(found, REF, 1)
