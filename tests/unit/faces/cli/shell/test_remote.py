# SPDX-License-Identifier: Apache-2.0
"""The shell over a line: the same session, for a person at a far terminal and recorded lines."""

import asyncio
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from gatehouse.faces.actions import configuration, perform, program, status, who
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import LOGIN_OVER, OperatorError
from gatehouse.faces.actions.house import House as RealHouse
from gatehouse.faces.actions.visitor import Visitor
from gatehouse.faces.cli.shell import remote, sources
from gatehouse.faces.cli.shell.commands import COMMANDS
from gatehouse.faces.cli.shell.remote import Caller, serve
from gatehouse.service.base.control import Request, Visit
from gatehouse.store.people_values import Account
from tests.unit.faces.actions.test_roles import dump

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Line:
    """The other end: what is typed is there from the beginning, or comes when a text is seen."""

    def __init__(self, typed: str, then: dict[str, str] | None = None) -> None:
        self._typed, self._then = typed, dict(then or {})
        self.printed = ""
        self.hung_up = False
        self._ready: Callable[[], None] | None = None
        self.size = (24, 80)
        self.lock = threading.Lock()

    @property
    def ended(self) -> bool:
        return not self._typed and (self.hung_up or not self._then)

    def take(self) -> str:
        typed, self._typed = self._typed, ""
        return typed

    def read_line(self, most: int) -> str | None:
        line, end, self._typed = self._typed.partition("\n")
        return line + end or None

    def pause(self, seconds: float) -> bool:
        return True

    def write(self, text: str) -> None:
        self.printed += text
        for seen in [one for one in self._then if one in self.printed]:
            self._typed += self._then.pop(seen)
            if self._ready is not None:
                self._ready()

    def attach(self, ready: Callable[[], None]) -> Callable[[], None]:
        before, self._ready = self._ready, ready
        if self._typed or self.ended:
            ready()

        def detach() -> None:
            self._ready = before

        return detach


