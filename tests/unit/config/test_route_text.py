# SPDX-License-Identifier: Apache-2.0
"""SMTP routes as text: out and in again is the same, and faults have a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.config import route_text

NAMES = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,2}", fullmatch=True)
DOMAINS = st.one_of(st.just("."), NAMES, NAMES.map(lambda one: f".{one}"))
HOSTS = st.one_of(NAMES, st.just("[2001:db8::1]:26"), st.just("smarthost:inside"))


@given(st.dictionaries(DOMAINS.filter(lambda one: one != "all"), st.lists(HOSTS, min_size=1)))
def test_what_is_written_is_read_back(routes: dict[str, list[str]]) -> None:
    assert route_text.parse(route_text.format_routes(routes).encode()) == routes


def test_as_people_write_it() -> None:
    text = b"# ours\r\n\r\nall mx.a.example,192.0.2.1:26\r\n  .b.example\tmx.b.example  \n"
    assert route_text.parse(text) == {
        ".": ["mx.a.example", "192.0.2.1:26"],
        ".b.example": ["mx.b.example"],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a.example\n", "line 1: names no host"),
        (b"a.example x\n. y\nALL z\n", "line 3: there is a route for it already"),
        (b"a.example x\n\xff\n", "line 2: the text is not valid UTF-8"),
        (b"#" * (5 * 1024 * 1024), "too large"),
    ],
)
def test_faults_are_told_with_their_line(text: bytes, said: str) -> None:
    found = route_text.parse(text)
    assert not isinstance(found, dict)
    assert said in str(found[0])
