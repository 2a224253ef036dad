# SPDX-License-Identifier: Apache-2.0
"""smtpauthconfig: answers in, changes of the candidate and passwords out."""

from gatehouse.faces.actions import smart_hosts
from gatehouse.faces.actions.action import Nothing
from tests.unit.faces.cli.shell.conftest import Desk

WAY = "smtpauthconfig"
RELAY = ["NEW", "2", "ses", "smtp.example.net", "2", "", "5", "ann", "2"]


def passwords(desk: Desk) -> tuple[str, ...]:
    """For whom one is kept; nothing of it is committed here."""
    found = desk.carry(smart_hosts.LIST, Nothing())
    assert isinstance(found, smart_hosts.SmartHostList)
    return found.orphans


def test_an_outgoing_profile_holds_the_relay_and_the_login(desk: Desk) -> None:
    made = desk.play(WAY, *RELAY, "pass word", "PRINT", "").smart_hosts["ses"]
    assert made.model_dump(mode="json", exclude_unset=True) == {
        "host": "smtp.example.net",
        "tls_mode": "implicit",
        "port": 465,
        "tls": "required-verify",
        "username": "ann",
        "password_over": "unverified-tls",
    }
    assert "ses (outgoing): smtp.example.net port 465, ann" in desk.said
    assert passwords(desk) == ("ses",)
    assert not any("pass word" in line for line in desk.said)
    desk.play(WAY, "PASSWORD", "ses", "1", "", "PASSWORD", "ses", "1", "another", "")
    assert passwords(desk) == ("ses",)
    assert not any("A password has 1 to" in line for line in desk.said)  # empty: as it is
    desk.play(WAY, "DELETE", "1", "Y", "PASSWORD", "ses", "2", "PASSWORD", "")
    assert passwords(desk) == ()
    assert "There is no outgoing profile." in desk.said


def test_a_relay_without_a_user_is_asked_for_no_password(desk: Desk) -> None:
    made = desk.play(WAY, "NEW", "2", "inside", "mx.in.example", "", "25", "1", "", "", "")
    assert made.smart_hosts["inside"].model_dump(mode="json", exclude_unset=True) == {
        "host": "mx.in.example",
        "port": 25,
        "tls": "none",
    }


def test_an_incoming_profile_says_what_users_may(desk: Desk) -> None:
    new = ["NEW", "1", "offices", "PLAIN, x", "plain,login", "N", "2", "N"]
    made = desk.play(WAY, *new, "PRINT", "").smtp_auth_profiles["offices"]
    assert (made.mechanisms, made.relay, made.max_failures) == (["PLAIN", "LOGIN"], False, 2)
    assert any("and not x" in line for line in desk.said)
    assert "offices (incoming): PLAIN, LOGIN; users may send to the recipient table" in desk.said


def test_senders_of_users_are_said_one_by_one(desk: Desk) -> None:
    desk.play(WAY, "NEW", "1", "offices", "", "", "", "N", "")
    senders = ["NEW", "a b", "scanner1", "@@", "a@example.com, .b.example"]
    made = desk.play(WAY, "EDIT", "1", "", "", "", "Y", *senders, "NEW", "*", "*", "", "")
    assert made.smtp_auth_profiles["offices"].senders == {
        "scanner1": ["a@example.com", ".b.example"],
        "*": ["*"],
    }
    made = desk.play(WAY, "EDIT", "1", "", "", "", "Y", "DELETE", "*", "", "")
    assert set(made.smtp_auth_profiles["offices"].senders) == {"scanner1"}
    made = desk.play(WAY, "EDIT", "1", "", "", "", "Y", "DELETE", "1", "DELETE", "", "")
    assert made.smtp_auth_profiles["offices"].senders == {}
    assert "There is no user that is named." in desk.said


def test_profiles_are_removed_and_names_are_taken_once(desk: Desk) -> None:
    desk.play(WAY, "EDIT", "DELETE", "PRINT", "")
    assert desk.said.count("There is no profile.") == 3
    desk.play(
        WAY, "NEW", "1", "offices", "", "", "", "N", "NEW", "2", "offices", *RELAY[2:], "", ""
    )
    assert "There is one of this name already." in desk.said
    made = desk.play(WAY, "DELETE", "offices", "N", "DELETE", "ses", "Y", "DELETE", "1", "Y", "")
    assert (made.smart_hosts, made.smtp_auth_profiles) == ({}, {})


def test_profiles_of_both_kinds_with_one_name_are_told_apart(desk: Desk) -> None:
    desk.play("set smtp_auth_profiles.both.relay false", "set smart_hosts.both.host a.example")
    made = desk.play(WAY, "DELETE", "both (outgoing)", "Y", "")
    assert set(made.smtp_auth_profiles) == {"both"}
    assert made.smart_hosts == {}


def test_what_a_route_uses_stays(desk: Desk) -> None:
    desk.play(WAY, *RELAY, "", "", "smtproutes", "NEW", ".", "smarthost:ses", "")
    assert set(desk.play(WAY, "DELETE", "1", "Y", "").smart_hosts) == {"ses"}
    assert "Nothing was changed." in desk.said
    assert not any("Its password is kept" in line for line in desk.said)