class House:
    """Answers what a session asks by itself; `fails` is refused."""

    def __init__(self, fails: str = "", changes: int = 0) -> None:
        self.fails, self.changes = fails, changes

    def carry(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        if action.name == self.fails:
            reference = LOGIN_OVER if self.fails == "version" else "not-allowed"
            raise OperatorError(reference, "It is \x1b[2Jover.")
        match action.name:
            case "status":
                queue = status.QueueView(messages=0, recipients=0, held=0, bytes=0, oldest_at=None)
                return status.Status(
                    at=NOON, version="1", running=True, data="d", started_at=None,
                    uptime_seconds=None, revision=1, hostname="gw1", processes=(), listeners=(),
                    certificates=(), queue=queue, destinations=(), counters={},
                )  # fmt: skip
            case "who":
                return who.WhoList(sessions=())
            case "config diff":
                one = configuration.FieldChange(place="p", kind="changed", old="1", new="2")
                return configuration.Difference(
                    revision=1,
                    candidate=bool(self.changes),
                    changes=(one,) * self.changes,
                    diff="",
                    behind=False,
                )
        return program.Version(gatehouse="1.2.3", python="3", openssl="3", sqlite="3")


def call(
    line: Line, house: House | None = None, terminal: str | None = None, command: str | None = None
) -> int:
    caller = Caller(
        line=line,
        name="bob",
        role="operator",
        address="192.0.2.7",
        terminal=terminal,
        command=command,
        files=Path("/nonexistent"),
    )
    return serve(caller, (house or House()).carry)


def test_recorded_lines_print_what_a_screen_would_have_shown() -> None:
    line = Line("who\nversion\nquit\nwho\n")
    assert call(line) == 0
    assert line.printed.startswith("gw1> who\nbob (operator), from 192.0.2.7, at this shell\n")
    assert "1.2.3" in line.printed
    assert line.printed.endswith("gw1> quit\n")
    assert "\r" not in line.printed


def test_the_end_of_the_lines_ends_the_session() -> None:
    line = Line("who\n")
    assert call(line) == 0
    assert line.printed.endswith("gw1> \n")


@pytest.mark.parametrize(
    ("command", "exit_status"), [("version", 0), ("nonsense", 1), ("tail", 1), ("'", 1), ("", 0)]
)
def test_one_command_line_has_an_exit_status(command: str, exit_status: int) -> None:
    line = Line("")
    assert call(line, command=command) == exit_status
    assert "gw1>" not in line.printed


def test_a_refused_command_is_said_harmlessly_and_is_the_exit_status() -> None:
    line = Line("")
    assert call(line, House(fails="who"), command="version") == 0
    assert call(line, House(fails="status"), command="version") == 1
    assert "\x1b" not in line.printed


def test_a_login_that_does_not_count_any_more_ends_the_session() -> None:
    line = Line("who\nversion\nwho\n")
    assert call(line, House(fails="version")) == 1
    assert line.printed.count("who") == 1
    assert "The session ends here:" in line.printed
    assert "\x1b" not in line.printed


def test_a_person_has_completion_history_and_lines_that_end_as_a_terminal_wants() -> None:
    line = Line("versi\t\r", {"1.2.3": "\x1b[A\r", "gw1>\x1b": "", "OpenSSL": "\x04"})
    assert call(line, terminal="xterm") == 0
    assert line.printed.count("1.2.3") >= 1
    assert "\n" not in line.printed.replace("\r\n", "").replace("\x1b[J\n", "")


@pytest.mark.parametrize("begins", ["", "\x1b[200~"], ids=["typed", "pasted"])
def test_an_answer_without_an_end_ends_the_session(
    begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MOST_TYPED", 500)
    line = Line(f"{begins}{'x' * 501}")
    assert call(line, terminal="xterm") == 1
    assert "The session ends here: more than 500 characters" in line.printed


def test_many_answers_that_are_typed_ahead_are_not_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_TYPED", 500)
    line = Line("x" * 300 + "\r", {"There is no": "y" * 300 + "\r\x04"})
    assert call(line, terminal="xterm") == 0
    assert line.printed.count("There is no command") == 2


class Cut(Line):
    """Gives at most so many octets at once, as the line of a session does."""

    def read_line(self, most: int) -> str | None:
        data = self._typed.encode()
        size = data.find(b"\n", 0, most) + 1 or min(most, len(data))
        self._typed = data[size:].decode()
        return data[:size].decode() or None


def test_the_rest_of_a_line_that_is_too_long_is_no_line() -> None:
    line = Cut("\u00fc" * (sources.LONGEST_LINE // 2) + "who\nwho\n")
    assert call(line) == 1
    assert "The session ends here: a line has more than" in line.printed
    assert "bob" not in line.printed
    last = Cut("who")  # without an end, and the last one
    assert call(last) == 0
    assert "bob (operator)" in last.printed


def test_ctrl_c_leaves_a_line_and_ctrl_d_the_shell() -> None:
    line = Line("nonsense\x03who\r\x04")
    assert call(line, terminal="xterm") == 0
    assert "There is no command" not in line.printed
    assert "bob (operator)" in line.printed


def test_who_leaves_hears_what_he_has_not_committed() -> None:
    line = Line("\x04")
    assert call(line, House(changes=2), terminal="xterm") == 0
    assert "Not committed: 2 changes." in line.printed
    line = Line("\x04")
    assert call(line, House(changes=0), terminal="xterm") == 0
    assert "Not committed" not in line.printed
    line = Line("\x04")
    assert call(line, House(fails="config diff"), terminal="xterm") == 0


def test_a_client_that_hangs_up_at_a_prompt_ends_the_session() -> None:
    line = Line("")
    line.hung_up = True
    assert call(line, terminal="xterm") == 0


def test_a_far_terminal_without_any_abilities_gets_no_colour() -> None:
    bob = who.WhoLine(name="bob", role="operator", way="ssh", address="::1", since=NOON, idle=1)

    class Busy(House):
        def carry(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
            return (
                who.WhoList(sessions=(bob,)) if action is who.WHO else super().carry(action, given)
            )

    for terminal, bold in (("xterm", True), ("dumb", False)):
        line = Line("who\r", {"operator  ssh": "\x04"})
        assert call(line, Busy(), terminal=terminal) == 0
        assert ("\x1b[1mNAME" in line.printed) is bold


# What somebody types who tries his luck: menu words, numbers, names, paths, nothing.
_TYPED = (
    "new edit delete setup import export print clear add commit set run join create y n yes 1 2 3"
    " 10 all default mx.example.com 192.0.2.1 /etc/passwd ../queue.db x.toml InboundMail admin"
    " administrator system.hostname listeners.InboundMail.port ssh.enabled true PublicNet"
).split()


@pytest.mark.parametrize("role", ["guest", "read-only"])
def test_who_may_only_look_changes_nothing_whatever_he_types(
    role: str, running_house: RealHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of the shell, as a command line with answers behind it, and as a session."""
    running = running_house

    def call_socket(path: object, request: Request) -> bytes:
        return asyncio.run(perform.answer(running, request, no_fault))

    def no_fault(where: str, error: BaseException) -> None:
        raise AssertionError(f"{where}: {error!r}") from error

    monkeypatch.setattr("gatehouse.faces.actions.carry.call", call_socket)
    monkeypatch.setattr(running.store.audit, "append", lambda entry: None)  # a flush for each
    people = running.store.people
    people.add(Account(name="eve", role=role, created_at=1, changed_at=1, credentials_at=1))
    eve = Visitor(running, "eve", Visit(way="ssh", address="::1", credentials_at=1.0))
    before, dice = dump(running), random.Random(6)
    caller = Caller(
        line=Line(""),
        name="eve",
        role=role,
        address="::1",
        terminal=None,
        command=None,
        files=tmp_path / "files",
    )
    for command in COMMANDS:
        answers = [dice.choice(("", *_TYPED)) for _ in range(15)]
        behind = f"{command} {' '.join(answers[:3])}"
        typed = "\n".join([command, *answers, behind, *answers]) + "\n"
        serve(replace(caller, line=Line(typed)), eve.carry)
        serve(replace(caller, line=Line("\n".join(answers)), command=behind), eve.carry)
    assert dump(running) == before
    assert not running.gateway.applied  # type: ignore[union-attr]
