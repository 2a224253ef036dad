# SPDX-License-Identifier: Apache-2.0
"""deliveryconfig > SENDERTLS: answers in, changes of the candidate out."""

from tests.unit.faces.cli.shell.conftest import Desk

WAY = ("deliveryconfig", "SENDERTLS")
TWO = ["NEW", "ceo@example.com", "", "5", "", "NEW", "ALL", "b.example", "1", "Y"]


def test_senders_get_tls_of_their_own_in_their_order(desk: Desk) -> None:
    made = desk.play(*WAY, *TWO, "", "")
    assert [
        (one.sender, one.destination, one.tls.value, one.may_lower)
        for one in made.sender_tls_overrides
    ] == [
        ("ceo@example.com", "ALL", "required-verify", False),
        ("ALL", "b.example", "none", True),
    ]
    assert "2. ALL to b.example: TLS none, less too" in desk.said
    made = desk.play(*WAY, "MOVE", "2", "1", "EDIT", "1", "", "none", "ALL", "2", "N", "", "")
    assert [(one.sender, one.tls.value) for one in made.sender_tls_overrides] == [
        ("ALL", "preferred"),
        ("ceo@example.com", "required-verify"),
    ]


def test_entries_are_removed_until_there_is_none(desk: Desk) -> None:
    desk.play(*WAY, *TWO, "", "")
    made = desk.play(
        *WAY, "DELETE", "1", "N", "DELETE", "1", "Y", "DELETE", "1", "Y", "EDIT", "", ""
    )
    assert made.sender_tls_overrides == []
    assert "There is no entry." in desk.said


def test_what_the_check_refuses_is_said_and_not_kept(desk: Desk) -> None:
    assert desk.play(*WAY, "NEW", "a b", "", "3", "", "", "").sender_tls_overrides == []
    assert "Nothing was changed." in desk.said
