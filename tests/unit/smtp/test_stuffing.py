# SPDX-License-Identifier: Apache-2.0
"""What leaves as content: dots doubled, one end, and no line end but CRLF."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.smtp.stuffing import ImpureBody, Stuffer


def stuffed(*chunks: bytes) -> bytes:
    stuffer = Stuffer()
    return b"".join([stuffer.stuff(chunk) for chunk in chunks]) + stuffer.finish()


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        (b"", b".\r\n"),
        (b"x\r\n", b"x\r\n.\r\n"),
        (b"x", b"x\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"..\r\n", b"...\r\n.\r\n"),
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
        (b"\r\n.\r\n.\r\n", b"\r\n..\r\n..\r\n.\r\n"),
        (b"a.b\r\n.", b"a.b\r\n..\r\n.\r\n"),
        (b"a.\r\nb\r\n", b"a.\r\nb\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_and_the_end_is_marked_wherever_the_body_is_cut(
    body: bytes, wire: bytes
) -> None:
    assert stuffed(body) == wire
    assert stuffed(*[body[i : i + 1] for i in range(len(body))]) == wire
    for cut in range(len(body)):
        assert stuffed(body[:cut], b"", body[cut:]) == wire


def test_a_clean_chunk_passes_without_a_copy() -> None:
    chunk = b"Subject: 3.14\r\n\r\nno dot at a line's beginning.\r\n" * 100
    assert Stuffer().stuff(chunk) is chunk


SMUGGLING = [
    b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\r\n.\r\n", b"\n\r\n.\n",
    b"\r\n.\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("sequence", SMUGGLING)
def test_an_impure_body_never_gets_its_end(sequence: bytes) -> None:
    body = b"Subject: t\r\n\r\nAAA" + sequence + b"MAIL FROM:<smuggled@example.net>\r\n"
    with pytest.raises(ImpureBody):
        stuffed(body)
    for cut in range(len(body)):
        with pytest.raises(ImpureBody):
            stuffed(body[:cut], body[cut:])


def test_a_cr_at_the_very_end_is_bare() -> None:
    with pytest.raises(ImpureBody):
        stuffed(b"x\r")


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\0", b"x", b"\xff", b"\x85"]), max_size=14
    ),
    st.integers(0, 30),
)
def test_what_leaves_is_pure_and_unstuffs_to_what_came(parts: list[bytes], cut: int) -> None:
    body = b"".join(parts)
    pure = not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", body)
    if not pure:
        with pytest.raises(ImpureBody):
            stuffed(body[:cut], body[cut:])
        return
    wire = stuffed(body[:cut], body[cut:])
    content, end = wire[:-3], wire[-3:]
    assert end == b".\r\n"
    assert b"\r\n.\r\n" not in b"\r\n" + content
    assert re.sub(rb"(?m)^\.", b"", content) == body + (
        b"" if body.endswith(b"\n") or not body else b"\r\n"
    )
