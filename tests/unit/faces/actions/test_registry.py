# SPDX-License-Identifier: Apache-2.0
"""Every declaration is complete, and its work fits it."""

import inspect
import typing

import msgspec
import pytest

from gatehouse.faces.actions import perform
from gatehouse.faces.actions.action import Action, Needs, Role, arguments
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.registry import ACTIONS, BY_NAME, GROUPS

each = pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(ACTIONS)


def test_the_commands_of_the_first_step_are_there() -> None:
    wanted = {"status", "version", "log tail", "certificate list"}
    wanted |= {f"config {verb}" for verb in "load show check diff commit clear history".split()}
    wanted |= {f"queue {verb}" for verb in "list show hold release retry delete".split()}
    assert wanted <= set(BY_NAME)


@each
def test_it_says_what_it_does_and_why(action: Action) -> None:
    assert action.summary.endswith(".")
    assert len(action.summary) <= 75
    assert len(action.help) > len(action.summary) // 2
    assert action.example.split()[:1] == ["gatehouse"]
    assert f"gatehouse {action.name}" in action.example


@each
def test_its_group_is_described(action: Action) -> None:
    words = action.name.split()
    assert len(words) == 1 or words[0] in GROUPS


@each
def test_its_work_takes_its_input_and_gives_its_output(action: Action) -> None:
    work = perform.work_of(action)
    assert inspect.iscoroutinefunction(work)
    hints = typing.get_type_hints(work)
    assert list(hints.values()) == [House, action.input, action.output]


@each
def test_every_argument_says_what_it_is(action: Action) -> None:
    for _, _, asked in arguments(action):
        assert asked.help
        assert not asked.help.endswith(".")


@each
def test_input_and_output_have_a_schema(action: Action) -> None:
    msgspec.json.schema(action.input)
    msgspec.json.schema(action.output)


@each
def test_who_only_looks_changes_nothing(action: Action) -> None:
    if action.role in (Role.READ_ONLY, Role.GUEST):
        assert not action.changes
    if action.confirm:
        assert action.changes
    assert action.needs is not Needs.NOTHING or not action.changes


def test_a_field_without_a_description_is_refused() -> None:
    class Bare(msgspec.Struct):
        name: str

    action = Action(
        name="bare", summary="", help="", example="", role=Role.GUEST, input=Bare,
        output=Bare, changes=False, needs=Needs.NOTHING, work="",
    )  # fmt: skip
    with pytest.raises(TypeError, match="name"):
        arguments(action)
