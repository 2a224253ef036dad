# SPDX-License-Identifier: Apache-2.0
"""Lines from a file, and keys from a person's keyboard."""

import io

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from gatehouse.faces.actions import configuration
from gatehouse.faces.cli.shell import sources
from gatehouse.faces.cli.shell.player import Kind, SessionEnded


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


def test_advice_is_in_the_words_of_the_shell_and_a_configuration_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    piped = sources.Piped(io.StringIO(""))
    advice = "# `gatehouse config confirm`"
    piped.show(configuration.Text(source="revision 1", revision=1, text=advice))
    assert capsys.readouterr().out == f"{advice}\n"
    piped.show(configuration.Checked(source=advice, warnings=(), notes=()))
    assert "# `commitconfirm`" in capsys.readouterr().out


def test_a_line_that_is_too_long_ends_a_recording_and_its_rest_is_no_answer() -> None:
    longest = "x" * sources.LONGEST_LINE
    piped = sources.Piped(io.StringIO(f"{longest[1:]}\n{longest}commit\n"))
    assert piped.read("> ", (), Kind.ANSWER) == longest[1:]
    with pytest.raises(SessionEnded, match="65536 characters"):
        piped.read("> ", (), Kind.ANSWER)


def pasted(text: str) -> str:
    """As a terminal hands it over (bracketed paste)."""
    return f"\x1b[200~{text}\x1b[201~"


def test_what_is_pasted_are_as_many_answers_as_it_has_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        keys.send_text(pasted("EDIT\r\n\r\nse\x9bcret\n2\n") + "\r")
        kinds = (Kind.COMMAND, Kind.ANSWER, Kind.SECRET, Kind.ANSWER)
        assert [person.read("> ", (), kind) for kind in kinds] == ["EDIT", "", "se\x9bcret", "2"]
        assert capsys.readouterr().out == "> \n> \n> 2\n"  # the first is on the screen already
        keys.send_text("typed\r")
        assert person.read("> ", (), Kind.ANSWER) == "typed"


def test_an_end_without_a_line_end_is_a_line_too_and_what_does_not_fit_is_forgotten() -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        keys.send_text(pasted("a\nb") + "c\r")
        assert [person.read("> ", (), Kind.ANSWER) for _ in range(2)] == ["a", "bc"]
        keys.send_text(pasted("a\nb\nc") + "\rtyped\r")
        assert person.read("> ", (), Kind.ANSWER) == "a"
        person.forget()
        assert person.read("> ", (), Kind.ANSWER) == "typed"


def test_a_line_of_a_person_that_is_too_long_leaves_the_dialogue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LONGEST_LINE", 10)  # a pipe holds less than the real one
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        keys.send_text("x" * 11 + "\r")
        with pytest.raises(KeyboardInterrupt):
            person.read("> ", (), Kind.ANSWER)
        assert "Not taken: a line has more than" in capsys.readouterr().out


def test_a_password_is_not_shown_on_a_terminal_without_any_abilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("getpass.getpass", lambda beginning: f"{beginning}typed unseen")
    with create_pipe_input() as keys:
        person = sources.Person(keys)
        assert person.read("Password> ", (), Kind.SECRET) == "Password> typed unseen"


def test_a_person_types_and_completes() -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        keys.send_text("hosts\t\r")
        assert person.read("gw> ", ("hoststatus", "quit"), Kind.COMMAND) == "hoststatus"
        keys.send_text("3\r")
        assert person.read("[1]> ", (), Kind.ANSWER) == "3"


def test_a_command_line_is_completed_beyond_its_first_word_and_an_answer_is_not() -> None:
    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        person.complete_with(lambda typed: (f"{typed.rpartition(' ')[0]} EDIT",))
        keys.send_text("made e\t\r")
        assert person.read("gw> ", ("made",), Kind.COMMAND) == "made EDIT"
        keys.send_text("made e\t\r")
        assert person.read("> ", (), Kind.ANSWER) == "made e"


def test_what_cannot_be_completed_breaks_nothing() -> None:
    def broken(typed: str) -> tuple[str, ...]:
        raise RuntimeError(typed)

    with create_pipe_input() as keys:
        person = sources.Person(keys, DummyOutput())
        person.complete_with(broken)
        keys.send_text("made e\t\r")
        assert person.read("gw> ", ("made",), Kind.COMMAND) == "made e"


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
