# SPDX-License-Identifier: Apache-2.0
"""The manual is true: every field is set by the way that it names, and nothing else changes."""

import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.config import reference
from gatehouse.faces.actions import configuration
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.faces.cli import manual
from gatehouse.faces.cli.main import main
from gatehouse.faces.cli.shell.commands import COMMANDS
from tests.unit.faces.cli.manual_sessions import (
    CERTIFICATE,
    COMMAND_LINES,
    ELSEWHERE,
    LISTS,
    PLACES,
    SESSIONS,
    TEXT,
)
from tests.unit.faces.cli.shell.conftest import Desk
from tests.unit.faces.cli.test_main import DOORS

FIELDS = {(section, name): field for section, name, field in reference.fields()}
WAYS = {(section, name): way for section, rows in manual.WAYS.items() for name, way in rows.items()}
ROWS = [one for one in WAYS if one in FIELDS and WAYS[one].shell]


@pytest.fixture(scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """With a certificate beside Demo, and a configuration that has one of everything."""
    made = Desk(tmp_path_factory.mktemp("manual") / "data", TEXT)
    new = ["NEW", CERTIFICATE, "mx.example.com", *[""] * 6, "", "", ""]
    made.play("certconfig", *new, "commit ready")
    yield made
    made.close()


@pytest.fixture
def desk(_desk: Desk) -> Iterator[Desk]:
    yield _desk
    _desk.carry(configuration.CLEAR, Nothing())


def test_every_field_has_an_entry() -> None:
    assert sorted(set(FIELDS) - set(WAYS)) == []


def test_every_entry_is_about_a_field() -> None:
    assert sorted(set(WAYS) - set(FIELDS)) == []


def test_only_what_has_a_single_value_cannot_be_set() -> None:
    for one in set(WAYS) - set(ROWS):
        assert len(typing.get_args(FIELDS[one].annotation)) == 1, one


# A level says these for itself, or nothing acts on them yet.
BY_PATH = {"groups.NAME", "machines.NAME", "smtp_configuration", "ldap", "url_filtering"}


def test_every_other_field_has_a_dialogue() -> None:
    assert {section for section, name in ROWS if WAYS[section, name].shell == "set"} <= BY_PATH


def test_every_entry_names_commands_that_are_there() -> None:
    for one in ROWS:
        assert WAYS[one].shell.split(" > ")[0] in COMMANDS, one
        assert WAYS[one].command in BY_NAME, one


def test_every_field_has_a_session() -> None:
    sessions = {(section, name) for section, rows in SESSIONS.items() for name in rows}
    assert sorted(sessions ^ set(ROWS)) == []


def place(section: str, name: str) -> str:
    """Where the field stands in the configuration that the sessions begin with."""
    here = PLACES.get(section, section)
    return section if section in LISTS else f"{here}.{name}" if here else name


def within(place: str, scope: str) -> bool:
    return f"{place}.".startswith(f"{scope}.")


@pytest.mark.parametrize(("section", "name"), ROWS, ids=lambda one: one or "top")
def test_the_way_sets_the_field_and_nothing_else(desk: Desk, section: str, name: str) -> None:
    way, answers = WAYS[section, name].shell, SESSIONS[section][name]
    here = place(section, name)
    where, *scopes = ELSEWHERE.get((section, name), (here, here))
    if isinstance(answers, str):
        assert way == "set"
        desk.interview(way, {"Field": where, "Value": answers})
    else:
        desk.interview(way, answers)
    changed = list(desk.changes())
    assert any(within(one, where) for one in changed), changed
    # A section in which nothing was written before appears above the field.
    assert [
        one
        for one in changed
        if not any(within(one, scope) or within(scope, one) for scope in scopes)
    ] == []


OWN = [one for one in ROWS if WAYS[one].command != manual.COMMON]


def test_every_command_that_is_named_has_a_command_line() -> None:
    assert sorted(set(COMMAND_LINES) ^ set(OWN)) == []


@pytest.mark.parametrize(("section", "name"), OWN)
def test_the_command_sets_the_field(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str, name: str
) -> None:
    *lines, content = COMMAND_LINES[section, name]
    assert lines[-1].startswith(f"{WAYS[section, name].command} ")
    file = tmp_path / "text"
    file.write_text(content)
    for line in lines:
        words = [str(file) if one == "FILE" else one for one in line.split()]
        assert main([*words, "--data", str(desk.data)], DOORS) == 0, capsys.readouterr()
    where, *_ = ELSEWHERE.get((section, name), (place(section, name),))
    changed = list(desk.changes())
    assert any(within(one, where) for one in changed), changed
