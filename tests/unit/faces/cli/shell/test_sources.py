# SPDX-License-Identifier: Apache-2.0
"""Lines from a file, and keys from a person's keyboard."""

import io

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from gatehouse.faces.cli.shell import sources
from gatehouse.faces.cli.shell.player import Kind


def test_a_replay_prints_each_answer_behind_its_question_but_no_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    piped = sources.Piped(io.StringIO("3\nsecret\r\nwith \x1b[2J\n"))
    assert piped.read("[1]> ", (), Kind.ANSWER) == "3"
    assert piped.read("Password> ", (), Kind.SECRET) == "secret"
    piped.read("[]> ", (), Kind.ANSWER)
    assert piped.read("gw> ", (), Kind.COMMAND) is None
    said = capsys.readouterr().out
    assert said.startswith("[1]> 3\nPassword> \n[]> ")
    assert "secret" not in said
    assert "\x1b" not in said


def test_a_line_without_end_is_cut() -> None:
    piped = sources.Piped(io.StringIO("x" * (sources.LONGEST_LINE + 5)))
    assert piped.read("> ", (), Kind.ANSWER) == "x" * sources.LONGEST_LINE


def test_a_person_types_and_completes() -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        keys.send_text("hosts\t\r")
        assert person.read("gw> ", ("hoststatus", "quit"), Kind.COMMAND) == "hoststatus"
        keys.send_text("3\r")
        assert person.read("[1]> ", (), Kind.ANSWER) == "3"


def test_a_person_finds_earlier_commands_with_the_arrow_but_no_answer_and_no_password() -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        for text, kind in (("status", Kind.COMMAND), ("ab", Kind.ANSWER), ("pw", Kind.SECRET)):
            keys.send_text(f"{text}\r")
            assert person.read("> ", (), kind) == text
        for kind, expected in (
            (Kind.COMMAND, "status"),
            (Kind.ANSWER, "ab"),
            (Kind.SECRET, ""),
        ):
            keys.send_text("\x1b[A\r")
            assert person.read("> ", (), kind) == expected


def test_control_d_is_the_end_and_control_c_an_interruption() -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        keys.send_text("\x04")
        assert person.read("gw> ", (), Kind.COMMAND) is None
        keys.send_text("\x03")
        with pytest.raises(KeyboardInterrupt):
            person.read("gw> ", (), Kind.COMMAND)
