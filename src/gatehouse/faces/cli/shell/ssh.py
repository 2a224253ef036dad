# SPDX-License-Identifier: Apache-2.0
"""sshconfig: the shell over SSH, and the public keys with which people log in."""

from functools import partial

from gatehouse.config import ssh_build, units
from gatehouse.faces.actions import people, ssh
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, choose_name, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, ask, confirm, do, say, show, something
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean

_SERVER = (
    Question(field="enabled", text="Let operators log in over SSH?"),
    Question(
        field="interface",
        text="Interface whose address is listened on",
        names="interfaces",
        unset="None: the address below",
    ),
    Question(field="address", text="Address where no interface is chosen"),
    Question(field="port", text="TCP port"),
    Question(field="password_login", text="Do passwords open it, and not only keys?"),
    Question(field="idle_timeout", text="Time without a key after which a session ends"),
    Question(field="max_sessions", text="Sessions at the same time"),
    Question(field="banner", text="Text before a login, for whoever connects"),
)


def ssh_config() -> Talk[None]:
    """The menu of SSH."""
    draft = yield from open_draft()
    yield from menus.edit(
        draft,
        _now,
        ("SSHD", "Change the SSH server, or look at its key.", _server),
        ("USERKEY", "Manage the public keys of an account.", _user_keys),
    )


def _now(draft: Draft) -> Talk[None]:
    section = draft.document.ssh
    where = ssh_build.address(draft.document) or section.interface or ""
    state = f"on, at {where} port {section.port}" if section.enabled else "off"
    yield from say("", clean(f"The shell over SSH is {state}."))


def _server(draft: Draft) -> Talk[None]:
    yield from menus.edit(
        draft,
        _settings,
        ("SETUP", "Change the settings above.", _setup),
        ("HOSTKEY", "Show the key by which clients know this gateway.", _host_key),
    )


def _settings(draft: Draft) -> Talk[None]:
    now = draft.document.ssh
    rows = [
        ("Enabled", "yes" if now.enabled else "no"),
        ("Interface", now.interface or "none"),
        ("Address", ssh_build.address(draft.document) or now.address),
        ("Port", str(now.port)),
        ("Passwords", "yes" if now.password_login else "no, keys only"),
        ("Idle sessions end after", str(units.format_duration(now.idle_timeout))),
        ("Sessions at most", str(now.max_sessions)),
        ("Banner", (now.banner or "none").partition("\n")[0]),
    ]
    yield from say("", pairs([(name, clean(value)) for name, value in rows]))


def _setup(draft: Draft) -> Talk[None]:
    yield from ask_section(draft, ("ssh",), _SERVER)
    yield from keep(draft)


def _host_key(_: Draft) -> Talk[None]:
    yield from show(ssh.HOST_KEY, ssh.HostKeyInput())


def _user_keys(_: Draft) -> Talk[None]:
    name = yield from ask("Account", check=something)
    yield from say("Keys of accounts take effect at once, without a commit.")
    yield from menus.operate(
        partial(_keys, name),
        ("NEW", "Let it log in with a key.", partial(_new_key, name)),
        ("DELETE", "Take a key away.", partial(_delete_key, name)),
    )


def _keys(name: str) -> Talk[None]:
    yield from say("")
    yield from show(ssh.KEY_LIST, people.AccountInput(name=name))


def _new_key(name: str) -> Talk[None]:
    text = yield from ask("The public key", check=something, help="As id_ed25519.pub has it.")
    given = ssh.KeyInput(name=name, key=text.encode("utf-8", "replace"))
    yield from show(ssh.KEY_ADD, given)


def _delete_key(name: str) -> Talk[None]:
    found = yield from do(ssh.KEY_LIST, people.AccountInput(name=name), ssh.KeyList)
    prints = [one.fingerprint for one in found.keys]
    fingerprint = yield from choose_name("Which key?", prints, "key")
    if fingerprint is not None and (yield from confirm("Take it away?")):
        given = ssh.RemoveKeyInput(name=name, fingerprint=fingerprint)
        yield from show(ssh.KEY_REMOVE, given)
