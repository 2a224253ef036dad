# SPDX-License-Identifier: Apache-2.0
"""Reading the file: every broken or hostile one gives one clear finding with its line."""

import pytest

from gatehouse.config import findings, text

MANY = 500_000


def fault(data: bytes) -> findings.Finding:
    parsed = text.parse(data)
    assert isinstance(parsed, text.Unreadable)
    (found,) = parsed.findings
    assert len(str(found)) < 400
    assert str(found).isprintable()
    return found


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"format = 1\n" + b"#" * 10 * MANY, None, "too large"),
        (b"format = 1\nx = \0", 2, "NUL"),
        ("format = 1".encode("utf-16"), None, "UTF-16"),
        (b"\xef\xbb\xbfformat = 1", None, "byte order mark"),
        (b"format = 1\n\n\xff", 3, "UTF-8"),
        (b"a = 1\nb = = 2", 2, "not valid TOML"),
        (b"a = 1\na = 1", 2, "not valid TOML"),
        (b"[system]\n[system]", 2, "not valid TOML"),
        (b"a = 1\nx = " + b"[" * 100_000, 2, "nested deeper"),
        (b"a = 1\nx = " + b"{a=" * 50_000, 2, "nested deeper"),
        (b"a." * 20_000 + b"a = 1", 1, "dotted key"),
        (b'"a".' * 20_000 + b"a = 1", 1, "dotted key"),
        (b"".join(b"k%d=1\n" % n for n in range(MANY // 4)), None, "keys"),
        (b"[t]\n" * 100_000, None, "sections"),
        (b"x = [" + b"1," * MANY + b"]", None, "values"),
        (b"x = " + b"9" * 5000, 1, "digits"),
        (b"x = 0x" + b"f" * 5000, 1, "digits"),
        (b'x = "' + b'\\"' * MANY, None, "backslashes"),
        (b'x = """' + b"\\" * MANY, None, "backslashes"),
        (b'x = "' + b'\\"' * 90_000, 1, "not valid TOML"),
        (b"\n" * MANY, None, "lines"),
        (b"#\n" * MANY, None, "lines"),
        (b"x = [" + b"[]," * 199_999 + b"[]]", None, "brackets"),
    ],
)
@pytest.mark.timeout(100)
def test_a_bad_file_gives_one_clear_fault(data: bytes, line: int | None, words: str) -> None:
    found = fault(data)
    assert words in str(found)
    assert found.line == line


@pytest.mark.timeout(100)
@pytest.mark.parametrize("data", [b"a" * 2 * MANY, b"a " * 2 * MANY, b"'" * MANY])
def test_long_runs_are_read_in_linear_time(data: bytes) -> None:
    assert "not valid TOML" in str(fault(data))


def test_brackets_and_dots_in_strings_and_comments_do_not_count() -> None:
    data = b'x = "' + b"[{" * 100 + b'" # ' + b"a." * 100 + b"\ny = '''\n" + b"[" * 99 + b"'''\n"
    assert isinstance(text.parse(data), text.Parsed)


SAMPLE = """\
format = 1
[system]
hostname = "x"

[listeners.A]
recipient_access = [
    { recipient = "a.example", access = "accept" },  # "[", not a bracket
    { recipient = "b.example",
      access = "reject" },
]
[[listeners.A.sender_groups]]
name = "ONE"
[[listeners.A.sender_groups]]
name = "TWO"
members = [
    "192.0.2.1",

    "192.0.2.2", "192.0.2.3",
]
[smtp_routes]
"example.com" = ["a", "b"]
delivery.smtp_port = 25
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("format",), 1),
        (("system", "hostname"), 3),
        (("system", "nothing"), 2),
        (("listeners", "A", "recipient_access", 0, "access"), 7),
        (("listeners", "A", "recipient_access", 1), 8),
        (("listeners", "A", "recipient_access", 1, "access"), 9),
        (("listeners", "A", "sender_groups", 1, "name"), 14),
        (("listeners", "A", "sender_groups", 1, "members", 0), 16),
        (("listeners", "A", "sender_groups", 1, "members", 2), 18),
        (("smtp_routes", "example.com", 1), 21),
        (("smtp_routes", "delivery", "smtp_port"), 22),
        (("elsewhere",), None),
    ],
)
def test_a_path_has_its_line(path: findings.Path, line: int | None) -> None:
    (found,) = text.locate([findings.error(path, "x")], SAMPLE)
    assert found.line == line


def test_sections_in_which_nothing_is_looked_for_are_passed_over() -> None:
    source = "".join(
        [
            '[a]\nb.c = [1,\n  [2, "]"],\n]  # ]\n"x.y" = """\n[b]\nz = 1\n"""\n[b]\ny = 2\n',
            "z = 3\n[a.d]\ny = { e = 4 }\n",
        ]
    )
    wanted: list[findings.Path] = [("b", "z"), ("a", "b", "c", 1), ("a", "d", "y", "e"), ("q", "r")]
    found = text.locate([findings.error(path, "is bad") for path in wanted], source)
    lines = {one.path: one.line for one in found}
    assert lines == {
        ("b", "z"): 11,
        ("a", "b", "c", 1): 3,
        ("a", "d", "y", "e"): 13,
        ("q", "r"): None,
    }


def test_a_section_that_only_stands_in_front_of_others_has_the_line_of_the_first() -> None:
    source = 'format = 1\nwrong.way = 1\n[destination_control."x.example"]\ntls = "none"\n[[a.b]]\n'
    wanted: list[findings.Path] = [("wrong",), ("destination_control",), ("a",), ("a", "b", 0)]
    found = text.locate([findings.error(path, "is bad") for path in wanted], source)
    assert [(one.path, one.line) for one in found] == list(zip(wanted, (2, 3, 5, 5), strict=True))
