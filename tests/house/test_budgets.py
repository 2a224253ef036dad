# SPDX-License-Identifier: Apache-2.0
"""Each source file is one idea with its preface; nothing names a machine or a registry."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LICENCE = "# SPDX-License-Identifier: Apache-2.0"

# The 90th percentile of the tidiest projects of this kind is 280-382 lines.
MOST_LINES = 400

# Shorter than this it cannot say what the module is and what its rule is.
LEAST_PREFACE = 15


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: what belongs to it cannot be listed")
    places = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [place for place in places if place.is_file()]


def name(place):
    return str(place.relative_to(ROOT))


def exceptions():
    return tomllib.loads((ROOT / "tests/house/exceptions.toml").read_text())["lines"]


def test_a_file_is_at_most_400_lines_or_has_a_reason():
    excused = exceptions()
    long = {
        name(place): lines
        for place in SOURCES
        if (lines := len(place.read_text().splitlines())) > MOST_LINES
    }
    assert {place: lines for place, lines in long.items() if place not in excused} == {}
    assert sorted(set(excused) - set(long)) == [], "these need no exception any more"
    assert all(len(reason) > 30 for reason in excused.values()), "a reason is a sentence"


@pytest.mark.parametrize("place", SOURCES, ids=name)
def test_a_module_opens_with_its_licence_and_its_preface(place):
    text = place.read_text()
    assert text.splitlines()[:1] == [LICENCE]
    preface = ast.get_docstring(ast.parse(text))
    assert preface, "no preface"
    assert len(preface) >= LEAST_PREFACE


def test_an_init_holds_nothing_but_the_preface():
    for place in SOURCES:
        if place.name == "__init__.py":
            body = ast.parse(place.read_text()).body
            assert len(body) == 1, f"{name(place)} holds more than its preface"


def test_tests_and_scripts_carry_the_licence_line():
    kinds = {".py", ".c", ".sh"}
    bare = [
        name(place)
        for place in tracked()
        if place.suffix in kinds and "SPDX-License-Identifier" not in place.read_text()[:400]
    ]
    assert bare == []


# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a folder of one machine": re.compile(
        r"/(?:work|shared)/(?:main|reference|shared)\b|/ro" + r"ot/"
    ),
    "a package registry": re.compile(
        r"py" + r"pi\.org|pythonho" + r"sted\.org|/sim" + r"ple/?\b(?=\s|$)"
    ),
    "an index for pip": re.compile(r"--(?:extra-)?ind" + r"ex-url\s+\S*:|--find-li" + r"nks[ =]\S"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_names(what):
    found = []
    for place in tracked():
        try:
            text = place.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{name(place)}: {hit.group()}" for hit in FORBIDDEN[what].finditer(text)]
    assert found == []


def test_the_requirements_are_hashed_and_name_no_address():
    for place in sorted(ROOT.glob("requirements*.txt")):
        text = place.read_text()
        assert "://" not in text, f"{place.name} names an address"
        pins = re.findall(r"^[a-z0-9][\w.\[\]-]*==\S+", text, re.MULTILINE)
        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert len(pins) == len(blocks) > 0
        assert all("--hash=sha256:" in block for block in blocks)


def test_nothing_is_left_open_in_the_source():
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
    assert [name(place) for place in SOURCES if marks.search(place.read_text())] == []
