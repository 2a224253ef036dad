# SPDX-License-Identifier: Apache-2.0
"""Two texts are compared in bounded time and size, and at line feeds only."""

import pytest

from gatehouse.config import line_diff

MANY = "".join(f"line {number}\n" for number in range(100_000))


def test_one_line_among_many_is_found() -> None:
    found = line_diff.difference(MANY, MANY.replace("line 50000\n", "other\n"))
    assert found.count("\n+") == 2, "the line and the header"
    assert found.splitlines()[2:] == [
        "@@ -49999,5 +49999,5 @@",
        " line 49998",
        " line 49999",
        "-line 50000",
        "+other",
        " line 50001",
        " line 50002",
    ]


def test_texts_that_differ_wholly_are_not_compared() -> None:
    told = "100000 lines before, 100000 lines after: too many to compare\n"
    assert line_diff.difference(MANY, MANY.replace("line", "other")) == told
    assert line_diff.unified(MANY, MANY.replace("line", "other"), ("a", "b")) == told


def test_what_the_audit_log_gets_is_bounded() -> None:
    long = line_diff.difference("", "x" * 1_000_000)
    assert len(long.encode()) == line_diff.LONGEST_DIFF
    assert long.endswith("[cut off]")
    cut = line_diff.difference("", "\u20ac" * 1_000_000)
    assert len(cut.encode()) <= line_diff.LONGEST_DIFF, "never in the middle of a character"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("", "a\n", ["@@ -0,0 +1 @@", "+a"]),
        ("a\n", "", ["@@ -1 +0,0 @@", "-a"]),
        ("a\nb", "a\nc\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]),
        ("a\u2028b\n", "a\u2028c\n", ["@@ -1 +1 @@", "-a\u2028b", "+a\u2028c"]),
    ],
)
def test_lines_end_with_line_feeds_alone(before: str, after: str, lines: list[str]) -> None:
    found = line_diff.unified(before, after, ("old", "new"))
    assert found.split("\n") == ["--- old", "+++ new", *lines, ""]


@pytest.mark.parametrize("text", ["", "a", "a\n", MANY])
def test_equal_texts_have_no_difference(text: str) -> None:
    assert line_diff.unified(text, text, ("old", "new")) == ""
