# SPDX-License-Identifier: Apache-2.0
"""Lines of the mail log by their text, and all that belongs to a message."""

import msgspec

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


def said(*answers: str) -> list[str]:
    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        assert action is logs.TAIL
        return logs.LogLines(path="mail.current", lines=tuple(STAMP + line for line in LINES))

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
