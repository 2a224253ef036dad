# SPDX-License-Identifier: Apache-2.0
"""hostaccess and rcptaccess: answers in, changes of the candidate out."""

from pathlib import Path

from gatehouse.policy.mail_flow import Behavior
from tests.unit.faces.cli.shell.conftest import Desk

HAT = ("listenerconfig", "EDIT", "1", "HOSTACCESS")
RAT = ("listenerconfig", "EDIT", "1", "RCPTACCESS")
OUT = ("", "", "")
USUAL = ["ALLOWED_LIST", "BLOCKED_LIST", "SUSPECTLIST", "UNKNOWNLIST", "ALL"]


def groups(desk: Desk, *answers: str) -> dict[str | None, list[str]]:
    made = desk.play(*HAT, *answers, *OUT)
    return {one.name: one.members for one in made.listeners["InboundMail"].sender_groups}


def recipients(desk: Desk, *answers: str) -> list[tuple[str, str]]:
    made = desk.play(*RAT, *answers, *OUT)
    entries = made.listeners["InboundMail"].recipient_access
    return [(one.recipient, one.access) for one in entries]


def test_a_new_group_stands_above_the_closing_one(desk: Desk) -> None:
    found = groups(desk, "NEW", "1", "PARTNERS", ".bank.example, 192.0.2.0/24", "TRUSTED")
    assert list(found) == [*USUAL[:-1], "PARTNERS", "ALL"]
    assert found["PARTNERS"] == [".bank.example", "192.0.2.0/24"]


def test_members_come_and_go(desk: Desk) -> None:
    assert groups(desk, "EDIT", "1", "1", "NEW", "192.0.2.7 .a.example")["ALLOWED_LIST"] == [
        "192.0.2.7",
        ".a.example",
    ]
    assert groups(desk, "EDIT", "1", "1", "DELETE", ".A.example")["ALLOWED_LIST"] == ["192.0.2.7"]


def test_members_that_are_not_there_are_not_removed_in_silence(desk: Desk) -> None:
    groups(desk, "EDIT", "1", "1", "DELETE", ",", "192.0.2.9")
    assert "An answer is needed." in desk.said
    assert "No member of the group: 192.0.2.9" in desk.said


def test_a_member_that_is_none_is_refused_where_it_is_typed(desk: Desk) -> None:
    groups(desk, "EDIT", "1", "1", "NEW", "192.0.2.300", "192.0.2.30")
    assert any(line.startswith("192.0.2.300: ") for line in desk.said)


def test_groups_move_and_go_but_the_last_stays(desk: Desk) -> None:
    found = groups(desk, "MOVE", "2", "1", "MOVE", "5", "DELETE", "1", "3", "Y", "DELETE", "1", "4")
    assert list(found) == ["BLOCKED_LIST", "ALLOWED_LIST", "UNKNOWNLIST", "ALL"]
    assert "The last entry, ALL, cannot be moved." in desk.said
    assert "The last entry, ALL, cannot be removed." in desk.said
    assert groups(desk, "CLEAR", "Y") == {}


def test_a_policy_is_made_used_and_removed(desk: Desk) -> None:
    made = desk.play(
        *HAT, "NEW", "2", "PARTNER", "RELAY", "Y", "EDIT", "1", "1", "POLICY", "PARTNER", *OUT
    )
    assert made.mail_flow_policies["PARTNER"].behavior is Behavior.RELAY
    assert made.listeners["InboundMail"].sender_groups[0].policy == "PARTNER"
    desk.play(*HAT, "DELETE", "2", "1", "Y", *OUT)
    assert "Nothing was changed." in desk.said  # it is in use
    groups(desk, "CLEAR", "Y", "DELETE", "2", "1", "Y")
    assert desk.candidate().mail_flow_policies == {}


