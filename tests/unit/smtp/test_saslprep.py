# SPDX-License-Identifier: Apache-2.0
"""SASLprep: the examples of RFC 4013 §3, and what attackers would like to be one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.smtp.saslprep import (
    MAX_NAME,
    MAX_PASSWORD,
    decode,
    prepare_name,
    prepare_password,
    saslprep,
)


@pytest.mark.parametrize(
    ("text", "prepared", "why"),
    [
        ("I\u00adX", "IX", "RFC 4013 §3 example 1: a soft hyphen goes"),
        ("user", "user", "example 2: nothing to do"),
        ("USER", "USER", "example 3: case stays; names are folded elsewhere"),
        ("\u00aa", "a", "example 4: NFKC"),
        ("\u2168", "IX", "example 5: NFKC, the same as example 1"),
        ("\u0007", None, "example 6: prohibited"),
        ("\u0627\u0031", None, "example 7: directions mixed"),
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628", "right to left at both ends"),
        ("a\u00a0b", "a b", "a space that is not ASCII becomes one that is"),
        ("", None, "nothing"),
        ("\u00ad", None, "nothing is left"),
        ("a\x00b", None, "NUL"),
        ("a\u202eb", None, "a character that turns the text round"),
        ("a\ufffdb", None, "the replacement character"),
        ("a\ud800", None, "half a pair"),
        ("pass word", "pass word", "a blank is fine in a password"),
    ],
)
def test_examples(text: str, prepared: str | None, why: str) -> None:
    assert saslprep(text) == prepared, why


def test_what_has_no_meaning_yet_may_be_compared_and_not_kept() -> None:
    assert saslprep("a\u0221") == "a\u0221"
    assert saslprep("a\u0221", stored=True) is None


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("Scanner1", "scanner1", "case"),
        ("caf\u00e9", "cafe\u0301", "NFC and NFD"),
        ("\uff53can", "scan", "full width"),
        ("CAF\u00c9", "caf\u00e9", "case beyond ASCII"),
    ],
)
def test_one_name_however_it_is_typed(one: str, other: str, why: str) -> None:
    assert prepare_name(one) == prepare_name(other) is not None, why


@pytest.mark.parametrize("text", ["two words", "a\u00a0b", "", "\t", "x" * (MAX_NAME + 1)])
def test_no_name(text: str) -> None:
    assert prepare_name(text) is None


def test_look_alikes_are_different_names() -> None:
    assert prepare_name("scanner") != prepare_name("sc\u0430nner")  # a Cyrillic letter


def test_bounds_count_octets() -> None:
    assert prepare_name("x" * MAX_NAME) == "x" * MAX_NAME
    assert prepare_name("\u00e9" * MAX_NAME) is None
    assert prepare_password("p" * MAX_PASSWORD) is not None
    assert prepare_password("p" * (MAX_PASSWORD + 1)) is None
    # NFKC makes this eighteen characters; the bound holds for what comes out too.
    assert prepare_name("\ufdfa" * 80) is None


@given(st.text(max_size=60))
def test_a_prepared_name_stays_as_it_is(text: str) -> None:
    name = prepare_name(text)
    if name is not None:
        assert prepare_name(name) == name
        assert " " not in name
        assert "\0" not in name


def test_only_utf_8_is_text() -> None:
    assert decode(b"caf\xc3\xa9") == "caf\u00e9"
    assert decode(b"caf\xe9") is None
    assert decode(b"\xed\xa0\x80") is None
