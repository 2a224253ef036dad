# SPDX-License-Identifier: Apache-2.0
"""Invariant: what DataReader finds does not depend on how the content was cut."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.smtp.data_reader import DataReader, is_pure

Found = tuple[bytes, bytes | None, bool, bool]


def read(pieces: list[bytes], limit: int = 1000) -> Found:
    """Content, what stands behind the end (None: no end), impure, over."""
    reader = DataReader(limit)
    content = b""
    for number, piece in enumerate(pieces):
        got, behind = reader.read(piece)
        assert len(got) <= len(piece) + 4
        content += got
        if behind >= 0:
            rest = piece[behind:] + b"".join(pieces[number + 1 :])
            return content, rest, reader.impure, reader.over
    return content, None, reader.impure, reader.over


def slow_but_plain(data: bytes) -> Found:
    """The same, octet by octet and by the letter of RFC 5321 §4.1.1.4 and §4.5.2."""
    seen = b"\r\n"
    for position, octet in enumerate(data):
        seen += bytes((octet,))
        if seen.endswith(b"\r\n.\r\n"):
            content = seen[2:-3]
            impure = re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", content) is not None
            lines = content.split(b"\r\n")
            plain = b"\r\n".join(line.removeprefix(b".") for line in lines)
            return plain, data[position + 1 :], impure, False
    return b"", None, False, False


TRICKY = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\x00", b"a", b"bc", b"\r\n.\r\n"]),
    max_size=14,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(data=TRICKY, cuts=st.lists(st.integers(0, 40), max_size=6))
def test_the_end_is_where_the_letter_of_the_rfc_finds_it(data: bytes, cuts: list[int]) -> None:
    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(marks) if a < b]
    expected = slow_but_plain(data)
    for way in (pieces, [data] if data else [], [data[i : i + 1] for i in range(len(data))]):
        content, behind, impure, _ = read(way)
        assert behind == expected[1]
        if expected[1] is not None:
            assert impure == expected[2]
            if not impure:
                assert content == expected[0]


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"a\r\n...\r\n.\r\n", b"a\r\n..\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"a\r\n..\r\n.b\r\n.\r\n", b"a\r\n.\r\nb\r\n"),
    ],
)
def test_stuffed_dots_are_taken_out(wire: bytes, content: bytes) -> None:
    assert read([wire + b"QUIT\r\n"]) == (content, b"QUIT\r\n", False, False)


def test_the_limit_counts_unstuffed_octets() -> None:
    assert read([b"..34567\r\n.\r\n"], limit=8)[3] is False
    assert read([b"..345678\r\n.\r\n"], limit=8)[3] is True


def test_nothing_is_given_out_once_the_limit_is_passed() -> None:
    reader = DataReader(10)
    assert reader.read(b"x" * 8)[0] == b"x" * 8
    assert reader.read(b"x" * 8)[0] == b""
    assert reader.read(b"x")[0] == b""
    assert reader.over


def test_an_endless_line_is_not_kept() -> None:
    reader = DataReader(10**9)
    for _ in range(100):
        piece, behind = reader.read(b"y" * 65536)
        assert len(piece) == 65536
        assert behind == -1


@pytest.mark.parametrize(
    "piece", [b"\r", b"\n", b"\n\r", b"a\rb\nc", b"\x00", b"\r\r\n", b"\r\n\n"]
)
def test_impure(piece: bytes) -> None:
    assert not is_pure(piece)


@pytest.mark.parametrize("piece", [b"", b"\r\n", b"a\r\nb\r\n\r\n", b"\xff\x01\t"])
def test_pure(piece: bytes) -> None:
    assert is_pure(piece)


def test_purity_is_what_the_rule_says_for_every_short_piece() -> None:
    for length in range(6):
        for octets in itertools.product(b"\r\n\0a\x85", repeat=length):
            piece = bytes(octets)
            rest = piece.replace(b"\r\n", b"")
            assert is_pure(piece) == (not set(rest) & set(b"\r\n\0")), piece
