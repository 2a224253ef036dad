# SPDX-License-Identifier: Apache-2.0
"""A shell is opened here: who is there, what is read, and what is said when it is left."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from gatehouse.faces.actions import program
from gatehouse.faces.actions.action import Action, Nothing
from gatehouse.faces.actions.carry import operator_name
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell import opening
from gatehouse.faces.cli.shell.command import shell_command
from gatehouse.faces.cli.shell.player import Carry
from tests.unit.faces.cli.shell.playing import Script
from tests.unit.faces.cli.shell.test_remote import House


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What stands on standard input, as octets."""
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(octets, encoding="utf-8", errors="strict"))
    return octets


def test_it_is_the_account_that_was_named_and_else_who_the_system_says(
    typed: io.BytesIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")  # everybody can say so
    for acting_as, name in (("bob", "bob"), ("", operator_name())):
        typed.seek(0)
        typed.write(b"who\n")
        typed.seek(0)
        assert opening.open_shell(House().carry, person=False, acting_as=acting_as) == 0
        assert f"gw1> who\n{name}, at this shell\n" in capsys.readouterr().out


def test_the_command_takes_the_account_from_its_option() -> None:
    command = shell_command(lambda action, given, data: House().carry(action, given))
    done = CliRunner().invoke(command, ["--as", "bob"], input="who\n")
    assert (done.exit_code, "bob, at this shell" in done.output) == (0, True)


def test_actions_may_be_done_in_another_thread_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def carry(action: Action, given: msgspec.Struct, data: Path) -> msgspec.Struct:
        click.get_current_context()
        return House().carry(action, given)

    def open_shell(carry: Carry, *, person: bool, acting_as: str) -> int:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(carry, program.VERSION, Nothing()).result()
        return 0

    monkeypatch.setattr(opening, "open_shell", open_shell)
    assert CliRunner().invoke(shell_command(carry), []).exit_code == 0


def test_octets_that_are_no_text_are_refused_as_a_line_and_the_recording_goes_on(
    typed: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    typed.write(b"hoststatus b\xff\nversion\n")
    typed.seek(0)
    assert opening.open_shell(House().carry, person=False) == 0
    said = capsys.readouterr().out
    assert "This is no text in UTF-8." in said
    assert "1.2.3" in said


def test_a_person_who_leaves_hears_what_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    for changes, told in ((2, True), (0, False)):
        source = Script(["quit"], person=True)
        monkeypatch.setattr(opening, "Person", lambda script=source: script)
        assert opening.open_shell(House(changes=changes).carry, person=True) == 0
        assert any("Not committed: 2 changes." in line for line in source.transcript) is told


def test_a_closed_standard_input_is_an_empty_recording(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert opening.open_shell(House().carry, person=False) == 0
    assert capsys.readouterr().out == "gw1> \n"


def test_a_session_whose_output_finds_no_room_ends_and_does_nothing_more(
    typed: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        asked.append(action.name)
        return House().carry(action, given)

    typed.write(b"version\nversion\n")
    typed.seek(0)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(OperatorError, match="cannot be written: No space left on device"):
            opening.open_shell(carry, person=False)
    assert asked == ["status"]
