# SPDX-License-Identifier: Apache-2.0
"""tlsrptconfig: answers in, changes of the candidate out."""

from tests.unit.faces.cli.shell.conftest import Desk


def test_reports_are_sent_and_those_of_others_come_in(desk: Desk) -> None:
    send = ["SEND", "Y", "tls@", "tls@example.com", "Example", "", "1h", ""]
    made = desk.play("tlsrptconfig", *send, "RECEIVE", "in@example.com", "PRINT", "")
    assert made.tls_reporting.model_dump(exclude_unset=True) == {
        "enabled": True,
        "from_address": "tls@example.com",
        "organization": "Example",
        "spread": 3600,
        "receive_at": "in@example.com",
    }
    assert any(line.startswith("What is needed: a mail address") for line in desk.said)
    assert "Contact: tls@example.com" in [" ".join(line.split()) for line in desk.said]
    assert desk.play("tlsrptconfig", "RECEIVE", "none", "").tls_reporting.receive_at is None


def test_without_a_sender_nothing_is_kept(desk: Desk) -> None:
    made = desk.play("tlsrptconfig", "SEND", "Y", *[""] * 5, "")
    assert made.tls_reporting.enabled is False
    assert "Nothing was changed." in desk.said
