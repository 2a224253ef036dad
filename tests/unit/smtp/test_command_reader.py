# SPDX-License-Identifier: Apache-2.0
"""Lines are cut at CRLF only; one that never ends is not kept."""

from gatehouse.smtp import limits
from gatehouse.smtp.command_reader import CommandReader


def lines(*pieces: bytes) -> list[tuple[bytes, int]]:
    reader = CommandReader()
    found = []
    for piece in pieces:
        reader.add(piece)
        while (line := reader.line()) is not None:
            found.append((line, reader.length))
    return found


def test_a_line_ends_with_crlf_and_nothing_else() -> None:
    assert lines(b"a\nb\rc\x00\r\n\r\nrest") == [(b"a\nb\rc\x00", 8), (b"", 2)]


def test_segments_do_not_matter() -> None:
    assert lines(b"ab\r", b"\ncd\r\ne", b"f\r\n") == [(b"ab", 4), (b"cd", 4), (b"ef", 4)]


def test_an_overlong_line_is_reported_with_its_beginning_and_its_length() -> None:
    body = b"x" * 5000
    for pieces in ([body[:2000], body[2000:] + b"\r", b"\n"], [body, b"\r", b"\n"]):
        ((line, length),) = lines(*pieces)
        assert line == b"x" * limits.LOGGED_TEXT
        assert length == 5002


def test_a_bare_cr_within_an_overlong_line_is_not_its_end() -> None:
    assert [length for _, length in lines(b"x" * 3000 + b"\r", b"y\r", b"\n", b"z\r\n")] == [
        3004,
        3,
    ]


def test_an_endless_line_is_dropped() -> None:
    reader = CommandReader()
    for _ in range(100):
        reader.add(b"x" * 65536)
        assert reader.line() is None
        assert reader.pending == 0
    assert reader.dropped == 6553600
    assert reader.starts_with(b"xx")


def test_take_gives_content_in_order() -> None:
    reader = CommandReader()
    reader.add(b"DATA\r\nabcdef")
    assert reader.line() == b"DATA"
    assert reader.take(2) == b"ab"
    assert reader.pending == 4
    assert reader.take() == b"cdef"
    assert reader.take() == b""
    reader.give_back(b"NOOP\r\n")
    assert reader.line() == b"NOOP"


def test_clear_forgets_everything() -> None:
    reader = CommandReader()
    reader.add(b"x" * 5000)
    reader.line()
    reader.clear()
    reader.add(b"NOOP\r\n")
    assert (reader.line(), reader.length) == (b"NOOP", 6)
