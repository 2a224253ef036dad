# SPDX-License-Identifier: Apache-2.0
import pytest

from gatehouse.journal.escape import clean, quoted, reply_tuple, rid_list


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("a\nb", r"a\nb"),
        ("a\tb", r"a\tb"),
        ("a\rb", r"a\x0db"),
        ("\x00\x1b\x7f", r"\x00\x1b\x7f"),
        ("\x85\x9b", r"\x85\x9b"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202e\u2066\u200f\u061c", r"\u202e\u2066\u200f\u061c"),
        ("\udcff", r"\udcff"),
        ("Grüße 東京", "Grüße 東京"),
        ("no\u00a0break \U0001f469\u200d\U0001f4bb", "no\u00a0break \U0001f469\u200d\U0001f4bb"),
        (r"C:\new", r"C:\new"),
        ("", ""),
    ],
)
def test_only_what_could_break_or_turn_a_line_is_escaped(raw: str, written: str) -> None:
    assert clean(raw) == written
    assert clean(written) == written


def test_quotes_and_backslashes_are_escaped_inside_quotes() -> None:
    assert quoted("It's") == r"'It\'s'"
    assert quoted("a\\'") == r"'a\\\''"
    assert quoted("It's", '"') == '"It\'s"'
    assert quoted('a "b"', '"') == r'"a \"b\""'


def test_a_reply_is_pythons_repr_of_a_tuple() -> None:
    assert reply_tuple("550", ("no such user",)) == "('550', ['no such user'])"
    assert reply_tuple("550", ("a", "b")) == "('550', ['a', 'b'])"
    assert reply_tuple("000", ("can't",)) == """('000', ["can't"])"""
    assert reply_tuple("421", ()) == "('421', [])"


def test_a_rid_list_has_comma_and_blank() -> None:
    assert rid_list((0,)) == "[0]"
    assert rid_list((0, 1, 2)) == "[0, 1, 2]"
    assert rid_list(()) == "[]"
