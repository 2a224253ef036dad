# SPDX-License-Identifier: Apache-2.0
"""Whatever a text looks like: what is saved is what comes back, whole and by section."""

import copy
import hashlib
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gatehouse.config import saved, sections, text, upgrade
from gatehouse.config.saved import File, Lock, Saved
from gatehouse.config.sections import Part

MASKED = Saved(
    program="Gatehouse 1",
    saved_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    source="candidate",
    masked=("smart-host/ses",),
)
LOCK = Lock(memory_kib=65536, passes=3, lanes=4, salt=b"s" * 16, nonce=b"n" * 12, check=b"c" * 16)

COMMENTS = st.sampled_from(
    ["# ours", "#", "# \u00fc\u4e2d \U0001f600 \u202e", "  # set off", "# [system] # x", "#'''",
     saved.MARK.decode(), '# text_sha256 = "', "# \u2028 \x85 is no line end"]
)  # fmt: skip
VALUES = st.sampled_from(
    ['"gw1.example"', "25", "[ 1, # in a list\n  2 ]", "'''\n[saved]\n# no comment\n'''", "true",
     '"\\u00e9 # no comment"', "{ a = 1, b = [\"x\"] }", '"\u2028\U0001f600"']
)  # fmt: skip
HEADERS = (
    "[system]",
    "[listeners.In]",
    "[listeners.Out]",
    "[[listeners.In.sender_groups]]",
    '[destination_controls."bank.example"]',
    "[destination_controls.'a.[b]#c']",
    "[ smart_hosts . ses ]",
    "[machines.gw1.settings.delivery]",
    "[groups.east.settings.listeners.In]",
)
LINE_ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A configuration text of its form, with comments and blank lines wherever they may stand."""
    lines = [*draw(st.lists(COMMENTS, max_size=2)), "format = 1"]
    # A list of sections stands behind its parent, as in TOML: the order of HEADERS serves for that.
    for header in draw(st.lists(st.sampled_from(HEADERS), max_size=5, unique=True).map(ordered)):
        lines += draw(st.lists(st.one_of(COMMENTS, st.just("")), max_size=3))
        lines.append(header + draw(st.sampled_from(["", "  # about it"])))
        for name in draw(st.lists(st.sampled_from(["port", "'odd key'", "x.y"]), unique=True)):
            lines += draw(st.lists(COMMENTS, max_size=1))
            lines.append(f"{name} = {draw(VALUES)}")
    lines += draw(st.lists(st.one_of(COMMENTS, st.just("")), max_size=2))
    end = draw(LINE_ENDS)
    written = "\n".join(lines).replace("\n", end) + draw(st.sampled_from(["", end, end * 3]))
    assume(isinstance(text.parse(written.encode()), text.Parsed))
    return written


def ordered(headers: list[str]) -> list[str]:
    return sorted(headers, key=HEADERS.index)


def values(written: str | bytes) -> dict[str, Any]:
    return tomllib.loads(written if isinstance(written, str) else written.decode())


def taken(written: str) -> list[Part]:
    """Every section that can be named, at every depth."""
    parsed = upgrade.parse(written.encode())
    assert isinstance(parsed, text.Parsed)
    found = [sections.take(parsed, path) for path in places(parsed.values)]
    assert all(isinstance(one, Part) for one in found)
    return [one for one in found if isinstance(one, Part)]


def places(here: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, one in here.items():
        path = (*above, name)
        if isinstance(one, dict):
            found += [path, *places(one, path)]
        elif isinstance(one, list) and one and all(isinstance(each, dict) for each in one):
            found.append(path)
    return found


def put_at(into: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    result = copy.deepcopy(into)
    here = result
    for name in path[:-1]:
        here = here.setdefault(name, {})
    here[path[-1]] = value
    return result


@given(st.one_of(texts().map(str.encode), st.binary(max_size=200)), st.binary(max_size=300))
@settings(max_examples=15, deadline=None)
def test_a_text_of_any_octets_comes_back_to_the_octet(body: bytes, secret: bytes) -> None:
    assume(b'\ntext_sha256 = "' not in b"\n" + body)
    sealed = replace(MASKED, masked=(), holds=("passwords",), lock=LOCK, sealed=secret)
    for about in (MASKED, replace(MASKED, masked=()), sealed):
        file = saved.assemble(body, about)
        assert saved.read(file) == File(text=body, saved=about)
        assert saved.text_of(file) == body
        again = saved.assemble(body, about)
        assert hashlib.sha256(again).digest() == hashlib.sha256(file).digest()


@given(texts())
@settings(max_examples=15, deadline=None)
def test_a_section_that_is_put_back_changes_nothing(written: str) -> None:
    for part in taken(written):
        done = sections.put(written.encode(), [part])
        if isinstance(done, bytes):
            assert values(done) == values(written)
            if gathered(written, part):
                assert done == written.encode()


def gathered(written: str, part: Part) -> bool:
    """Does it stand in one piece, with headers of its own?"""
    return written.replace("\r\n", "\n").count(part.written.replace("\r\n", "\n")) == 1


@given(texts(), texts())
@settings(max_examples=15, deadline=None)
def test_a_section_that_travels_says_the_same_elsewhere_and_nothing_else(
    theirs: str, ours: str
) -> None:
    for part in taken(theirs):
        alone = sections.together([part])
        assert values(alone) == put_at({"format": 1}, part.path, part.value)
        assert [one.value for one in taken(alone.decode()) if one.path == part.path] == [part.value]
        done = sections.put(ours.encode(), [part])
        if isinstance(done, bytes):
            assert values(done) == put_at(values(ours), part.path, part.value)
            kept = [line for line in ours.splitlines() if line.lstrip().startswith("#")]
            untouched = not any(part.path[:1] == one[:1] for one in places(values(ours)))
            assert not untouched or all(line in done.decode() for line in kept)


@given(texts(), texts())
@settings(max_examples=15, deadline=None)
def test_all_sections_of_a_text_make_the_text_again(theirs: str, ours: str) -> None:
    parts = [one for one in taken(theirs) if len(one.path) == 1]
    assert values(sections.together(parts)) == values(theirs)
    done = sections.put(ours.encode(), parts)
    if isinstance(done, bytes):
        assert values(done) == values(ours) | values(theirs)
