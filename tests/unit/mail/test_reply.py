# SPDX-License-Identifier: Apache-2.0
"""Replies: what goes out is printable ASCII in bounded lines."""

from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.reply import MAX_LINE, Reply


def test_one_line_has_its_codes_in_front() -> None:
    assert Reply(250, "2.1.0", ("sender ok",)).wire() == b"250 2.1.0 sender ok\r\n"


def test_every_line_of_many_has_both_codes() -> None:
    reply = Reply(550, "5.1.1", ("no such user", "ask postmaster"))
    assert reply.wire() == b"550-5.1.1 no such user\r\n550 5.1.1 ask postmaster\r\n"


def test_a_reply_without_enhanced_code_has_none() -> None:
    assert (
        Reply(250, None, ("gw.example", "SIZE 100")).wire() == b"250-gw.example\r\n250 SIZE 100\r\n"
    )


def test_a_reply_without_text_is_still_a_line() -> None:
    assert Reply(250, None, ()).wire() == b"250 \r\n"


def test_foreign_text_cannot_plant_a_line() -> None:
    reply = Reply(550, "5.1.1", ("a\r\n250 ok\x00\x85\u202e\xe9",))
    assert reply.wire() == b"550 5.1.1 a  250 ok  \\u{202e}\\u{e9}\r\n"


def test_a_long_line_is_cut_at_512_octets() -> None:
    wire = Reply(250, "2.0.0", ("x" * 2000, "y" * 2000)).wire()
    assert [len(line) for line in wire.splitlines(keepends=True)] == [MAX_LINE, MAX_LINE]


def test_the_first_digit_tells_the_kind() -> None:
    kinds = {
        code: (reply.positive, reply.intermediate, reply.transient, reply.permanent)
        for code in (220, 354, 451, 554)
        for reply in [Reply(code, None, ())]
    }
    assert kinds == {
        220: (True, False, False, False),
        354: (False, True, False, False),
        451: (False, False, True, False),
        554: (False, False, False, True),
    }


def test_text_is_the_first_line_with_the_enhanced_code() -> None:
    assert Reply(250, "2.0.0", ("Ok: queued as 9C01", "more")).text == "2.0.0 Ok: queued as 9C01"
    assert Reply(250, None, ("ok",)).text == "ok"
    assert Reply(250, "2.0.0", ()).text == "2.0.0"
    assert Reply(250, None, ()).text == ""


@given(st.lists(st.text(max_size=600), max_size=4))
def test_whatever_the_text_the_lines_are_sound(texts: list[str]) -> None:
    wire = Reply(550, "5.7.1", tuple(texts)).wire()
    lines = wire.split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) == max(len(texts), 1)
    assert all(len(line) <= MAX_LINE - 2 for line in lines)
    assert all(line.decode("ascii").isprintable() for line in lines)
    assert [line[:4] for line in lines] == [b"550-"] * (len(lines) - 1) + [b"550 "]
