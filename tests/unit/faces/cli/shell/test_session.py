# SPDX-License-Identifier: Apache-2.0
"""The loop of commands: names, help, leaving, exit status."""

from datetime import UTC, datetime

import msgspec

from gatehouse.faces.actions import configuration, configuration_commit, logs, status, who
from gatehouse.faces.actions.action import Action, Nothing
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.cli.shell import dialogue
from gatehouse.faces.cli.shell.commands import ALIASES, COMMANDS, Command
from gatehouse.faces.cli.shell.dialogue import Talk
from gatehouse.faces.cli.shell.player import Kind
from gatehouse.faces.cli.shell.session import Session
from tests.unit.faces.cli.shell.playing import Script, nothing_to_do


def greet() -> Talk[None]:
    name = yield from dialogue.ask("Name")
    yield from dialogue.say(f"hello {name}")


def long() -> Talk[None]:
    yield from dialogue.say("the long one")


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = configuration.RevisionLine(
    revision=7, committed_at=NOON, operator="ops", comment="c", kind="commit", in_force=True
)

HERE = {"greet": Command("Say hello.", greet), "greet all": Command("To all.", long)}


def session(*lines: str, person: bool = False) -> tuple[int, list[str]]:
    source = Script(lines, person=person)
    one = Session(source, nothing_to_do, who="ops", host="gw1.example.com", commands=HERE)
    return one.run(), source.transcript


def test_commands_are_played_one_after_the_other() -> None:
    status, said = session("greet", "Ann", "# a remark", "GREET 'Bob B.'", "quit", "greet")
    assert status == 0
    assert said == [
        "gw1.example.com> greet",
        "Name",
        "[]> Ann",
        "hello Ann",
        "gw1.example.com> # a remark",
        "gw1.example.com> GREET 'Bob B.'",
        "hello Bob B.",
        "gw1.example.com> quit",
    ]


def test_words_that_no_question_wanted_are_named() -> None:
    _, said = session("greet Ann Bob '\x1b[2J'")
    assert "Not used: Bob \\x1b[2J" in said


def test_the_longest_name_wins() -> None:
    _, said = session("greet all")
    assert "the long one" in said


def test_an_unknown_command_says_so_and_names_the_nearest() -> None:
    _, said = session("gret", "xyzzy", "greet 'open")
    assert "There is no command 'gret'. Did you mean greet?" in said
    assert "There is no command 'xyzzy'. `help` lists all commands." in said
    assert "A quote is not closed." in said


def test_help_lists_every_command_and_who_says_who() -> None:
    _, said = session("help", "?", "who")
    assert sum(line.startswith("greet  ") for line in said) == 2
    assert "ops, at this shell" in said


def test_help_on_a_command_says_what_it_asks_and_does_nothing() -> None:
    done: list[str] = []

    def made() -> Talk[None]:
        word = yield from dialogue.menu(("NEW", "Make one."), ("CLEAR", "Remove all."))
        if word == "NEW":
            yield from dialogue.ask("Name", help="Letters.")
        yield from dialogue.do(configuration.CLEAR, Nothing(), configuration.Cleared)
        done.append("cleared")

    commands = {"made": Command("Make things.", made), **HERE}
    source = Script(["help made", "help made new", "help made clear", "help greet all", "help x"])
    one = Session(source, nothing_to_do, who="ops", host="gw", commands=commands)
    one.run()
    said = source.transcript
    assert "- NEW - Make one." in said
    assert said[said.index("gw> help made new") + 1 :][:4] == [
        "made: Make things.",
        "",
        "Name",
        "Letters. The line may be empty.",
    ]
    assert said[said.index("gw> help made clear") + 1] == "made: Make things."
    assert "greet all: To all." in said
    assert any("There is no command 'x'" in line for line in said)
    assert done == []


