# SPDX-License-Identifier: Apache-2.0
"""Names and addresses of the machine: answers in, changes of the candidate out."""

from tests.unit.faces.cli.shell.conftest import Desk

COMMAND = "interfaceconfig"


def test_an_interface_is_made_changed_and_removed_when_that_is_confirmed(desk: Desk) -> None:
    new = ("NEW", "Two", "nowhere", "127.0.0.2", "two.example.com", "2")
    made = desk.play(COMMAND, *new, "").interfaces["Two"]
    assert (str(made.address), made.hostname) == ("127.0.0.2", "two.example.com")
    assert made.https_certificate == "Demo"
    assert "An IPv4 or IPv6 address is needed." in desk.said
    assert "2. Two (127.0.0.2): two.example.com" in desk.said
    changed = desk.play(COMMAND, "EDIT", "Two", "::1", "none", "1", "").interfaces["Two"]
    assert (str(changed.address), changed.hostname) == ("::1", None)
    assert changed.https_certificate is None
    assert "Two" in desk.play(COMMAND, "DELETE", "Two", "N", "").interfaces
    assert "Two" not in desk.play(COMMAND, "DELETE", "Two", "Y", "").interfaces


def test_an_interface_that_is_used_stays(desk: Desk) -> None:
    assert "PublicNet" in desk.play(COMMAND, "DELETE", "PublicNet", "Y", "").interfaces
    assert "Nothing was changed." in desk.said


def test_the_name_of_the_machine_is_changed_and_a_wrong_one_refused(desk: Desk) -> None:
    assert desk.play("sethostname", "gw7.example.com").system.hostname == "gw7.example.com"
    assert desk.play("sethostname", "no name").system.hostname == "gw7.example.com"
    assert "Nothing was changed." in desk.said
