# SPDX-License-Identifier: Apache-2.0
"""Replies: which bytes are one, which are none, and that nothing in them can act."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_limits, reply_reader
from gatehouse.smtp.reply_reader import Malformed, ReplyReader


def read(*segments: bytes) -> list[Reply | Malformed]:
    reader = ReplyReader()
    found: list[Reply | Malformed] = []
    for segment in segments:
        reader.feed(segment)
        while (answer := reader.next_reply()) is not None:
            found.append(answer)
            if isinstance(answer, Malformed):
                return found
    return found


@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        (b"250 ok\r\n", Reply(250, None, ("ok",))),
        (b"250\r\n", Reply(250, None, ("",))),
        (b"250 \r\n", Reply(250, None, ("",))),
        (b"250-a\r\n250 b\r\n", Reply(250, None, ("a", "b"))),
        (b"250-\r\n250\r\n", Reply(250, None, ("", ""))),
        (b"571 no\r\n", Reply(571, None, ("no",))),
        (b"250 2.1.5 ok\r\n", Reply(250, "2.1.5", ("ok",))),
        (b"250 2.1.5\r\n", Reply(250, "2.1.5", ("",))),
        (b"550-5.7.1 a\r\n550 5.7.1 b\r\n", Reply(550, "5.7.1", ("a", "b"))),
        (b"550-5.7.1 a\r\n550 b\r\n", Reply(550, "5.7.1", ("a", "b"))),
        (b"550-5.7.1 a\r\n550-5.7.1\r\n550 5.2.2 b\r\n", Reply(550, "5.7.1", ("a", "", "5.2.2 b"))),
        # The first digit of the code rules; a code of another class is only text.
        (b"550 2.0.0 ok\r\n", Reply(550, None, ("2.0.0 ok",))),
        (b"250 5.0.0 no\r\n", Reply(250, None, ("5.0.0 no",))),
        (b"250 2.1.5x\r\n", Reply(250, None, ("2.1.5x",))),
        (b"250 2.1.5555 x\r\n", Reply(250, None, ("2.1.5555 x",))),
        (b"354 3.0.0 go\r\n", Reply(354, None, ("3.0.0 go",))),
        (b"250 a\tb\r\n", Reply(250, None, ("a b",))),
        (b"250 \x1b[2J\x80\xc3\xa9\x7f\r\n", Reply(250, None, (r"\x1b[2J\x80\xc3\xa9\x7f",))),
    ],
)
def test_what_a_reply_is(wire: bytes, reply: Reply) -> None:
    assert read(wire) == [reply]
    assert read(*[wire[i : i + 1] for i in range(len(wire))]) == [reply]


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (b"25O ok\r\n", "not a reply line"),
        (b"2500 ok\r\n", "not a reply line"),
        (b"99 x\r\n", "not a reply line"),
        (b" 250 x\r\n", "not a reply line"),
        (b"250x\r\n", "not a reply line"),
        (b"\r\n", "not a reply line"),
        (b"150 x\r\n", "not a reply line"),
        (b"650 x\r\n", "not a reply line"),
        (b"\xff\xfe\r\n", r"not a reply line: \xff\xfe"),
        (b"\xb2\xb5\xb0 x\r\n", "not a reply line"),
        (b"250 ok\n", "bare LF"),
        (b"\n", "bare LF"),
        (b"250 a\nb\r\n", "bare LF"),
        (b"250 a\rb\r\n", "bare CR"),
        (b"250 a\r\r\n", "bare CR"),
        (b"250 a\rb", "bare CR"),
        (b"250 a\0b\r\n", "NUL"),
        (b"250 a\0", "NUL"),
        (b"250-a\r\n550 b\r\n", "contradicts itself: 250 and 550"),
        (b"250-a\r\nb\r\n", "not a reply line"),
        (b"250 " + b"x" * 3000, "line too long"),
        (b"250 " + b"x" * 3000 + b"\r\n", "line too long"),
        (b"250-x\r\n" * 1000, "too many lines"),
        ((b"250-" + b"x" * 1000 + b"\r\n") * 100, "reply too long"),
    ],
)
def test_what_is_no_reply(wire: bytes, what: str) -> None:
    (fault,) = read(wire)
    assert isinstance(fault, Malformed)
    assert what in fault.what
    assert len(fault.what) < 200
    (same,) = read(*[wire[i : i + 1] for i in range(len(wire))])
    assert isinstance(same, Malformed)


def test_the_longest_line_is_a_reply_and_one_more_byte_is_none() -> None:
    text = b"x" * (client_limits.MAX_REPLY_LINE - 6)
    (reply,) = read(b"250 " + text + b"\r\n")
    assert isinstance(reply, Reply)
    (fault,) = read(b"250 " + text + b"x\r\n")
    assert isinstance(fault, Malformed)


def test_the_most_lines_are_a_reply_and_one_more_is_none() -> None:
    lines = b"250-x\r\n" * (client_limits.MAX_REPLY_LINES - 1)
    (reply,) = read(lines + b"250 x\r\n")
    assert isinstance(reply, Reply)
    (fault,) = read(b"250-x\r\n" + lines + b"250 x\r\n")
    assert isinstance(fault, Malformed)


def test_the_bound_is_that_of_one_reply_and_not_of_the_session() -> None:
    replies = read((b"250-" + b"x" * 1000 + b"\r\n250 x\r\n") * 100)
    assert len(replies) == 100
    assert all(isinstance(reply, Reply) for reply in replies)


def test_replies_in_one_segment_come_one_by_one_and_the_rest_is_pending() -> None:
    reader = ReplyReader()
    reader.feed(b"250 a\r\n451-b\r\n451 c\r\n25")
    assert reader.next_reply() == Reply(250, None, ("a",))
    assert reader.next_reply() == Reply(451, None, ("b", "c"))
    assert reader.next_reply() is None
    assert reader.pending
    reader.feed(b"0 d\r\n")
    assert reader.next_reply() == Reply(250, None, ("d",))
    assert not reader.pending


def test_an_unfinished_multi_line_reply_is_pending() -> None:
    reader = ReplyReader()
    reader.feed(b"250-a\r\n")
    assert reader.next_reply() is None
    assert reader.pending


def test_silence_after_a_line_without_its_end_is_not_yet_a_fault() -> None:
    assert read(b"250 ok") == []
    assert read(b"250 ok\r") == []


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                b"250 ok\r\n",
                b"250-",
                b"354 x\r\n",
                b"\r",
                b"\n",
                b"\0",
                b"5",
                b"50 2.1.1 y",
                b"\x80",
                b"\r\n",
            ]
        )
        | st.binary(max_size=6),
        max_size=12,
    ),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_cutting_the_bytes_changes_no_reply(parts: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(parts)
    places = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    whole = read(wire)
    cut = read(*[wire[a:b] for a, b in itertools.pairwise(places)])
    assert [r if isinstance(r, Reply) else Malformed for r in whole] == [
        r if isinstance(r, Reply) else Malformed for r in cut
    ]
    for reply in whole:
        if isinstance(reply, Reply):
            assert all(line.isascii() and line.isprintable() for line in reply.lines)


@settings(max_examples=200)
@given(
    st.sampled_from(["250", "354", "450", "550", "221"]),
    st.sampled_from(
        ["", " ", " 2.1.5", " 4.1.5 ", " 5.1.1 ", " 3.0.0 ", " 2.1.5555 ", " 2.1", " 5."]
    ),
    st.text(
        st.characters(min_codepoint=9, max_codepoint=255, exclude_characters="\r\n"), max_size=8
    ),
)
def test_the_short_cut_reads_what_the_rules_read(code: str, status: str, text: str) -> None:
    line = f"{code}{status}{text}\r\n".encode("latin-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reply_reader, "_COMMON", re.compile(rb"(?!)"))
        by_the_rules = read(line)
    assert read(line) == by_the_rules
