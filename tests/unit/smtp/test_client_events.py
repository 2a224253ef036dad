# SPDX-License-Identifier: Apache-2.0
"""Events are values."""

import dataclasses
import typing

import pytest

from gatehouse.smtp import client_events


@pytest.mark.parametrize("event", typing.get_args(client_events.Event))
def test_an_event_is_frozen_and_small(event: type) -> None:
    assert dataclasses.is_dataclass(event)
    assert event.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(event, "__dict__") or "__slots__" in vars(event)
    assert event.__doc__


def test_the_union_names_every_event_of_the_module() -> None:
    classes = {
        value for value in vars(client_events).values()
        if isinstance(value, type) and value.__module__ == client_events.__name__
    }  # fmt: skip
    answers = {client_events.Begun, client_events.Refused}
    assert classes - answers == set(typing.get_args(client_events.Event))
