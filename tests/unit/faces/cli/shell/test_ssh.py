# SPDX-License-Identifier: Apache-2.0
"""sshconfig: answers in, changes of the candidate and keys of accounts out."""

import asyncssh

from gatehouse.faces.actions import people, ssh
from tests.unit.faces.cli.shell.conftest import Desk

SETUP = ("sshconfig", "SSHD", "SETUP")


def keys(desk: Desk) -> tuple[ssh.KeyLine, ...]:
    found = desk.carry(ssh.KEY_LIST, people.AccountInput(name="bob"))
    assert isinstance(found, ssh.KeyList)
    return found.keys


def test_the_shell_over_ssh_is_switched_on(desk: Desk) -> None:
    made = desk.play(
        *SETUP, "Y", "PublicNet", "", "2022", "N", "10m", "51", "5", "Keep out", "", ""
    )
    assert made.ssh.model_dump(exclude_unset=True) == {
        "enabled": True,
        "interface": "PublicNet",
        "port": 2022,
        "password_login": False,
        "idle_timeout": 600,
        "max_sessions": 5,
        "banner": "Keep out",
    }
    assert "A whole number from 1 to 50 is needed." in desk.said
    assert "The shell over SSH is on, at 127.0.0.1 port 2022." in desk.said
    made = desk.play(*SETUP, "N", "1", "127.0.0.9", *[""] * 4, "none", "", "")
    assert (made.ssh.enabled, made.ssh.interface, made.ssh.banner) == (False, None, None)
    assert "The shell over SSH is off." in desk.said


def test_the_key_of_the_gateway_is_shown(desk: Desk) -> None:
    desk.play("sshconfig", "SSHD", "HOSTKEY", "", "")
    assert any("SHA256:" in line for line in desk.said)


def test_keys_of_an_account_are_added_and_taken_away(desk: Desk) -> None:
    desk.carry(people.ADD, people.AddInput(name="bob", role="operator", password="correct horse 1"))
    key = asyncssh.generate_private_key("ssh-ed25519")
    line = key.export_public_key().decode().strip()
    desk.play("sshconfig", "USERKEY", "bob", "NEW", "nonsense", "NEW", line, "", "")
    assert any(key.get_fingerprint() in line for line in desk.said)
    desk.play("sshconfig", "USERKEY", "bob", "DELETE", "1", "N", "", "")
    assert "Take it away? [N]> N" in desk.said
    assert len(keys(desk)) == 1
    desk.play("sshconfig", "USERKEY", "bob", "DELETE", "1", "Y", "DELETE", "", "")
    assert keys(desk) == ()
    assert "There is no key." in desk.said
    desk.play("sshconfig", "USERKEY", "nobody", "")
    assert any("nobody" in line for line in desk.said)
