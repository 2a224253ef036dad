# SPDX-License-Identifier: Apache-2.0
"""Where an action is carried: a gateway that is starting is waited for, but not for ever."""

from pathlib import Path

import msgspec
import pytest

from gatehouse import app
from gatehouse.faces.actions import carry, configuration, program
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import Fault, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.perform import Answer
from gatehouse.service.base.control import Request
from gatehouse.store.directory import DataDirectory, DirectoryLock
from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.sqlite.store import SqliteStore

VERSION = program.Version(gatehouse="1", python="2", openssl="3", sqlite="4")


class Gateway:
    """Its lock is held from the beginning; its socket is there at the third look, or never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, serves: bool, lives: bool) -> None:
        self.looks = 0
        self._serves = serves
        self.now = 0.0
        monkeypatch.setattr(carry, "call", self.call)
        monkeypatch.setattr("gatehouse.faces.actions.carry.time.monotonic", lambda: self.now)
        monkeypatch.setattr("gatehouse.faces.actions.carry.time.sleep", self.sleep)
        monkeypatch.setattr(DataDirectory, "running", lambda _: 5 if lives else None)

    def call(self, path: Path, request: Request) -> bytes:
        self.looks += 1
        if self._serves and self.looks == 3:
            return msgspec.json.encode(Answer(output=msgspec.Raw(msgspec.json.encode(VERSION))))
        raise FileNotFoundError(2, "No such file or directory")

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def ask(tmp_path: Path) -> msgspec.Struct:
    request = carry.request_for(program.VERSION, program.VERSION.input(), "root")
    return carry.ask(DataDirectory(tmp_path), program.VERSION, request)


def test_a_gateway_that_is_starting_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(monkeypatch, serves=True, lives=True)
    assert ask(tmp_path) == VERSION
    assert gateway.looks == 3


def test_one_that_never_serves_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(monkeypatch, serves=False, lives=True)
    with pytest.raises(OperatorError) as refused:
        ask(tmp_path)
    assert refused.value.fault.reference == "gateway-silent"
    assert carry.STARTING_SECONDS <= gateway.now < carry.STARTING_SECONDS + 1


def test_one_that_has_ended_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(monkeypatch, serves=False, lives=False)
    with pytest.raises(OperatorError):
        ask(tmp_path)
    assert gateway.looks == 1


def test_a_gateway_that_starts_after_the_first_look_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    locks: list[DirectoryLock] = []

    def open_house(data: Path) -> tuple[DataDirectory, SqliteStore]:
        opened = app.open_house(data)
        locks.append(opened[0].lock())
        return opened

    asked: list[Request] = []

    def call(path: Path, request: Request) -> bytes:
        asked.append(request)
        fault = Fault(reference="x", message="asked")
        return msgspec.json.encode(Answer(output=msgspec.Raw(b"null"), fault=fault))

    monkeypatch.setattr(carry, "call", call)
    action = configuration.CLEAR
    with pytest.raises(OperatorError, match="asked"):
        carry.carry(action, action.input(), path, "1", open_house)
    assert [one.action for one in asked] == ["config clear"]
    locks[0].close()


def test_no_gateway_starts_while_something_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"

    async def work(action: Action, house: House, given: msgspec.Struct) -> msgspec.Struct:
        with pytest.raises(StoreUnavailable):
            DataDirectory(path).lock(patience=0.0)
        return VERSION

    monkeypatch.setattr(carry, "do", work)
    action = configuration.CLEAR
    assert carry.carry(action, action.input(), path, "1", app.open_house) == VERSION
    DataDirectory(path).lock(patience=0.0).close()
