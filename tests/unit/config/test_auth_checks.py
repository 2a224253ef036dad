# SPDX-License-Identifier: Apache-2.0
"""SMTP AUTH in the configuration: from text to profiles, and what is said about odd ones."""

import pytest

from gatehouse.config import checks
from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.policy.smtp_auth import may_send_as
from tests.unit.config.test_checks import BASE, found

PRIVATE = """\
format = 1
[interfaces.Net]
address = "192.0.2.1"
hostname = "mx.example.com"
[listeners.Out]
type = "private"
interface = "Net"
certificate = "Demo"
sender_groups = [{ name = "ALL", members = ["ALL"], policy = "P" }]
[mail_flow_policies.P]
behavior = "accept"
tls = "preferred"
"""
PROFILE = """\
[smtp_auth_profiles.devices]
mechanisms = ["plain", "SCRAM-SHA-256"]
relay = false
max_failures = 5
[smtp_auth_profiles.devices.senders]
scanner1 = ["scanner1@example.com", ".dept.example"]
"*" = ["*"]
"""


def running(text: str) -> checks.Loaded:
    outcome = checks.load(text.encode())
    assert isinstance(outcome, checks.Loaded), outcome
    return outcome


def sender(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


def test_a_listener_has_the_built_in_profile() -> None:
    (listener,) = running(BASE).running.listeners
    auth = listener.auth
    assert (auth.name, auth.relay, auth.max_failures) == ("local", True, 3)
    assert auth.mechanisms == ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")
    assert may_send_as(auth, "anybody", sender("any@where.example"))


def test_a_profile_comes_through_whole_and_strongest_first() -> None:
    text = BASE.replace("port = 2525", 'port = 2525\nsmtp_auth_profile = "devices"') + PROFILE
    auth = running(text).running.listeners[0].auth
    assert (auth.name, auth.relay, auth.max_failures) == ("devices", False, 5)
    assert auth.mechanisms == ("SCRAM-SHA-256", "PLAIN")
    assert may_send_as(auth, "scanner1", sender("x@a.dept.example"))
    assert not may_send_as(auth, "scanner1", sender("boss@example.com"))
    assert may_send_as(auth, "fax", sender("boss@example.com"))


def test_local_can_be_written_too() -> None:
    text = BASE + "[smtp_auth_profiles.local]\nmax_failures = 7\n"
    assert running(text).running.listeners[0].auth.max_failures == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            BASE.replace("port = 2525", 'port = 2525\nsmtp_auth_profile = "device"') + PROFILE,
            "did you mean 'devices'?",
        ),
        (PROFILE.replace('"plain"', '"CRAM-MD5"'), "SCRAM-SHA-256-PLUS"),
        (PROFILE.replace("scanner1 =", "Scanner1 ="), "in its one form, 'scanner1'"),
        (PROFILE.replace("scanner1 =", '"two words" ='), "a user name without spaces"),
        (PROFILE.replace(".dept.example", "not an address"), "user@domain, domain, .domain"),
        (PROFILE.replace("max_failures = 5", "max_failures = 0"), "1"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    whole = text if text.startswith("format") else BASE + text
    outcome = checks.load(whole.encode())
    assert isinstance(outcome, checks.Refused)
    assert said in "\n".join(map(str, outcome.findings))


def test_a_private_listener_that_asks_for_a_login_is_no_open_relay() -> None:
    relay = PRIVATE.replace('"accept"', '"relay"')
    assert "an open relay" in found(relay)
    assert "an open relay" in found(relay + 'smtp_auth = "preferred"\n')
    assert "an open relay" not in found(relay + 'smtp_auth = "required"\n')
    assert "every recipient is refused" in found(PRIVATE)
    assert found(PRIVATE + 'smtp_auth = "preferred"\n').count("recipient") == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('smtp_auth = "required"', ""),
        ('smtp_auth = "required"\nauth_needs_tls = false', "passwords may travel in clear text"),
    ],
)
def test_passwords_in_clear_are_pointed_out(change: str, said: str) -> None:
    text = found(PRIVATE + change + "\n")
    assert (said in text) if said else ("password" not in text)


def test_a_login_that_nobody_can_do_is_refused_or_pointed_out() -> None:
    off = PRIVATE.replace('tls = "preferred"', 'tls = "off"')
    assert isinstance(checks.load((off + 'smtp_auth = "required"\n').encode()), checks.Refused)
    assert "nobody can log in at listener Out" in found(off + 'smtp_auth = "required"\n')
    public = BASE + '[mail_flow_policies.ACCEPTED]\nsmtp_auth = "preferred"\n'
    assert "nobody can log in at listener In" in found(public)
    running(public)
    implicit = off.replace('certificate = "Demo"', 'tls_mode = "implicit"')
    assert "nobody can log in" not in found(implicit + 'smtp_auth = "required"\n')
