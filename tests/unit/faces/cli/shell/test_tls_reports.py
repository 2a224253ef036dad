# SPDX-License-Identifier: Apache-2.0
"""tlsrptconfig: answers in, changes of the candidate out."""

import msgspec
import pytest

from gatehouse.faces.actions import tls_reports
from gatehouse.faces.actions.action import Action
from tests.unit.faces.cli.shell.conftest import Desk


def test_reports_are_sent_and_those_of_others_come_in(desk: Desk) -> None:
    setup = ["SETUP", "Y", "tls@", "tls@example.com", "Example", "", "1h", "", "in@example.com"]
    made = desk.play("tlsrptconfig", *setup, "PRINT", "")
    assert made.tls_reporting.model_dump(exclude_unset=True) == {
        "enabled": True,
        "from_address": "tls@example.com",
        "organization": "Example",
        "spread": 3600,
        "receive_at": "in@example.com",
    }
    assert any(line.startswith("What is needed: a mail address") for line in desk.said)
    assert "Contact: tls@example.com" in [" ".join(line.split()) for line in desk.said]
    made = desk.play("tlsrptconfig", "SETUP", *[""] * 6, "none", "")
    assert made.tls_reporting.receive_at is None


def test_without_a_sender_nothing_is_kept(desk: Desk) -> None:
    made = desk.play("tlsrptconfig", "SETUP", "Y", *[""] * 6, "")
    assert made.tls_reporting.enabled is False
    assert "Nothing was changed." in desk.said


def test_the_reports_of_a_day_are_sent_by_a_gateway_that_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[msgspec.Struct] = []
    real = desk.carry

    def carry(action: Action, wanted: msgspec.Struct) -> msgspec.Struct:
        if action is not tls_reports.SEND:
            return real(action, wanted)
        given.append(wanted)
        return tls_reports.Sent(day="2026-11-21", reports=())

    monkeypatch.setattr(desk, "carry", carry)
    desk.play("tlsrptconfig", "SEND", "", "2026-11-21", "")
    assert given == [tls_reports.SendInput(day="2026-11-21")]
