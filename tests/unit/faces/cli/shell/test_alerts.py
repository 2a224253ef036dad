# SPDX-License-Identifier: Apache-2.0
"""alertconfig: answers in, subscriptions out."""

from gatehouse.policy.alarms import AlarmSeverity
from tests.unit.faces.cli.shell.conftest import Desk


def test_a_new_address_gets_everything_unless_less_is_chosen(desk: Desk) -> None:
    made = desk.play("alertconfig", "NEW", "ops@example.com", "", "", "")
    assert not made.alerts.recipients["ops@example.com"].model_fields_set
    assert "Sending alerts to nobody." in desk.said
    assert "  Class: All - Severities: All" in desk.said


def test_classes_and_severities_are_numbers_with_commas(desk: Desk) -> None:
    made = desk.play("alertconfig", "NEW", "ops@example.com", "2", "7", "2, 3", "")
    one = made.alerts.recipients["ops@example.com"]
    assert one.classes == ["System"]
    assert set(one.severities) == {AlarmSeverity.CRITICAL, AlarmSeverity.WARNING}
    assert "Answer with numbers from 1 to 4, with commas between them." in desk.said
    assert "  Class: System - Severities: Critical, Warning" in desk.said
    made = desk.play("alertconfig", "EDIT", "1", "1", "", "")
    one = made.alerts.recipients["ops@example.com"]
    assert one.classes == ["all"] and len(one.severities) == 2
    assert "[2, 3]> " in desk.said


def test_what_is_no_address_is_asked_again(desk: Desk) -> None:
    first = ["NEW", "ops", "ops@example.com", "", ""]
    again = ["NEW", "ops@example.com", "b@example.com", "", ""]
    made = desk.play("alertconfig", *first, *again, "")
    assert set(made.alerts.recipients) == {"ops@example.com", "b@example.com"}
    assert "It gets alerts already." in desk.said


def test_addresses_go_one_by_one_or_all_at_once(desk: Desk) -> None:
    new = [f"{name}@example.com" for name in "abc"]
    answers = [answer for one in new for answer in ("NEW", one, "", "")]
    assert len(desk.play("alertconfig", *answers, "").alerts.recipients) == 3
    made = desk.play("alertconfig", "DELETE", "2", "Y", "")
    assert set(made.alerts.recipients) == {"a@example.com", "c@example.com"}
    assert not desk.play("alertconfig", "CLEAR", "Y", "").alerts.recipients


def test_intervals_and_the_way(desk: Desk) -> None:
    made = desk.play("alertconfig", "SETUP", "0", "60", "")
    assert (made.alerts.initial_interval, made.alerts.maximum_interval) == (0, 60)
    desk.play("set smart_hosts.ses.host email.ses.example")
    assert desk.play("alertconfig", "SETUP", "", "", "2", "").alerts.smart_host == "ses"
    assert "Alerts go by the smart host ses." in desk.said
    assert desk.play("alertconfig", "SETUP", "", "", "1", "").alerts.smart_host is None


def test_the_from_address_has_a_default_that_one_can_go_back_to(desk: Desk) -> None:
    assert desk.play("alertconfig", "FROM", "EDIT", "", "").alerts.from_address is None
    made = desk.play("alertconfig", "FROM", "EDIT", "gate@example.com", "")
    assert made.alerts.from_address == "gate@example.com"
    made = desk.play("alertconfig", "FROM", "DEFAULT", "")
    assert made.alerts.from_address is None
    last = "Alerts are sent with the system-default From address: alert@gw1.example.com"
    assert last in desk.said
