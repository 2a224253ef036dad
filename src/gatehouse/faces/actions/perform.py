# SPDX-License-Identifier: Apache-2.0
"""Carries an action out: in this process, or for somebody at the control socket.

The answer is JSON with either `output` (exactly the action's output) or `fault`. What an action
did not foresee becomes a fault too, and is reported; a command never ends a gateway.
"""

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec

from gatehouse.faces.actions.action import Action, Needs, arguments
from gatehouse.faces.actions.errors import Fault, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.service.base.control import Request
from gatehouse.store.errors import StoreError

Report = Callable[[str, BaseException], None]
Work = Callable[[House, Any], Awaitable[Any]]

_LONGEST_NAME = 64  # of an operator, in the history


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What comes back over the control socket: one of the two."""

    output: msgspec.Raw = msgspec.Raw(b"")
    fault: Fault | None = None


class _Output(msgspec.Struct, frozen=True):
    output: msgspec.Struct


class _Fault(msgspec.Struct, frozen=True):
    fault: Fault


def work_of(action: Action) -> Work:
    """The function that does it."""
    module, _, name = action.work.partition(":")
    work: Work = getattr(importlib.import_module(module), name)
    return work


async def do(action: Action, house: House, given: msgspec.Struct) -> msgspec.Struct:
    """Do it; raises OperatorError and nothing else that is to be expected."""
    if action.needs is Needs.RUNNING and house.gateway is None:
        raise not_running()
    _check_bounds(action, given)
    try:
        done: msgspec.Struct = await work_of(action)(house, given)
    except StoreError as error:
        raise OperatorError("store-trouble", f"{error}.".replace("..", ".")) from error
    return done


async def answer(house: House, request: Request, report: Report) -> bytes:
    """Do what a request from the control socket asks for."""
    try:
        action = BY_NAME.get(request.action)
        if action is None or action.needs is Needs.NOTHING:
            raise OperatorError(
                "unknown-action",
                "The running gateway does not know this command.",
                request.action[:_LONGEST_NAME],
                "It may be of another version: restart it.",
            )
        given = _read(action, request.arguments)
        mine = replace(house, operator=request.operator[:_LONGEST_NAME])
        return msgspec.json.encode(_Output(await do(action, mine, given)))
    except OperatorError as error:
        return msgspec.json.encode(_Fault(error.fault))
    except Exception as error:
        report("control", error)
        fault = Fault(
            reference="internal-fault",
            message="The gateway could not do this because of a fault of its own.",
            hint="The event log has the details.",
        )
        return msgspec.json.encode(_Fault(fault))


def not_running() -> OperatorError:
    """For what only a running gateway can do."""
    return OperatorError(
        "not-running", "The gateway is not running.", hint="Start it with `gatehouse run`."
    )


def _check_bounds(action: Action, given: msgspec.Struct) -> None:
    """The bounds of the declaration hold for every face."""
    for field, _, asked in arguments(action):
        value = getattr(given, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int) or isinstance(number, bool):
                continue
            too_small = asked.least is not None and number < asked.least
            if too_small or (asked.most is not None and number > asked.most):
                allowed = f"{asked.least} to {asked.most}" if asked.most else f"from {asked.least}"
                raise OperatorError(
                    "bad-arguments", f"{field.name} is out of bounds.", hint=f"Allowed: {allowed}."
                )


def _read(action: Action, raw: msgspec.Raw) -> msgspec.Struct:
    try:
        return msgspec.json.decode(raw, type=action.input)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OperatorError("bad-arguments", f"The arguments do not fit: {error}.") from None
