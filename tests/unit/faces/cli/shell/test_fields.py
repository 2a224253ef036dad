# SPDX-License-Identifier: Apache-2.0
"""set and unset: every field can be reached, and what is refused says why."""

from gatehouse.faces.cli.shell.session import Session
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from tests.unit.faces.cli.shell.conftest import Desk
from tests.unit.faces.cli.shell.playing import Script


def test_a_field_is_set_and_taken_away_by_its_path(desk: Desk) -> None:
    made = desk.play("set", "logs.keep", "33")
    assert made.logs.keep == 33
    assert desk.play("unset", "logs.keep").logs.keep == 10
    assert "logs.keep has its default now, or inherits." in desk.said


def test_path_and_value_may_stand_behind_the_command_value_in_many_words(desk: Desk) -> None:
    made = desk.play(
        "set mail_flow_policies.ACCEPTED.max_message_size 5M",
        "set destination_controls.'\"bank.example\"'.tls required-verify",
        "set listeners.InboundMail.recipient_access.\"'example.com'\".comment all of us",
        "set destination_controls.default.trust system, custom",
    )
    assert made.mail_flow_policies["ACCEPTED"].max_message_size == 5 * 2**20
    assert made.destination_controls["bank.example"].tls is OutboundTlsLevel.REQUIRED_VERIFY
    assert made.listeners["InboundMail"].recipient_access[0].comment == "all of us"
    assert len(made.destination_controls["default"].trust or ()) == 2


def test_what_stands_there_is_the_default_answer(desk: Desk) -> None:
    desk.play("set", "interfaces.PublicNet.hostname", "")
    assert '["mx.example.com"]> ' in desk.said


def test_a_value_that_cannot_be_is_refused_with_the_reason_and_nothing_is_changed(
    desk: Desk,
) -> None:
    made = desk.play("set", "logs.keep", "many", "set nonsense.field 3")
    assert made.logs.keep == 10
    assert any("logs.keep" in line for line in desk.said)
    assert any("nonsense" in line for line in desk.said)


def test_paths_and_words_can_be_completed_and_a_question_mark_explains(desk: Desk) -> None:
    source = Script(["set", "listeners.InboundMail.delayed_reject", "?", "true", "quit"])
    Session(source, desk.carry, who="ops", host="gw1").run()
    assert "listeners.InboundMail.delayed_reject" in source.words[1]
    assert source.words[2] == ("true", "false")
    assert any("One of true, false." in line for line in source.transcript)


def test_words_that_no_question_wanted_are_told(desk: Desk) -> None:
    desk.play("version now please")
    assert "Not used: now please" in desk.said
