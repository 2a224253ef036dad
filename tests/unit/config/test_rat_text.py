# SPDX-License-Identifier: Apache-2.0
"""The text form of a recipient access table: one entry in a line, there and back."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.config import findings, rat_text, schema

TEXT = b"""\
# whom we take mail for
example.com  accept
.example.com ACCEPT (all (really all) below)
"a b"@example.com REJECT 553 "5.1.3 say \\"why\\"" (since May)
user@ REJECT
[192.0.2.1] ACCEPT
ALL REJECT
"""


def read(text: bytes) -> list[schema.RecipientAccess]:
    entries = [one for one in rat_text.parse(text) if isinstance(one, schema.RecipientAccess)]
    assert len(entries) == len(rat_text.parse(text))
    return entries


def test_every_form_of_an_entry() -> None:
    shown = [(one.recipient, one.access, one.code, one.text, one.comment) for one in read(TEXT)]
    assert shown == [
        ("example.com", "accept", None, None, None),
        (".example.com", "accept", None, None, "all (really all) below"),
        ('"a b"@example.com', "reject", 553, '5.1.3 say "why"', "since May"),
        ("user@", "reject", None, None, None),
        ("[192.0.2.1]", "accept", None, None, None),
        ("ALL", "reject", None, None, None),
    ]


def test_the_closing_entry_is_always_written() -> None:
    one = schema.RecipientAccess(recipient="example.com", access="accept")
    assert rat_text.format_entries([one]) == "example.com ACCEPT\nALL REJECT\n"
    assert rat_text.format_entries([]) == "ALL REJECT\n"


PLAIN = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    st.sampled_from(['say "a\\b"', "\\", '"', "ends in \\", 'REJECT 550 "x" (y)']),
)
ENTRIES = st.builds(
    schema.RecipientAccess,
    recipient=st.sampled_from(
        ["example.com", ".e.example", "u@", "u@d.example", '"a\\"b c"@d.example', "[IPv6:::1]"]
    ),
    access=st.sampled_from(["accept", "reject"]),
    code=st.one_of(st.none(), st.integers(400, 599)),
    text=st.one_of(st.none(), PLAIN),
    comment=st.one_of(st.none(), st.text(max_size=30)),
)


@given(st.lists(ENTRIES, max_size=5))
def test_out_and_in_again_changes_nothing(entries: list[schema.RecipientAccess]) -> None:
    text = rat_text.format_entries(entries)
    again = read(text.encode())
    assert rat_text.format_entries(again) == text
    decides = [(one.recipient, one.access, one.code, one.text) for one in again]
    assert decides[: len(entries)] == [
        (one.recipient, one.access, one.code, one.text) for one in entries
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "*line 1: there is no entry*"),
        (b"# nothing\n\n", "*line 1: there is no entry*"),
        (b"\nexample.com\n", "*line 2: is no entry*"),
        (b"example.com MAYBE\n", "*line 1: is no entry*"),
        (b"a..b ACCEPT\n", "*line 1: is no recipient definition*"),
        (b"\nexample.com REJECT 250\n", "*line 2: code: is not allowed*400*"),
        (b'example.com REJECT "' + b"x" * 500 + b'"\n', "*line 1: text: *400*"),
        (b"example.com ACCEPT\n\xff\n", "*line 2: *UTF-8*"),
        (b"x" * 5_000_000, "*too large*"),
    ],
)
def test_every_fault_has_its_line(text: bytes, fault: str) -> None:
    shown = [str(one) for one in rat_text.parse(text) if isinstance(one, findings.Finding)]
    assert any(fnmatch.fnmatchcase(one, fault) for one in shown), shown
