# SPDX-License-Identifier: Apache-2.0
"""Smart hosts in the configuration: from text to routes, and what is said about odd ones."""

import pytest

from gatehouse.config import checks
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.smart_hosts import PasswordOver, SmartTls
from tests.unit.config.test_checks import BASE, found

SMART = BASE + '[smtp_routes]\n"." = ["smarthost:ses/pri=5"]\n[smart_hosts.ses]\n'


def test_a_route_names_a_smart_host_with_its_port_level_and_login() -> None:
    outcome = checks.load((SMART + 'host = "Relay.Example"\nusername = "ann"\n').encode())
    assert isinstance(outcome, checks.Loaded)
    assert outcome.warnings == ()
    route = outcome.running.routes.lookup("shop.example")
    assert route is not None
    (host,) = route
    assert (host.host, host.port, host.priority) == ("relay.example", 587, 5)
    assert host.smart is not None
    assert host.smart.name == "ses"
    assert host.smart.level is OutboundTlsLevel.REQUIRED_VERIFY_HOSTED
    assert host.smart.tls_mode is SmartTls.STARTTLS
    assert host.smart.password_over is PasswordOver.VERIFIED_TLS
    assert host.smart.username == "ann"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('host = "127.0.0.1"', "error: * is not allowed"),
        ('host = "r.example"\npassword = "x"', "passwords are set with a command or a file"),
        ('host = "r.example"\nport = 465', "is unusual with port 465"),
        ('host = "r.example"\ntls_mode = "implicit"', "is unusual with port 587"),
        (
            'host = "r.example"\nport = 465\ntls_mode = "implicit"\ntls = "preferred"',
            "there is no clear text on a port with TLS from the first byte",
        ),
        (
            'host = "r.example"\nusername = "ann"\ntls = "required"',
            "level required does not insist on verified TLS",
        ),
        (
            'host = "r.example"\nusername = "ann"\npassword_over = "clear-text"',
            "the password may travel in clear",
        ),
        (
            'host = "r.example"\nusername = "ann"\npassword_over = "unverified-tls"',
            "whoever stands between can read the password",
        ),
    ],
)
def test_what_is_said_about_a_smart_host(lines: str, said: str) -> None:
    for part in said.split("*"):
        assert part.strip() in found(SMART + lines + "\n")


def test_a_route_to_a_smart_host_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    text = SMART.replace("smarthost:ses", "smarthost:sess") + 'host = "r.example"\n'
    assert "there is no such smart host" in found(text)
    assert "did you mean 'ses'?" in found(text)