def test_help_on_every_command_changes_nothing_and_leads_to_its_operations() -> None:
    def look(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        assert not action.changes, action.name
        raise OperatorError("no", "It cannot be said.")

    source = Script([f"help {name}" for name in COMMANDS])
    Session(source, look, who="ops", host="gw").run()
    for name, one in COMMANDS.items():
        assert f"{name}: {one.summary}" in source.transcript


def test_help_on_a_test_of_a_destination_connects_to_nobody_and_reads_no_log() -> None:
    source = Script(["help tlsverify a.example n", "help daneverify a.example", "help grep x 1 y"])
    Session(source, nothing_to_do, who="ops", host="gw").run()
    assert "tlsverify: Test the TLS of a destination." in source.transcript
    assert "grep: Show log lines with a text in them." in source.transcript


def test_advice_behind_a_refusal_is_in_the_words_of_the_shell() -> None:
    def refuse(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        raise OperatorError("no", "No.", hint="Try `gatehouse config set PATH VALUE`.")

    source = Script(["showchanges", "alertconfig", "quit"])
    Session(source, refuse, who="ops", host="gw").run()
    assert source.transcript.count("No. Try `set PATH VALUE`.") == 2


def test_a_command_line_is_completed_with_what_its_dialogue_asks_next() -> None:
    done: list[Action] = []

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        done.append(action)
        raise OperatorError("no", "It cannot be said.")

    def made() -> Talk[None]:
        word = yield from dialogue.menu(("NEW", "Make one."), ("EDIT", "Change one."))
        if word == "EDIT":
            yield from dialogue.choose("Which?", ("edge", "In side", "mail;rm"))
        yield from dialogue.do(configuration.CLEAR, Nothing(), configuration.Cleared)

    source = Script([])
    commands = {"made": Command("Make things.", made), **HERE}
    Session(source, carry, who="ops", host="gw", commands=commands)
    assert source.lines_from("made ") == ("made NEW", "made EDIT")
    assert source.lines_from("MADE ed") == ("MADE NEW", "MADE EDIT")  # the editor picks what fits
    assert source.lines_from("made edit ") == ("made edit edge",)  # the others are no plain words
    for typed in ("made new ", "made edit edge ", "nothing ", " ", "made 'ed ", "help "):
        assert source.lines_from(typed) == ()
    assert done == []


def test_a_line_that_is_no_text_is_no_command() -> None:
    _, said = session("greet b\udcff", "gre\udcffet")
    assert said.count(dialogue.NO_TEXT) == 2
    assert not any("hello" in line for line in said)


def test_what_was_pasted_is_forgotten_after_control_c_and_after_a_wrong_answer() -> None:
    class Pasting(Script):
        forgotten = 0

        def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
            answer = super().read(beginning, words, kind)
            if answer == "^C":
                raise KeyboardInterrupt
            return answer

        def forget(self) -> None:
            self.forgotten += 1

    source = Pasting(["greet", "^C", "tail 7", "1", "1", "quit"], person=True)
    lines = logs.LogLines(path="", lines=())
    Session(source, lambda action, given: lines, who="ops", host="gw", commands=HERE).run()
    assert source.forgotten == 1
    source = Pasting(["tail 7", "1", "1", "quit"], person=True)
    Session(source, lambda action, given: lines, who="ops", host="gw").run()
    assert source.forgotten == 2  # by the wrong answer, and by the Ctrl-C that ends the watching


def test_a_session_that_breaks_off_within_a_dialogue_keeps_nothing_and_says_so() -> None:
    status, said = session("greet")
    assert status == 0
    assert said[-1] == "The input ended within a dialogue; what it began is not kept."


def test_control_c_leaves_the_dialogue_and_not_the_shell() -> None:
    class Interrupted(Script):
        def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
            answer = super().read(beginning, words, kind)
            if answer == "^C":
                raise KeyboardInterrupt
            return answer

    source = Interrupted(["greet", "^C", "greet Ann"], person=True)
    status = Session(source, nothing_to_do, who="ops", host="gw", commands=HERE).run()
    assert status == 0
    assert "hello Ann" in source.transcript


def test_the_exit_status_tells_of_a_refused_commit() -> None:
    def refuse(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        raise OperatorError("no", "It cannot be done.", "revision 2")

    for line, expected in (("commit why", 1), ("showchanges", 0)):
        source = Script([line, "quit"])
        assert Session(source, refuse, who="ops", host="gw").run() == expected
        assert "It cannot be done (revision 2)." in source.transcript


def test_what_an_action_refuses_with_cannot_speak_to_the_terminal() -> None:
    evil = "a\x1b[2Jb"
    found = FindingView(
        severity="error", place="", line=None, what="", found=None, hint="", text=evil
    )

    def refuse(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        raise OperatorError("no", f"No {evil}.", evil, evil, (found,))

    source = Script(["showchanges", "who", "quit"])
    Session(source, refuse, who=evil, host="gw").run()
    assert "a\\x1b[2Jb" in source.transcript
    assert not any("\x1b" in line for line in source.transcript)


def test_the_exit_status_tells_of_a_session_that_was_given_up() -> None:
    source = Script(["tail", "7", "8", "9"])
    assert Session(source, nothing_to_do, who="ops", host="gw").run() == 1
    assert source.transcript[-1].startswith("The session ends here: ")


def test_a_commit_without_a_comment_says_so_in_the_history() -> None:
    given: list[msgspec.Struct] = []

    def refuse(action: Action, one: msgspec.Struct) -> msgspec.Struct:
        given.append(one)
        raise OperatorError("no", "no")

    Session(Script(["commit", ""]), refuse, who="ops", host="gw").run()
    assert given[-1] == configuration.CommitInput(comment="no comment")


class Running:
    """A gateway that keeps what it is given until it is confirmed, or forgets it."""

    def __init__(self) -> None:
        self.given: list[msgspec.Struct] = []
        self.until: datetime | None = None

    def carry(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        match action.name:
            case "config commit":
                assert isinstance(given, configuration.CommitInput)
                self.given.append(given)
                self.until = NOON if given.confirm_within else None
                return configuration.Committed(
                    revision=7, running=True, warnings=(), served=(), confirm_by=self.until
                )
            case "who":
                return who.WhoList(sessions=())
            case "config confirm":
                self.until = None
                return configuration_commit.Confirmed(revision=7)
            case "config history":
                return configuration.History(revisions=(LINE,))
            case _:
                return self._status()

    def _status(self) -> status.Status:
        unconfirmed = None
        if self.until is not None:
            unconfirmed = status.Unconfirmed(revision=7, confirm_by=self.until, back_to=6)
        queue = status.QueueView(messages=0, recipients=0, held=0, bytes=0, oldest_at=None)
        return status.Status(
            at=NOON,
            version="1",
            running=True,
            data="",
            started_at=NOON,
            uptime_seconds=1,
            revision=7,
            hostname="gw",
            processes=(),
            listeners=(),
            certificates=(),
            queue=queue,
            destinations=(),
            unconfirmed=unconfirmed,
            counters={},
        )


def play_on(gateway: Running, *lines: str) -> list[str]:
    source = Script(lines)
    Session(source, gateway.carry, who="ops", host="gw").run()
    return source.transcript


def test_a_commit_may_go_back_by_itself_and_that_is_told_at_each_prompt_until_it_is_kept() -> None:
    gateway = Running()
    said = play_on(
        gateway, "commit risky", "soon", "10m", "who", "commitconfirm", "commit safe", "", "quit"
    )
    assert gateway.given == [
        configuration.CommitInput(comment="risky", confirm_within="10m"),
        configuration.CommitInput(comment="safe"),
    ]
    assert any(line.endswith("or none, is needed.") for line in said)  # "soon" is no time
    told = [place for place, line in enumerate(said) if line.startswith("Revision 7 goes back at")]
    prompts = [place + 1 for place in told]
    assert [said[place] for place in prompts] == ["gw> who", "gw> commitconfirm"]


def test_what_went_back_meanwhile_is_told_once() -> None:
    gateway = Running()

    class Expires(Script):
        def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
            answer = super().read(beginning, words, kind)
            if answer == "version":
                gateway.until = None
            return "who" if answer == "version" else answer

    source = Expires(["commit risky", "10m", "version", "who", "quit"])
    Session(source, gateway.carry, who="ops", host="gw").run()
    assert sum("or went back" in line for line in source.transcript) == 1


def test_the_table_of_commands_is_in_order_and_its_aliases_lead_somewhere() -> None:
    assert list(COMMANDS) == sorted(COMMANDS)
    assert all(one in COMMANDS for one in ALIASES.values())
    assert all(one.summary.endswith(".") for one in COMMANDS.values())
