# SPDX-License-Identifier: Apache-2.0
"""People on a running gateway: the first administrator, roles, the audit log, and no secret left.

What was typed or shown is looked for in everything that the gateway leaves behind.
"""

import asyncio
import json
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyotp
import pytest

from gatehouse.app import open_house
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.actions.carry import carry
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.journal import facts
from gatehouse.policy.people import Role, Way
from gatehouse.service.base.people import Login, People, Person, Refused
from tests.live.gateway import Gateway, address

PASSWORD = "canary of the deep mine"
SHOWN = re.compile(
    rb"^Administrator admin, password (\S+) \(it is not shown again\)$", re.MULTILINE
)


class Scene:
    """A gateway that has just been started for the first time."""

    def __init__(self, folder: Path) -> None:
        text = DEFAULT_TEXT.replace('"127.0.0.1"', f'"{address()}"')
        text += "\n[processes]\nreceivers = 1\n"
        self.gateway = Gateway(folder, text)
        self.password_file = folder / "bob.txt"
        self.password_file.write_text(PASSWORD + "\n")
        self.seen: list[str] = [PASSWORD]

    def do(self, what: str, /, acting_as: str = "", **fields: object) -> Any:
        """An action through the control socket, without a process of its own."""
        action = BY_NAME[what]
        given = action.input(**fields)
        done = carry(action, given, self.gateway.data, "0", open_house, acting_as)
        return msgspec.to_builtins(done)

    def refused(self, what: str, acting_as: str) -> str:
        with pytest.raises(OperatorError) as raised:
            self.do(what, acting_as)
        return raised.value.fault.reference

    def login(self, name: str, password: str, code: str = "") -> Person | Refused:
        """As a face will do it, on the store of the running gateway."""
        _, store = open_house(self.gateway.data)
        door = People(store, lambda: 1_800_000_000.0, lambda fact: None)
        login = Login(name=name, password=password, code=code, way=Way.WEB, address="192.0.2.1")
        try:
            return asyncio.run(door.authenticate(login))
        finally:
            door.close()
            store.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("people"))
    with scene.gateway:
        yield scene
    scene.gateway.assert_sound()


def test_the_password_of_the_first_administrator_is_shown_once(scene: Scene) -> None:
    (password,) = SHOWN.findall(scene.gateway.output.read_bytes())
    scene.seen.append(password.decode())
    who = scene.login("admin", password.decode())
    assert isinstance(who, Person)
    assert who.role is Role.ADMINISTRATOR


def test_a_guest_sees_little_and_the_audit_log_says_what_was_refused(scene: Scene) -> None:
    own = pwd.getpwuid(os.getuid()).pw_name
    file = str(scene.password_file)
    scene.gateway.command("user", "add", "bob", "--role", "guest", "--password-file", file)
    assert isinstance(scene.login("bob", PASSWORD), Person)
    said = json.loads(scene.gateway.command("--as", "bob", "queue", "list", "--json", status=1))
    assert said["fault"]["reference"] == "not-allowed"
    assert scene.do("status", "bob")["running"]
    assert scene.refused("status", "nobody-else") == "no-such-account"
    entries = scene.do("audit list")["entries"]
    assert [(e["operator"], e["role"], e["way"], e["address"], e["outcome"]) for e in entries] == [
        ("bob", "guest", "socket", own, "refused"),
        (own, "administrator", "socket", "", "done"),
    ]
    assert entries[1]["arguments"] == {"name": "bob", "role": "guest", "password": "(secret)"}
    told = scene.gateway.events.wait(facts.OperatorAction, outcome="refused")
    assert (told.operator, told.action) == ("bob", "queue list")


def test_a_commit_stands_in_the_audit_log_with_what_it_changed(scene: Scene) -> None:
    text = scene.do("config show")["text"].replace("gatehouse.example.com", "gw9.example.com")
    revision = scene.do("config load", file=text.encode(), commit="another name")["revision"]
    (entry,) = scene.do("audit list", action="config", diff=True)["entries"]
    told = (entry["action"], entry["outcome"], entry["revision"])
    assert told == ("config load", "done", revision)
    assert '+hostname = "gw9.example.com"' in entry["diff"]
    assert set(entry["arguments"]["file"]) == {"octets", "sha256"}


def test_nothing_that_proves_somebody_is_left_anywhere(scene: Scene) -> None:
    totp = pyotp.parse_uri(scene.do("user totp enable", name="bob")["uri"])
    assert isinstance(totp, pyotp.totp.TOTP)
    codes = scene.do("user totp enable", name="bob", code=totp.now())["recovery_codes"]
    token = scene.do("user token create", name="bob")["token"]
    assert scene.login("bob", PASSWORD) == Refused()
    assert isinstance(scene.login("bob", PASSWORD, codes[0]), Person)
    scene.gateway.events.wait(facts.OperatorAction, action="user token create")
    left = json.dumps(scene.do("audit list", diff=True)).encode()
    places = [one for one in scene.gateway.data.rglob("*") if one.is_file()]
    assert {"queue.db", "mail.current"} <= {one.name for one in places}
    left += b"".join(one.read_bytes() for one in places)
    for secret in (*scene.seen, totp.secret, token, *codes):
        assert secret.encode() not in left
        assert secret.replace("-", "").encode() not in left
