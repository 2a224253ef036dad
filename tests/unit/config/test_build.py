# SPDX-License-Identifier: Apache-2.0
"""The running values: inheritance resolved, names replaced."""

from gatehouse.config import checks, running
from gatehouse.mail.address import Address
from gatehouse.policy.mail_flow import Behavior, TlsDemand
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.recipients import Accept
from gatehouse.policy.route_table import RouteHost

TEXT = b"""\
format = 1
[system]
hostname = "gw.example.com"
[interfaces.Net]
address = "127.0.0.1"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{ recipient = "Example.COM", access = "accept" }]
[[listeners.In.sender_groups]]
name = "PARTNERS"
members = ["192.0.2.0/24"]
policy = "$PARTNER"
[listeners.Out]
type = "private"
interface = "Net"
port = 2526
[mail_flow_policies.default]
tls = "preferred"
max_message_size = "2M"
[mail_flow_policies.PARTNER]
tls = "required"
[smtp_routes]
"Example.com" = ["127.0.0.1:2600"]
[destination_controls.default]
tls = "preferred"
max_connections = 7
[destination_controls."Bank.example"]
tls = "required"
[bounce_profiles.default]
max_time = "1d"
[bounce_profiles.short]
max_retries = 3
[delivery]
alert_on_required_tls_failure = false
dns_servers = ["127.0.0.1:5353", "::1"]
"""


def built() -> running.Running:
    outcome = checks.load(TEXT)
    assert isinstance(outcome, checks.Loaded)
    return outcome.running


def test_a_policy_inherits_from_the_default_policy() -> None:
    policy = built().listeners[0].access.match("192.0.2.7").policy
    assert (policy.name, policy.behavior) == ("PARTNER", Behavior.ACCEPT)
    assert (policy.tls, policy.max_message_size) == (TlsDemand.REQUIRED, 2 * 1024 * 1024)
    assert policy.max_recipients_per_message == 50


def test_a_table_without_closing_all_gets_that_of_its_type() -> None:
    public, private = built().listeners
    match = public.access.match("198.51.100.1")
    assert (match.group, match.match, match.behavior) == (None, "ALL", Behavior.ACCEPT)
    assert private.access.match("198.51.100.1").behavior is Behavior.REJECT
    assert private.recipients is None


def test_domains_are_compared_in_their_canonical_form() -> None:
    now = built()
    table = now.listeners[0].recipients
    assert table is not None
    assert isinstance(table.decide(Address("a@example.com", "a", "example.com", False)), Accept)
    assert now.routes.lookup("example.com") == (RouteHost("127.0.0.1", 2600),)


def test_destinations_inherit_from_the_default_entry_and_the_global_switch() -> None:
    bank = built().destinations.lookup("bank.example")
    assert bank.tls is OutboundTlsLevel.REQUIRED
    assert bank.max_connections == 7
    assert not bank.alert_on_required_tls_failure


def test_bounce_profiles_inherit_from_the_default_profile() -> None:
    profile = built().bounce_profile("short")
    assert (profile.name, profile.max_retries, profile.max_time) == ("short", 3, 86_400)
    assert built().bounce_profile("gone").name == "default"


def test_a_destination_names_the_bounce_profile_else_the_listener_does() -> None:
    text = TEXT.replace(b"port = 2525\n", b'port = 2525\nbounce_profile = "short"\n')
    text += (
        b'[bounce_profiles.bank]\n[destination_controls."named.example"]\nbounce_profile = "bank"\n'
    )
    outcome = checks.load(text)
    assert isinstance(outcome, checks.Loaded)
    now = outcome.running
    chosen = {
        (domain, listener): now.profile_of(domain, listener).name
        for domain in ("named.example", "bank.example")
        for listener in ("In", "Out", "Gone", "")
    }
    assert {one for key, one in chosen.items() if key[0] == "named.example"} == {"bank"}
    assert chosen["bank.example", "In"] == "short"
    assert {chosen["bank.example", one] for one in ("Out", "Gone", "")} == {"default"}


def test_a_bounce_profile_that_is_not_there_cannot_be_named_by_a_listener() -> None:
    outcome = checks.load(TEXT.replace(b"port = 2525\n", b'port = 2525\nbounce_profile = "gone"\n'))
    assert isinstance(outcome, checks.Refused)
    assert any(one.place == "listeners.In.bounce_profile" for one in outcome.findings)


def test_what_is_known_about_ourselves() -> None:
    now = built()
    assert now.delivery.hostname == "gw.example.com"
    assert now.delivery.dns_servers == (("127.0.0.1", 5353), ("::1", 53))
    assert now.ourselves.is_me("127.0.0.1", 2525)
    assert not now.ourselves.is_me("127.0.0.1", 2600)
    assert now.certificates == {"Demo"}
