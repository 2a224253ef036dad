# SPDX-License-Identifier: Apache-2.0
"""What a listener and a mail flow policy promise to a client, before it says a word."""

import pytest

from gatehouse.config.checks import Refused, load
from gatehouse.policy.mail_flow import MailFlowPolicy
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.receive import desk as desk_module
from gatehouse.service.receive.desk import Desk

NOBODY = ReverseName(None, False)
TEXT = """\
format = 1
[interfaces.Net]
address = "127.0.0.1"
hostname = "mx.house.example"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
tls_mode = "{mode}"
max_concurrency = 2
recipient_access = [{{ recipient = "example.com", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "P" }}]
[mail_flow_policies.P]
behavior = "accept"
tls = "{tls}"
max_message_size = 4096
"""


def desk_and_policy(mode: str, tls: str) -> tuple[Desk, MailFlowPolicy]:
    loaded = load(TEXT.format(mode=mode, tls=tls).encode(), certificates=frozenset({"Demo"}))
    assert not isinstance(loaded, Refused), loaded
    desk = Desk(loaded.running.listeners[0], None)
    return desk, desk.hat.match("192.0.2.1", None).policy


@pytest.mark.parametrize(
    ("mode", "tls", "offered", "required"),
    [
        ("starttls", "off", False, False),
        ("starttls", "preferred", True, False),
        ("starttls", "required", True, True),
        ("implicit", "preferred", False, False),
        ("implicit", "required", False, False),
    ],
)
def test_starttls_is_offered_and_demanded_as_the_policy_says(
    mode: str, tls: str, offered: bool, required: bool
) -> None:
    desk, policy = desk_and_policy(mode, tls)
    settings = desk.settings_for(policy)
    assert (settings.offer_starttls, settings.require_tls) == (offered, required)
    assert settings.max_message_size == 4096
    assert settings.hostname == "mx.house.example"
    assert desk.settings_for(policy) is settings


def test_before_the_access_table_has_decided_nothing_is_promised() -> None:
    desk, _ = desk_and_policy("starttls", "preferred")
    assert not desk.settings.offer_starttls
    assert desk.settings.max_message_size == 1


def test_a_decision_is_remembered_for_an_address_with_its_name() -> None:
    desk, policy = desk_and_policy("starttls", "preferred")
    first = desk.decide("10.1.2.3", NOBODY)
    assert (first.access.policy, first.client.ip) == (policy, "10.1.2.3")
    assert (first.client.tls, first.client_tls.tls) == (False, True)
    assert desk.decide("10.1.2.3", NOBODY) is first
    assert desk.decide("10.1.2.3", ReverseName("mx.example.com", True)) is not first


def test_decisions_are_not_remembered_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MAX_DECISIONS", 2)
    desk, _ = desk_and_policy("starttls", "preferred")
    first = desk.decide("192.0.2.1", NOBODY)
    desk.decide("192.0.2.2", NOBODY)
    desk.decide("192.0.2.3", NOBODY)
    assert desk.decide("192.0.2.1", NOBODY) is not first
