# SPDX-License-Identifier: Apache-2.0
"""Takes an action to where it can be done, for faces that stand outside the gateway.

If a gateway runs on the data directory it is asked through its control socket. If none does, what
can work on the store does so here. The question whether one runs is put to the kernel (the lock),
not to a file that may have been left behind.
"""

import asyncio
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import msgspec

from gatehouse.faces.actions.action import Action, Needs
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.perform import Answer, do, not_running
from gatehouse.service.base.control import Request, call
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store

# The data directory and its store, made complete where they are new.
OpenHouse = Callable[[Path], tuple[DataDirectory, Store]]


def carry(
    action: Action, given: msgspec.Struct, data: Path, version: str, open_house: OpenHouse
) -> msgspec.Struct:
    """Have an action done; raises OperatorError."""
    directory = DataDirectory(data)
    try:
        if action.needs is Needs.NOTHING:
            house = House(directory=directory, version=version, operator=operator_name())
            return asyncio.run(do(action, house, given))
        if directory.running() is not None:
            return _ask(directory, action, given)
        if action.needs is Needs.RUNNING:
            raise not_running()
        return _do_here(action, given, directory, version, open_house)
    except StoreError as error:
        raise OperatorError("store-trouble", f"{error}.".replace("..", ".")) from error


def operator_name() -> str:
    """Who is at the keyboard, as the system knows them; behind `su` and `sudo` still the user."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _ask(directory: DataDirectory, action: Action, given: msgspec.Struct) -> msgspec.Struct:
    request = Request(
        action=action.name,
        arguments=msgspec.Raw(msgspec.json.encode(given)),
        operator=operator_name(),
    )
    try:
        line = call(directory.control_socket, request)
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


def _do_here(
    action: Action,
    given: msgspec.Struct,
    directory: DataDirectory,
    version: str,
    open_house: OpenHouse,
) -> msgspec.Struct:
    if not action.changes and not directory.database.exists():
        raise OperatorError(
            "no-data-directory",
            "There is no gateway's data here.",
            str(directory.path),
            "Name the directory with --data, or make one with `gatehouse run`.",
        )
    directory, store = open_house(directory.path)
    try:
        house = House(directory=directory, version=version, operator=operator_name(), opened=store)
        return asyncio.run(do(action, house, given))
    finally:
        store.close()
