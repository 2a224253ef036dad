# SPDX-License-Identifier: Apache-2.0
"""Carries an action out: in this process, or for somebody at the control socket.

Every action of every face goes through `do`, and so this is where it is decided whether somebody
may do it, and where the audit log is written: what was changed, by whom, and what was refused.

The answer is JSON with either `output` (exactly the action's output) or `fault`. What an action
did not foresee becomes a fault too, and is reported; a command never ends a gateway.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import audit_trail
from gatehouse.faces.actions.action import Action, Needs, arguments
from gatehouse.faces.actions.audit_trail import Deed
from gatehouse.faces.actions.errors import LOGIN_OVER, PASSWORD_NEEDED, Fault, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.operator import LONGEST_NAME, Operator, of_this_machine
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.journal import facts
from gatehouse.policy.people import Role, Way, may
from gatehouse.service.base.control import Request, Visit
from gatehouse.smtp import saslprep
from gatehouse.store.errors import StoreError

Report = Callable[[str, BaseException], None]
Work = Callable[[House, Any], Awaitable[Any]]


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
    """Do it for `house.acting`; raises OperatorError and nothing else that is to be expected."""
    began = house.clock.wall()
    if not is_allowed(action, house.acting, given):
        outcome = audit_trail.REFUSED
        await _remember(house, Deed(action=action, given=given, began=began, outcome=outcome))
        raise OperatorError(
            "not-allowed",
            "Your role does not allow this.",
            f"{action.name}, as {house.acting.role.value}",
            "An administrator can do it, or give you another role.",
        )
    output, outcome = None, "interrupted"
    try:
        output = await _do(action, house, given)
        outcome = audit_trail.DONE
    except OperatorError as error:
        outcome = f"failed: {error.fault.reference}"
        raise
    except Exception:
        outcome = "failed: internal-fault"
        raise
    finally:
        # A face that has to ask for the password comes again with it: nothing was tried yet.
        if audit_trail.is_kept(action) and outcome != f"failed: {PASSWORD_NEEDED}":
            deed = Deed(action=action, given=given, began=began, outcome=outcome, output=output)
            await _remember(house, deed)
    return output


def is_allowed(action: Action, who: Operator, given: msgspec.Struct) -> bool:
    """By his role, or because it is his own account and the action is open for that."""
    if may(who.role, action.role, changes=action.changes):
        return True
    if not action.own or not who.account:
        return False
    return saslprep.prepare_name(getattr(given, "name", "")) == who.account


def operator_as(house: House, name: str, himself: Operator) -> Operator:
    """Somebody of this machine as the account that he names."""
    prepared = saslprep.prepare_name(name)
    account = None if prepared is None else house.store.people.get(prepared)
    if account is None or not account.enabled:
        raise OperatorError(
            "no-such-account",
            "There is no such account, or it is disabled.",
            name[:LONGEST_NAME],
            "`gatehouse user list` shows all.",
        )
    return Operator(
        name=account.name,
        role=Role(account.role),
        way=himself.way,
        address=himself.name,
        account=account.name,
    )


def logged_in(house: House, name: str, visit: Visit) -> Operator:
    """The account that logged in at a face, with the role that it has now."""
    account = house.store.people.get(name)
    gone = account is None or not account.enabled
    # Any other instant, also an earlier one: a clock may have been set back meanwhile.
    if account is None or gone or account.credentials_at != visit.credentials_at:
        raise OperatorError(
            LOGIN_OVER,
            "Your login does not count any more: the account was changed.",
            name[:LONGEST_NAME],
            "Log in again.",
        )
    return Operator(
        name=account.name,
        role=Role(account.role),
        way=Way(visit.way),
        address=visit.address,
        account=account.name,
    )


async def _do(action: Action, house: House, given: msgspec.Struct) -> msgspec.Struct:
    if action.needs is Needs.RUNNING and house.gateway is None:
        raise not_running()
    _check_bounds(action, given)
    try:
        done: msgspec.Struct = await work_of(action)(house, given)
    except StoreError as error:
        raise OperatorError("store-trouble", f"{error}.".replace("..", ".")) from error
    return done


async def _remember(house: House, deed: Deed) -> None:
    """Write the audit log, and tell the journal. Without a store nothing was changed either."""
    if house.opened is None:
        return

    def write() -> None:
        house.store.audit.append(audit_trail.entry(house, deed))

    who = house.acting
    if house.record is not None:
        house.record(
            facts.OperatorAction(
                at=house.clock.wall(),
                operator=who.name,
                role=who.role.value,
                way=who.way.value,
                address=who.address,
                action=deed.action.name,
                outcome=deed.outcome,
            )
        )
    try:
        await asyncio.to_thread(write)
    except StoreError as error:
        raise OperatorError(
            "audit-trouble",
            f"The audit log could not be written: {error}.".replace("..", "."),
            f"{deed.action.name}: {deed.outcome}",
            "What was done is done; see that there is space.",
        ) from error


async def answer(house: House, request: Request, report: Report) -> bytes:
    """Do what a request from the control socket asks for."""
    try:
        action = BY_NAME.get(request.action)
        if action is None or action.needs is Needs.NOTHING:
            raise OperatorError(
                "unknown-action",
                "The running gateway does not know this command.",
                request.action[:LONGEST_NAME],
                "It may be of another version: restart it.",
            )
        given = _read(action, request.arguments)
        who = of_this_machine(request.operator, Way.SOCKET)
        if request.visit is not None:
            who = await asyncio.to_thread(logged_in, house, request.acting_as, request.visit)
        elif request.acting_as:
            who = await asyncio.to_thread(operator_as, house, request.acting_as, who)
        done = await do(action, house.acting_for(who), given)
        return msgspec.json.encode(_Output(done))
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
