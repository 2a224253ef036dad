# SPDX-License-Identifier: Apache-2.0
"""How a dialogue is played: repetition, help, passwords, errors, the end of the input."""

from pathlib import Path

import msgspec
import pytest

from gatehouse.faces.actions import configuration, program
from gatehouse.faces.actions.action import Action, Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell import dialogue
from gatehouse.faces.cli.shell.dialogue import Talk
from gatehouse.faces.cli.shell.player import Kind, Player, SessionEnded
from tests.unit.faces.cli.shell.playing import Script, nothing_to_do

VERSION = program.Version(gatehouse="1", python="2", openssl="3", sqlite="4")


def port() -> Talk[int]:
    return (yield from dialogue.ask_number("Port", 25, 1, 65_535))


def refused(action: Action, given: msgspec.Struct) -> msgspec.Struct:
    raise OperatorError("no", "It cannot be done.")


def test_a_wrong_answer_is_said_and_the_question_repeated() -> None:
    source = Script(["none", "2525"])
    assert Player(source, nothing_to_do).play(port()) == 2525
    assert source.transcript == [
        "Port",
        "[25]> none",
        "A whole number from 1 to 65535 is needed.",
        "Port",
        "[25]> 2525",
    ]


def test_a_recorded_session_is_given_up_when_it_goes_on_answering_wrongly() -> None:
    with pytest.raises(SessionEnded, match="wrong answers"):
        Player(Script(["a", "b", "c", "25"]), nothing_to_do).play(port())


def test_a_person_may_answer_wrongly_as_often_as_he_likes() -> None:
    source = Script([*"abcdefg", "25"], person=True)
    assert Player(source, nothing_to_do).play(port()) == 25


def test_help_at_a_question_is_no_answer() -> None:
    source = Script(["?", "help", ""])
    assert Player(source, nothing_to_do).play(port()) == 25
    assert source.transcript.count("1 to 65535. An empty line means '25'.") == 2


def test_the_end_of_the_input_ends_the_dialogue_and_closes_it() -> None:
    closed = []

    def talk() -> Talk[None]:
        try:
            yield from dialogue.ask("Name")
        finally:
            closed.append(True)

    with pytest.raises(SessionEnded):
        Player(Script([]), nothing_to_do).play(talk())
    assert closed == [True]


def test_words_behind_a_command_answer_the_first_questions() -> None:
    source = Script([])
    assert Player(source, nothing_to_do).play(port(), ["26"]) == 26
    assert source.transcript == []


def test_words_that_do_not_fit_are_not_used_for_later_questions() -> None:
    def talk() -> Talk[tuple[int, str]]:
        return (yield from port()), (yield from dialogue.ask("Name"))

    source = Script(["26", "asked for"])
    assert Player(source, nothing_to_do).play(talk(), ["x", "7", "left over"]) == (26, "asked for")


def test_a_new_password_is_typed_twice_and_never_taken_from_the_command_line() -> None:
    def talk() -> Talk[str]:
        return (yield from dialogue.secret("Password", new=True))

    source = Script(["one", "other", "two", "two"], person=True)
    assert Player(source, nothing_to_do).play(talk(), ["typed"]) == "two"
    assert set(source.kinds) == {Kind.SECRET}
    assert "The two are not the same." in source.transcript


def test_a_dialogue_gets_what_came_of_an_action() -> None:
    def talk() -> Talk[str]:
        return (yield from dialogue.do(program.VERSION, Nothing(), program.Version)).gatehouse

    assert Player(Script([]), lambda action, given: VERSION).play(talk()) == "1"


def test_a_dialogue_may_handle_the_error_of_an_action() -> None:
    def talk() -> Talk[str]:
        try:
            yield from dialogue.show(program.VERSION, Nothing())
        except OperatorError as error:
            yield from dialogue.say("handled")
            return error.fault.reference
        return ""

    source = Script([])
    assert Player(source, refused).play(talk()) == "no"
    assert source.transcript == ["handled"]


def test_a_refused_commit_is_remembered_and_no_other_error() -> None:
    player = Player(Script([]), refused)
    for action, given, remembered in (
        (program.VERSION, Nothing(), False),
        (configuration.COMMIT, configuration.CommitInput(comment="x"), True),
    ):
        with pytest.raises(OperatorError):
            player.play(dialogue.show(action, given))
        assert player.commit_refused is remembered


def test_control_c_while_something_is_changed_says_that_it_may_be_done() -> None:
    def interrupted(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        raise KeyboardInterrupt

    for action, given, told in (
        (program.VERSION, Nothing(), False),
        (configuration.COMMIT, configuration.CommitInput(comment="x"), True),
    ):
        source = Script([], person=True)
        with pytest.raises(KeyboardInterrupt):
            Player(source, interrupted).play(dialogue.show(action, given))
        assert (
            "Nobody waits for it now; it may be done all the same." in source.transcript
        ) is told


def test_files_are_read_and_written_new(tmp_path: Path) -> None:
    name = str(tmp_path / "file")

    def talk() -> Talk[bytes]:
        yield from dialogue.write_file(name, b"content")
        return (yield from dialogue.read_file(name, 100))

    player = Player(Script([]), nothing_to_do)
    assert player.play(talk()) == b"content"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    with pytest.raises(OperatorError, match="cannot be written"):
        player.play(talk())
    with pytest.raises(OperatorError, match="cannot be read"):
        player.play(dialogue.read_file(str(tmp_path / "nothing"), 1))
    with pytest.raises(OperatorError, match="cannot be read"):
        player.play(dialogue.read_file("a\0b", 1))


def test_what_a_question_shows_cannot_move_the_cursor() -> None:
    source = Script([""])
    Player(source, nothing_to_do).play(dialogue.ask("Na\x1b[2Jme\nsecond line", "de\rfault"))
    assert not any("\x1b" in line or "\r" in line for line in source.transcript)
    assert len(source.transcript) == 3
