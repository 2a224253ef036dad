# SPDX-License-Identifier: Apache-2.0
"""Every output has a face, and no foreign text gets through it raw."""

import typing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gatehouse.faces.actions import status
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.registry import ACTIONS
from gatehouse.faces.cli.shown import RENDERERS, render
from gatehouse.faces.cli.terminal import Screen

EVIL = "evil\x1b[31m\u202e\r\nline"
TEXTS_OF_OURS = {"done": "deleted", "state": "waiting", "severity": "warning"}


def sample(kind: Any, name: str = "") -> Any:
    """A value of a type, with something nasty in every text."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{f.name: sample(f.type, f.name) for f in msgspec.structs.fields(kind)})
    if origin is tuple:
        return (sample(inner[0]), sample(inner[0]))
    if origin is dict:
        return {EVIL: sample(inner[1])}
    if inner:
        return sample(inner[0], name)
    if kind is datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)
    return {int: 7, float: 7.0, bool: True}.get(kind, TEXTS_OF_OURS.get(name, EVIL))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_output_is_shown_clean_on_a_terminal(action: Action, width: int) -> None:
    shown = render(sample(action.output), Screen(width))
    assert shown
    assert not set(shown) & set("\x1b\u202e\r")


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_output_has_a_renderer(action: Action) -> None:
    assert action.output in RENDERERS


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 messages,"), (1, "1 message,"), (2, "2 messages,")]
)
def test_one_is_not_many(number: int, said: str) -> None:
    whole = sample(status.Status)
    one = msgspec.structs.replace(
        whole, queue=msgspec.structs.replace(whole.queue, messages=number)
    )
    assert said in render(one, Screen())


@pytest.mark.parametrize(
    ("domains", "held", "said"),
    [
        ((), False, None),
        ((), True, "The configuration holds all mail: delivery.suspended."),
        (("",), False, "All destinations are suspended: nothing is delivered but alerts."),
        (("a.example",), False, "Suspended: nothing is delivered to a.example."),
        (
            tuple(f"d{number}.example" for number in range(12)),
            False,
            "Suspended: nothing is delivered to "
            + ", ".join(f"d{n}.example" for n in range(10))
            + " and 2 more.",
        ),
    ],
)
def test_the_first_page_says_what_is_not_delivered(
    domains: tuple[str, ...], held: bool, said: str | None
) -> None:
    now = msgspec.structs.replace(sample(status.Status), suspended=domains, delivery_suspended=held)
    lines = [line for line in render(now, Screen()).splitlines() if "deliver" in line]
    assert lines == ([] if said is None else [said])
