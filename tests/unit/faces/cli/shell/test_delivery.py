# SPDX-License-Identifier: Apache-2.0
"""deliveryconfig: answers in, changes of the candidate out."""

from tests.unit.faces.cli.shell.conftest import Desk


def test_the_interface_of_deliveries_is_set_and_taken_away(desk: Desk) -> None:
    assert desk.play("deliveryconfig SETUP 2 500 N", "").delivery.interface == "PublicNet"
    assert desk.play("deliveryconfig", "SETUP", "1", "", "", "").delivery.interface is None


def test_all_mail_can_be_kept_in_the_queue_and_that_is_said(desk: Desk) -> None:
    desk.play("deliveryconfig", "")
    assert not any("all mail stays in the queue" in line for line in desk.said)
    assert desk.play("deliveryconfig", "SETUP", "", "", "Y", "").delivery.suspended is True
    assert any("all mail stays in the queue" in line for line in desk.said)


def test_times_are_read_with_their_units_and_within_their_bounds(desk: Desk) -> None:
    made = desk.play("deliveryconfig", "TIMEOUTS", "11m", "5m", "", "", "", "2h", "")
    assert (made.delivery.connect_timeout, made.delivery.transaction_timeout) == (300, 7200)
    assert made.delivery.model_fields_set == {"connect_timeout", "transaction_timeout"}
    assert any("at least 1s, at most 10m" in line for line in desk.said)


def test_servers_are_asked_for_again_until_all_of_them_are_some(desk: Desk) -> None:
    servers = ["192.0.2.53, nowhere", "192.0.2.53, [2001:db8::53]:5353"]
    made = desk.play("deliveryconfig", "DNS", *servers, "2", "")
    assert made.delivery.dns_servers == ["192.0.2.53:53", "[2001:db8::53]:5353"]
    assert made.delivery.dns_trusted == "yes"
    assert any("and not nowhere" in line for line in desk.said)
    assert desk.play("deliveryconfig", "DNS", "none", "", "").delivery.dns_servers == []
