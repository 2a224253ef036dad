# SPDX-License-Identifier: Apache-2.0
"""certconfig > ACME: answers in; what an order comes to is tested with a server."""

import msgspec
import pytest

from gatehouse.faces.actions import acme
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import OperatorError
from tests.unit.faces.cli.shell.conftest import Desk

WAY = ("certconfig", "ACME")


def test_where_challenges_are_answered(desk: Desk) -> None:
    made = desk.play(*WAY, "SETUP", "nowhere", "192.0.2.1", "8080", "2m", "", "")
    assert (made.acme.http_address, made.acme.http_port, made.acme.hook_timeout) == (
        "192.0.2.1",
        8080,
        120,
    )
    assert "What is needed: an IPv4 or IPv6 address." in desk.said


def test_an_order_is_put_together_and_is_made_only_when_that_is_confirmed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered: list[msgspec.Struct] = []
    real = desk.carry

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        if action in (acme.ORDER, acme.RENEW):
            ordered.append(given)
            raise OperatorError("acme", "The server was not asked.")
        return real(action, given)

    monkeypatch.setattr(desk, "carry", carry)
    order = ["mx", "mx.example.com, mail.example.com", "https://ca.example/dir", "ops@example.com"]
    dns = ["ORDER", *order, "2", "/usr/local/bin/hook", "Y", "2", ""]
    desk.play(*WAY, *dns, "N", *dns, "Y", "RENEW", "mx", "", "")
    assert ordered == [
        acme.OrderInput(
            name="mx",
            domain=("mx.example.com", "mail.example.com"),
            directory="https://ca.example/dir",
            contact="ops@example.com",
            challenge="dns-01",
            hook="/usr/local/bin/hook",
            keep_key=True,
            key_type="p-384",
        ),
        acme.RenewInput(name="mx"),
    ]
    assert desk.said.count("The server was not asked.") == 2
