# SPDX-License-Identifier: Apache-2.0
"""Invariant: a chunked message is judged the same wherever chunks and segments are cut."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.smtp.bdat import ChunkReader


def read(chunks: list[bytes], step: int, limit: int = 1000) -> tuple[bytes, ChunkReader]:
    reader = ChunkReader(limit)
    content = b""
    for number, chunk in enumerate(chunks):
        reader.begin(len(chunk), number == len(chunks) - 1)
        for start in range(0, len(chunk), step):
            content += reader.read(chunk[start : start + step])
        assert reader.left == 0
    reader.finish()
    return content, reader


TRICKY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\x00", b"a", b"\r\n.\r\n"]), max_size=10
).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(chunks=st.lists(TRICKY, min_size=1, max_size=4), step=st.integers(1, 5))
def test_content_is_taken_as_it_is_or_found_impure(chunks: list[bytes], step: int) -> None:
    whole = b"".join(chunks)
    content, reader = read(chunks, step)
    assert reader.impure == (re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", whole) is not None)
    assert reader.size == len(whole)
    if not reader.impure:
        assert content == whole


def test_a_border_between_cr_and_lf_is_fine() -> None:
    content, reader = read([b"a\r", b"\nb\r\n"], 1)
    assert content == b"a\r\nb\r\n"
    assert not reader.impure


@pytest.mark.parametrize("last", [[b"a\r"], [b"a\r", b""], [b"a\r", b"b"]])
def test_a_cr_at_the_end_is_bare(last: list[bytes]) -> None:
    assert read(last, 10)[1].impure


def test_the_sum_counts() -> None:
    assert not read([b"x" * 5, b"x" * 5], 10, limit=10)[1].over
    content, reader = read([b"x" * 5, b"x" * 6], 10, limit=10)
    assert reader.over
    assert content == b"x" * 5
