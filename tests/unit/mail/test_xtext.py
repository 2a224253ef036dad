# SPDX-License-Identifier: Apache-2.0
"""xtext and ORCPT: round trips, and no control character gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.xtext import decode_xtext, encode_xtext, format_orcpt, parse_orcpt


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"QQ314159", "QQ314159"),
        (b"a+2Bb+3Dc", "a+b=c"),
        (b"a+20b", "a b"),
        (b"+00", None),
        (b"+0D+0A", None),
        (b"+7F", None),
        (b"+E9", None),  # xtext stands for ASCII
        (b"+G1", None),
        (b"+4", None),
        (b"+", None),
        (b"+2b", None),  # hexadecimal is upper case
        (b"a=b", None),
        (b"a b", None),
        (b"\xc3\xa9", None),
    ],
)
def test_xtext_is_decoded_strictly(raw: bytes, text: str | None) -> None:
    assert decode_xtext(raw) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_text_survives_the_round_trip(text: str) -> None:
    assert decode_xtext(encode_xtext(text).encode()) == text


def test_encoding_drops_what_has_no_name() -> None:
    assert encode_xtext("a\r\nb\xe9") == "ab"


@pytest.mark.parametrize(
    ("raw", "orcpt"),
    [
        (b"rfc822;bob@x.example", "rfc822;bob@x.example"),
        (b"RFC822;Bob+2Bx@x.example", "rfc822;Bob+x@x.example"),
        ("utf-8;用户@x.example".encode(), "utf-8;用户@x.example"),
        (b"utf-8;\\x{7528}\\x{6237}@x.example", "utf-8;用户@x.example"),
        (b"utf-8;a\\x{2B}b@x", "utf-8;a+b@x"),
        (b"rfc822;", None),
        (b"rfc822", None),
        (b";a@b", None),
        (b"rf c;a@b", None),
        (b"rfc822;a+0Ab", None),
        (b"utf-8;a\\x{0A}b", None),
        (b"utf-8;a\\x{202E}b", None),
        (b"utf-8;a\\x{D800}b", None),
        (b"utf-8;a\\x{FFFFFF}b", None),
        (b"utf-8;a\xff", None),
        (b"utf-8;a+0Ab", None),
    ],
)
def test_original_recipients_are_decoded_or_refused(raw: bytes, orcpt: str | None) -> None:
    assert parse_orcpt(raw) == orcpt


def test_original_recipients_are_written_for_the_next_hop() -> None:
    assert format_orcpt("rfc822;a+b=c@x", smtputf8=True) == "rfc822;a+2Bb+3Dc@x"
    assert format_orcpt("utf-8;用+@x", smtputf8=True) == "utf-8;用\\x{2B}@x"
    assert format_orcpt("utf-8;用+@x", smtputf8=False) == "utf-8;\\x{7528}\\x{2B}@x"


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30),
    st.booleans(),
)
def test_an_international_original_recipient_survives_the_round_trip(
    text: str, smtputf8: bool
) -> None:
    orcpt = f"utf-8;{text}"
    assert parse_orcpt(format_orcpt(orcpt, smtputf8=smtputf8).encode()) == orcpt
