# SPDX-License-Identifier: Apache-2.0
"""A data directory to configure: dialogues are played on the real actions, without a gateway."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec
import pytest

from gatehouse import app
from gatehouse.config import document, schema, text
from gatehouse.faces.actions import configuration
from gatehouse.faces.actions.action import Action, Nothing
from gatehouse.faces.actions.carry import carry
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.session import Session
from gatehouse.store.directory import DataDirectory
from gatehouse.store.interface import Store
from tests.unit.faces.cli.shell.interview import Interview
from tests.unit.faces.cli.shell.playing import Script

TEXT = """\
format = 1

[system]
hostname = "gw1.example.com"

[interfaces.PublicNet]
address = "127.0.0.1"
hostname = "mx.example.com"

# a remark of the operator
[listeners.InboundMail]
type = "public"
interface = "PublicNet"
port = 2525
recipient_access = [{ recipient = "example.com", access = "accept" }]

[destination_controls.default]
tls = "preferred"
"""


class Kept:
    """A store that stays open: to open it for each of thousands of actions takes the longest."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def close(self) -> None:
        """Not yet."""


class Desk:
    """Where an operator sits: a data directory, and sessions on it."""

    def __init__(self, data: Path, text: str = TEXT) -> None:
        self.data = data
        self.said: list[str] = []
        self._directory, self._store = app.open_house(data)
        self._store.revisions.append(
            text=text, operator="t", comment="test", committed_at=time.time()
        )

    def close(self) -> None:
        self._store.close()

    def carry(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        return carry(action, given, self.data, "0", self._open)

    def _open(self, data: Path) -> tuple[DataDirectory, Store]:
        assert data == self.data
        return self._directory, cast(Store, Kept(self._store))

    def play(self, *answers: str) -> schema.Document:
        """A recorded session; the candidate then."""
        source = Script([*answers, "quit"])
        status = Session(source, self.carry, who="ops", host="gw1.example.com").run()
        self.said = source.transcript
        assert status == 0, "\n".join(self.said)
        assert self.said[-1].endswith("> quit"), "\n".join(self.said)
        return self.candidate()

    def interview(self, way: str, answers: Mapping[str, str]) -> schema.Document:
        """One command, answered by questions; the candidate then."""
        source = Interview(way, answers)
        status = Session(source, self.carry, who="ops", host="gw1.example.com").run()
        self.said = source.transcript
        screen = "\n".join(self.said)
        assert (status, source.left) == (0, []), screen
        assert " > ".join(source.went) == way, screen
        assert "Nothing was changed." not in screen, screen
        return self.candidate()

    def changes(self) -> dict[str, str]:
        """Every place at which the candidate differs from what is in force, and what it says."""
        found = self.carry(configuration.DIFF, configuration.DiffInput())
        assert isinstance(found, configuration.Difference)
        return {one.place: one.new for one in found.changes}

    def text(self) -> str:
        """The candidate's text, or what is in force."""
        try:
            shown = self.carry(configuration.SHOW, configuration.ShowInput(candidate=True))
        except OperatorError:
            shown = self.carry(configuration.SHOW, configuration.ShowInput())
        assert isinstance(shown, configuration.Text)
        return shown.text

    def candidate(self) -> schema.Document:
        parsed = text.parse(self.text().encode())
        assert isinstance(parsed, text.Parsed)
        read = document.read(parsed.values)
        assert isinstance(read, schema.Document)
        return read


@pytest.fixture(scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("shell") / "data")
    yield made
    made.close()


@pytest.fixture
def desk(_desk: Desk) -> Iterator[Desk]:
    yield _desk
    _desk.carry(configuration.CLEAR, Nothing())
