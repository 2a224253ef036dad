# SPDX-License-Identifier: Apache-2.0
"""[ssh]: from text to where the shell is reached and how people log in."""

import pytest

from gatehouse.config import schema, ssh_build
from gatehouse.config.running import SshSettings
from tests.unit.config.test_checks import BASE, found
from tests.unit.config.test_tls_reporting import running

ALL = """\
[ssh]
enabled = true
interface = "Net"
port = 2022
password_login = false
idle_timeout = "2m"
max_sessions = 3
banner = "Hello"
"""


def test_everything_that_is_written_is_run_by() -> None:
    assert running(BASE + ALL).ssh == SshSettings(
        address="127.0.0.1",
        port=2022,
        password_login=False,
        idle_timeout=120,
        max_sessions=3,
        banner="Hello",
    )


def test_it_is_off_unless_switched_on() -> None:
    assert running(BASE).ssh is None
    assert running(BASE + ALL.replace("enabled = true", "enabled = false")).ssh is None


def test_without_an_interface_it_is_the_address() -> None:
    text = ALL.replace('interface = "Net"', 'address = "127.0.0.9"')
    made = running(BASE + text).ssh
    assert made is not None and made.address == "127.0.0.9"


def test_an_interface_that_does_not_exist_is_refused_and_never_built() -> None:
    assert "error" in found(BASE + ALL.replace('"Net"', '"Nowhere"'))
    document = schema.Document(format=1, ssh=schema.Ssh(enabled=True, interface="Nowhere"))
    assert ssh_build.address(document) is None
    with pytest.raises(ValueError, match="no such interface: 'Nowhere'"):
        ssh_build.settings(document)
