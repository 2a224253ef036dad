# SPDX-License-Identifier: Apache-2.0
"""[ssh]: what it becomes, and what is wrong or odd with it."""

import pytest

from gatehouse.config.checks import Loaded, Refused, load
from gatehouse.config.running import SshSettings

BASE = """\
format = 1
[interfaces.Inside]
address = "192.0.2.9"
[interfaces.Wide]
address = "0.0.0.0"
[listeners.Mail]
type = "private"
interface = "Inside"
port = 2525
[ssh]
enabled = true
"""


def loaded(more: str) -> Loaded:
    found = load((BASE + more).encode())
    assert isinstance(found, Loaded), found
    return found


def errors(more: str) -> list[str]:
    found = load((BASE + more).encode())
    assert isinstance(found, Refused)
    return [str(one) for one in found.findings if one.severity.value == "error"]


def warnings(more: str) -> list[str]:
    return [one.what for one in loaded(more).warnings if one.path[0] == "ssh"]


def test_it_is_off_unless_somebody_switches_it_on() -> None:
    assert load(BASE.replace("true", "false").encode()).running.ssh is None  # type: ignore[union-attr]


def test_it_listens_on_loopback_with_passwords_unless_said_otherwise() -> None:
    assert loaded("").running.ssh == SshSettings(
        address="127.0.0.1",
        port=2222,
        password_login=True,
        idle_timeout=1800,
        max_sessions=10,
        banner="",
    )
    assert warnings("") == []


def test_the_address_of_an_interface_wins() -> None:
    running = loaded('interface = "Inside"\naddress = "127.0.0.9"\n').running
    assert running.ssh is not None
    assert running.ssh.address == "192.0.2.9"


def test_an_interface_that_does_not_exist_is_an_error() -> None:
    (told,) = errors('interface = "Insid"\n')
    assert "ssh.interface" in told and "did you mean 'Inside'?" in told


@pytest.mark.parametrize("where", ['interface = "Inside"', 'address = "0.0.0.0"'])
def test_a_port_that_a_listener_has_is_an_error(where: str) -> None:
    (told,) = errors(f"{where}\nport = 2525\npassword_login = false\n")
    assert "listener Mail already listens on port 2525" in told


def test_the_same_port_of_another_address_is_free() -> None:
    assert warnings("port = 2525\n") == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "8.8.8.8"])
def test_passwords_where_everybody_can_guess_them_are_a_warning(address: str) -> None:
    (told,) = warnings(f'address = "{address}"\n')
    assert "may guess passwords" in told
    assert warnings(f'address = "{address}"\npassword_login = false\n') == []


@pytest.mark.parametrize("banner", ["\\u001b[2J", "a\\rb", "\\u202e", "x" * 2001])
def test_a_banner_cannot_carry_control_characters(banner: str) -> None:
    (told,) = errors(f'banner = "{banner}"\n')
    assert "ssh.banner" in told


def test_a_banner_may_have_lines() -> None:
    running = loaded('banner = "Property of Example.\\nGo away."\n').running
    assert running.ssh is not None
    assert running.ssh.banner == "Property of Example.\nGo away."
