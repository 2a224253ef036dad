# SPDX-License-Identifier: Apache-2.0
"""Takes an action to where it can be done, for faces that stand outside the gateway.

If a gateway runs on the data directory it is asked through its control socket. If none does, what
can work on the store does so here. The question whether one runs is put to the kernel (the lock),
not to a file that may have been left behind.
"""

import asyncio
import os
import pwd
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from gatehouse.faces.actions.action import Action, Needs
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.operator import of_this_machine
from gatehouse.faces.actions.perform import Answer, do, not_running, operator_as
from gatehouse.policy.people import Way
from gatehouse.service.base import machine
from gatehouse.service.base.control import Request, Visit, call
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store

STARTING_SECONDS = 20.0  # a start takes one or two; many more where the machine is busy
_LOOK_SECONDS = 0.1

# The data directory and its store, made complete where they are new.
OpenHouse = Callable[[Path], tuple[DataDirectory, Store]]


def carry(
    action: Action,
    given: msgspec.Struct,
    data: Path,
    version: str,
    open_house: OpenHouse,
    acting_as: str = "",
) -> msgspec.Struct:
    """Have an action done; raises OperatorError."""
    himself = of_this_machine(operator_name(), Way.CLI)
    house = House(
        directory=DataDirectory(data),
        version=version,
        operator=himself.name,
        acting=himself,
        named=os.environ.get(machine.VARIABLE) or None,
    )
    request = request_for(action, given, himself.name, acting_as)
    there = _has_data(house.directory)
    try:
        if action.needs is Needs.NOTHING and not acting_as:
            return asyncio.run(do(action, house, given))
        if action.needs is not Needs.NOTHING and house.directory.running() is not None:
            return ask(house.directory, action, request)
        if action.needs is Needs.RUNNING:
            raise not_running()
        if there or (action.changes and not acting_as):
            return _do_with_store(action, given, house, open_house, acting_as)
        if action.needs is Needs.STORE_IF_ANY and not acting_as:
            return asyncio.run(do(action, house, given))
    except StoreError as error:
        raise OperatorError("store-trouble", f"{error}.".replace("..", ".")) from error
    raise OperatorError(
        "no-data-directory",
        "There is no gateway's data here.",
        str(house.directory.path),
        "Name the directory with --data, or make one with `gatehouse run`.",
    )


def _has_data(directory: DataDirectory) -> bool:
    try:
        return directory.database.exists()
    except PermissionError:
        raise OperatorError(
            "not-the-owner",
            "The gateway's data is for its owner alone.",
            str(directory.path),
            "Give the command as that user, or as root.",
        ) from None
    except OSError as error:
        raise OperatorError("store-trouble", f"{error.strerror}.", str(directory.path)) from None


def operator_name() -> str:
    """Who is at the keyboard, as the system knows them; behind `su` and `sudo` the new user."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def request_for(
    action: Action,
    given: msgspec.Struct,
    operator: str,
    acting_as: str = "",
    visit: Visit | None = None,
) -> Request:
    """An action as it is asked for over the control socket; OperatorError for what is no text."""
    try:
        arguments = msgspec.json.encode(given)
        acting_as.encode()
    except UnicodeEncodeError:  # octets of a terminal or a command line that are no UTF-8
        raise OperatorError("no-text", "What was given is no text in UTF-8.", action.name) from None
    return Request(
        action=action.name,
        arguments=msgspec.Raw(arguments),
        operator=operator,
        acting_as=acting_as,
        visit=visit,
    )


def ask(directory: DataDirectory, action: Action, request: Request) -> msgspec.Struct:
    """Have it done by the gateway that runs there; one that is just starting is waited for."""
    try:
        line = _call(directory, request)
        answer = msgspec.json.decode(line, type=Answer)
        if answer.fault is None:
            return msgspec.json.decode(answer.output, type=action.output)
    except (OSError, msgspec.DecodeError) as error:
        reason = getattr(error, "strerror", None) or "it gave no answer"
        raise OperatorError(
            "gateway-silent",
            "The gateway runs but does not answer.",
            reason,
            "It may be starting or stopping: try again.",
        ) from None
    raise OperatorError.of(answer.fault)


def _call(directory: DataDirectory, request: Request) -> bytes:
    """The lock is there first, the socket when the gateway serves."""
    ends = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            return call(directory.control_socket, request)
        except FileNotFoundError:
            if time.monotonic() >= ends or directory.running() is None:
                raise
        time.sleep(_LOOK_SECONDS)


def _do_with_store(
    action: Action, given: msgspec.Struct, house: House, open_house: OpenHouse, acting_as: str
) -> msgspec.Struct:
    _, store = open_house(house.directory.path)
    idle = None
    try:
        if action.changes:
            # A gateway that starts in the middle would run by what stood there before.
            idle = house.directory.keep_idle()
            if idle is None:
                request = request_for(action, given, house.operator, acting_as)
                return ask(house.directory, action, request)
        opened = replace(house, opened=store)
        if acting_as:
            opened = opened.acting_for(operator_as(opened, acting_as, house.acting))
        return asyncio.run(do(action, opened, given))
    finally:
        store.close()
        if idle is not None:
            idle.close()