def test_a_table_goes_into_a_file_and_comes_back(desk: Desk, tmp_path: Path) -> None:
    hat, rat = str(tmp_path / "hat.txt"), str(tmp_path / "rat.txt")
    groups(desk, "EXPORT", hat, "PRINT")
    assert "UNKNOWNLIST" in Path(hat).read_text()
    Path(hat).write_text(Path(hat).read_text().replace("UNKNOWNLIST", "STRANGERS"))
    assert "STRANGERS" in groups(desk, "IMPORT", hat)
    recipients(desk, "EXPORT", rat)
    Path(rat).write_text(Path(rat).read_text().replace("example.com", "example.net"))
    assert recipients(desk, "IMPORT", rat, "PRINT")[0] == ("example.net", "accept")


def test_a_file_that_is_not_there_leaves_the_menu_open(desk: Desk, tmp_path: Path) -> None:
    found = groups(desk, "IMPORT", str(tmp_path / "none"), "EDIT", "1", "1", "NEW", "192.0.2.7")
    assert found["ALLOWED_LIST"] == ["192.0.2.7"]


def test_recipients_are_added_above_all_changed_and_removed(desk: Desk) -> None:
    assert recipients(desk, "NEW", "ALL", "2", "N", "NEW", "a.example b.example", "1") == [
        ("example.com", "accept"),
        ("a.example", "accept"),
        ("b.example", "accept"),
        ("ALL", "reject"),
    ]
    found = recipients(desk, "EDIT", "2", "2", "Y", "551", "moved away", "DELETE", "3")
    assert found == [("example.com", "accept"), ("a.example", "reject"), ("ALL", "reject")]
    entry = desk.candidate().listeners["InboundMail"].recipient_access[1]
    assert (entry.code, entry.text) == (551, "moved away")
    assert recipients(desk, "CLEAR", "Y", "EDIT") == []


def test_what_is_no_recipient_is_asked_for_again_at_once(desk: Desk) -> None:
    assert recipients(desk, "NEW", "a.example b..example", "a.example", "2", "Y", "", "grüß", "no")
    assert any(line.startswith("b..example: ") for line in desk.said)
    assert "What is needed: printable ASCII text in one line." in desk.said
    assert desk.candidate().listeners["InboundMail"].recipient_access[1].text == "no"


def test_who_is_not_named_is_said_above_the_menu(desk: Desk) -> None:
    recipients(desk, "NEW", "ALL", "2", "N", "DELETE", "2")
    assert "2 entries; the last is for all others." in desk.said
    assert desk.said.count("1 entries; all others are refused.") == 2


def test_an_entry_is_given_a_comment_and_loses_it(desk: Desk) -> None:
    recipients(desk, "COMMENT", "1", "x" * 501, "ask Ann")
    assert desk.candidate().listeners["InboundMail"].recipient_access[0].comment == "ask Ann"
    assert "What is needed: at most 500 long." in desk.said
    recipients(desk, "COMMENT", "1", "none")
    assert desk.candidate().listeners["InboundMail"].recipient_access[0].comment is None


def test_a_group_gets_another_name_and_a_comment(desk: Desk) -> None:
    made = desk.play(
        *HAT, "EDIT", "1", "1", "RENAME", "FRIENDS", "EDIT", "1", "1", "COMMENT", "x", *OUT
    )
    group = made.listeners["InboundMail"].sender_groups[0]
    assert (group.name, group.comment, group.policy) == ("FRIENDS", "x", "TRUSTED")
    made = desk.play(*HAT, "EDIT", "1", "1", "COMMENT", "none", *OUT)
    assert made.listeners["InboundMail"].sender_groups[0].comment is None


def test_what_becomes_of_clients_is_asked_when_a_policy_is_changed(desk: Desk) -> None:
    edit = "listenerconfig > edit > hostaccess > edit"
    policy = {"What shall be changed?": "2", "Which policy?": "THROTTLED"}
    made = desk.interview(edit, policy | {"Behavior": "relay"})
    assert made.mail_flow_policies["THROTTLED"].behavior is Behavior.RELAY
    assert made.mail_flow_policies["THROTTLED"].model_fields_set == {"behavior"}
