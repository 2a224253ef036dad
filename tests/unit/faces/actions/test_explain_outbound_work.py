# SPDX-License-Identifier: Apache-2.0
"""The way of outgoing mail before any connection; what a server says is in the live tests."""

import asyncio
from typing import Any

import pytest

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.explain_outbound import OutboundInput, OutboundView
from gatehouse.faces.actions.explain_outbound_work import explain
from gatehouse.faces.actions.house import House
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen

# The routes lead to addresses; for names there is a DNS server that is not there.
TEXT = """\
format = 1
[interfaces.Net]
address = "127.0.0.1"
[listeners.In]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{ name = "RELAYLIST", members = ["127.0.0.1"], policy = "RELAY" }]
[mail_flow_policies.RELAY]
behavior = "relay"
[delivery]
dns_servers = ["127.0.0.1:1"]
dns_timeout = 1
[smtp_routes]
"shop.example" = ["192.0.2.7:2600/pri=10", "192.0.2.8/pri=20"]
"trusted.example" = ["smarthost:ses"]
"asked.example" = ["USEDNS"]
"." = ["192.0.2.9"]
[smart_hosts.ses]
host = "smtp.relay.example"
port = 587
username = "us"
[destination_controls.default]
tls = "preferred"
[destination_controls.".example"]
tls = "required"
mta_sts = "off"
[destination_controls."shop.example"]
tls = "required-verify"
bounce_profile = "quick"
[bounce_profiles.quick]
max_time = "4h"
[[sender_tls_overrides]]
sender = "board@example.com"
destination = "bank.example"
tls = "required-verify-hosted"
[[sender_tls_overrides]]
sender = "board@example.com"
tls = "required-verify-hosted"
[[sender_tls_overrides]]
sender = "ALL"
tls = "preferred"
"""


@pytest.fixture(autouse=True)
def revision(house: House) -> None:
    house.store.revisions.append(text=TEXT, operator="t", comment="test", committed_at=1.0)


def ask(house: House, to: str, **given: Any) -> OutboundView:
    return asyncio.run(explain(house, OutboundInput(to=to, **given)))


def test_the_rule_that_wins_and_those_that_lose(house: House) -> None:
    view = ask(house, "bob@shop.example")
    assert [(one.domain, one.wins, one.tls) for one in view.controls] == [
        ("shop.example", True, "required-verify"),
        (".example", False, "required"),
        ("default", False, "preferred"),
    ]
    assert (view.domain, view.level, view.bounce_profile) == (
        "shop.example",
        "required-verify",
        "quick",
    )


def test_the_route_that_wins_and_its_hosts_in_order(house: House) -> None:
    view = ask(house, "shop.example")
    assert view.route.kind == "route"
    assert view.route.route == "shop.example = 192.0.2.7:2600, 192.0.2.8"
    assert view.route.lost == (". = 192.0.2.9",)
    assert [(one.place, one.host, one.port, one.addresses) for one in view.hosts] == [
        (1, "192.0.2.7", 2600, ("192.0.2.7",)),
        (2, "192.0.2.8", 25, ("192.0.2.8",)),
    ]
    (first, _) = view.hosts
    assert (first.outcome, first.level, first.acts) == ("planned", "required-verify", True)
    assert "shop.example" in first.proofs[0]
    assert view.verdict == (
        "Mail goes to 192.0.2.7 first, over TLS to a host that proves who it is, or not at all."
    )


def test_the_override_of_a_sender_decides_and_the_others_say_why_not(house: House) -> None:
    view = ask(house, "elsewhere.example", sender="Board@example.com")
    assert [one.outcome for one in view.overrides] == ["passed", "won", "behind"]
    assert view.overrides[0].why == "it is about another destination"
    assert view.level == "required-verify-hosted"
    assert view.hosts[0].rule == "sender-override"
    for sender in (None, "<>", "ann@example.com"):
        other = ask(house, "elsewhere.example", sender=sender)
        assert [one.outcome for one in other.overrides] == ["passed", "passed", "won"]
        assert other.level == "required"
        assert [(one.rule, one.wins) for one in other.hosts[0].reasons] == [
            ("sender-override", False),
            ("destination-control", True),
        ]


def test_what_the_message_asks_for(house: House) -> None:
    strict = ask(house, "elsewhere.example", requiretls=True)
    assert strict.hosts[0].rule == "requiretls"
    assert strict.hosts[0].acts
    easy = ask(house, "elsewhere.example", tls_optional=True)
    assert ("tls-required-no", True) in [(one.rule, one.wins) for one in easy.hosts[0].reasons]


def test_a_smart_host_is_named_with_its_own_level(house: House) -> None:
    (host,) = ask(house, "trusted.example").hosts
    assert (host.smart_host, host.port, host.rule) == ("ses", 587, "smart-host")
    assert host.level == "required-verify-hosted"
    assert host.addresses == ()
    assert host.note.startswith("DNS Soft Error looking up smtp.relay.example (A)")


def test_what_dns_cannot_say_keeps_the_mail(house: House) -> None:
    view = ask(house, "asked.example")
    assert (view.route.kind, view.hosts) == ("none", ())
    assert view.route.lost == ("asked.example = USEDNS", ". = 192.0.2.9")
    assert view.verdict.startswith("Deferred: 4.4.3 ")


@pytest.mark.parametrize("domain", ["shop.example", ""])
def test_a_suspended_destination_says_so(house: House, domain: str) -> None:
    house.store.suspensions.suspend(domain, 1.0, "ann")
    assert ask(house, "shop.example").verdict == "Deliveries are suspended: mail waits."
    assert ask(house, "other.example").suspended == (domain == "")


@pytest.mark.parametrize(
    "given",
    [
        {"to": "no domain"},
        {"to": "a@@b"},
        {"to": "shop.example", "sender": "nobody"},
        {"to": "shop.example", "requiretls": True, "tls_optional": True},
        {"to": "shop.example", "all_hosts": True},
    ],
)
def test_what_cannot_be_meant(house: House, given: dict[str, Any]) -> None:
    with pytest.raises(OperatorError, match=r"This|exclude|about|sender"):
        ask(house, **given)


def test_a_person_sees_rules_hosts_and_the_end(house: House) -> None:
    text = render(ask(house, "bob@shop.example"), Screen())
    for part in (
        "shop.example = 192.0.2.7:2600, 192.0.2.8",
        "required-verify",
        "Host 1: 192.0.2.7, port 2600",
        "Must prove",
        "Mail goes to 192.0.2.7 first",
    ):
        assert part in text
