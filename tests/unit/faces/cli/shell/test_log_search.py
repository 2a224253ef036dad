# SPDX-License-Identifier: Apache-2.0
"""Lines of the mail log by their text, and all that belongs to a message."""

import msgspec
import pytest

from gatehouse.faces.actions import logs
from gatehouse.faces.actions.action import Action
from gatehouse.faces.cli.shell.session import Session
from tests.unit.faces.cli.shell.playing import Script

STAMP = "Sun Nov 22 10:00:00 2026 Info: "
LINES = (
    "New SMTP ICID 5 interface Loopback (127.0.0.1) address 192.0.2.7",
    "Start MID 1 ICID 5",
    "MID 1 ICID 5 From: <Ann@a.example>",
    "MID 1 ICID 5 RID 0 To: <bob@b.example>",
    "New SMTP ICID 6 interface Loopback (127.0.0.1) address 192.0.2.8",
    "Start MID 2 ICID 6",
    "MID 2 ICID 6 From: <eve@a.example>",
    "New SMTP DCID 9 interface 127.0.0.1 address 192.0.2.9 port 25",
    "Delivery start DCID 9 MID 1 to RID [0]",
)


def said(*answers: str, lines: tuple[str, ...] = LINES, block: int = 4) -> list[str]:
    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        """As the work does it: the end of the log, or what is behind a position, in pieces."""
        assert isinstance(given, logs.TailInput)
        start = 0 if given.after is None else int(given.after.removeprefix("0:"))
        end = len(lines) if given.after is None else min(start + block, len(lines))
        return logs.LogLines(
            path="mail.current",
            lines=tuple(STAMP + line for line in lines[start:end]),
            position=f"0:{end}",
            more=end < len(lines),
        )

    source = Script(answers)
    Session(source, carry, who="ops", host="gw").run()
    return [line.removeprefix(STAMP) for line in source.transcript if line.startswith(STAMP)]


def test_a_message_is_found_with_its_connections() -> None:
    mine = [line for line in LINES if "ICID 6" not in line and "MID 2" not in line]
    assert said("findevent 1 1") == mine
    assert said("findevent", "2", "<ann@A.example>") == mine
    assert said("findevent", "3", "bob@b.example") == mine


def test_tail_shows_the_end_and_goes_on_only_for_somebody_who_watches() -> None:
    assert said("tail", "1", "9") == list(LINES)
    asked: list[logs.TailInput] = []

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        assert isinstance(given, logs.TailInput)
        asked.append(given)
        lines = (f"line {len(asked)}",) if len(asked) != 3 else ()
        return logs.LogLines(path="mail.current", lines=lines, position=f"7:{len(asked)}")

    source = Script(["tail", "2", "5", "help", "quit"], person=True)
    source.pauses = 3
    Session(source, carry, who="ops", host="gw").run()
    assert [one.after for one in asked] == [None, "7:1", "7:2", "7:3"]
    assert all(one.events for one in asked)
    assert [line for line in source.transcript if line.startswith("line")] == [
        *("line 1", "line 2", "line 4"),
    ]
    assert source.transcript[-1] == "gw> quit"  # Ctrl-C ended the command and not the shell


def test_another_address_finds_nothing() -> None:
    assert said("findevent", "3", "ann@a.example") == []


def test_lines_are_found_by_text_and_not_by_pattern() -> None:
    assert said("grep", "from: <EVE", "1", "y") == [LINES[6]]
    assert said("grep", "from: <EVE", "1", "n") == []
    assert said("grep", ".*", "1", "y") == []


HOSTILE = (
    "New SMTP ICID 5 interface Loopback (127.0.0.1) address 192.0.2.7",
    "SMTP Auth: (ICID 5) succeeded for user: ann using AUTH mechanism: PLAIN with profile: local",
    "Start MID 1 ICID 5",
    "MID 1 ICID 5 From: <ann@a.example>",
    "MID 1 ICID 5 RID 0 To: <bob@b.example>",
    "New SMTP ICID 6 interface Loopback (127.0.0.1) address 192.0.2.8",
    "ICID 6 Unknown command: MID 1 ICID 5 From: <ann@a.example>",
    "Start MID 2 ICID 6",
    r'MID 2 ICID 6 From: <"a> To: <bob@b.example> \" x"@evil.example>',
    "MID 2 ICID 6 RID 0 To: <eve@b.example>",
    "MID 2 Subject 'From: <ann@a.example> MID 1 To: <bob@b.example>'",
    r'Bounced: DCID 9 MID 2 From: <"a> To: <bob@b.example> \" x"@evil.example> '
    r"To: <eve@b.example> RID 0 - 5.1.0 - Unknown address error ('550', ['To: <bob@b.example>'])",
)


@pytest.mark.parametrize(
    "answers", [("1", "1"), ("2", "ann@a.example"), ("3", "bob@b.example")], ids=lambda a: a[1]
)
def test_nobody_gets_into_a_message_of_others_by_what_he_writes(answers: tuple[str, str]) -> None:
    assert said("findevent", *answers, lines=HOSTILE) == list(HOSTILE[:5])


def test_an_address_with_a_local_part_in_quotes_is_found() -> None:
    quoted = r'"a> To: <bob@b.example> \" x"@evil.example'
    assert said("findevent", "2", quoted, lines=HOSTILE) == list(HOSTILE[5:])
    assert said("findevent", "3", "eve@b.example", lines=HOSTILE) == list(HOSTILE[5:])


def test_the_null_sender_is_found() -> None:
    lines = ("Start MID 7 ICID 8", "MID 7 ICID 8 From: <>", "MID 8 ICID 8 From: <a@a.example>")
    assert said("findevent", "2", "<>", lines=lines) == list(lines[:2])


def test_of_very_many_messages_the_last_are_shown() -> None:
    lines = tuple(f"MID {mid} ICID {mid} From: <ann@a.example>" for mid in range(1, 151))
    assert said("findevent", "2", "ann@a.example", lines=lines) == list(lines[50:])


def test_a_line_that_speaks_to_the_terminal_is_shown_harmlessly() -> None:
    assert said("grep", "evil", "2", "y", lines=("evil \x1b[2J",)) == [r"evil \x1b[2J"]


def test_the_whole_log_is_searched_piece_by_piece() -> None:
    lines = tuple(f"line {number}" for number in range(50))
    assert said("grep", "line", "1", "y", lines=lines, block=7) == list(lines)


def test_a_search_over_a_long_log_can_be_ended() -> None:
    asked: list[msgspec.Struct] = []

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        asked.append(given)
        assert len(asked) < 10, "it goes on for ever"
        return logs.LogLines(path="mail.current", lines=("a",), position="0:1", more=True)

    source = Script(["grep b 1 y", "quit"], person=True)
    source.pauses = 2
    assert Session(source, carry, who="ops", host="gw").run() == 0
    searches = [one for one in asked if isinstance(one, logs.TailInput)]
    assert len(searches) == 3
