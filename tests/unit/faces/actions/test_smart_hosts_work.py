# SPDX-License-Identifier: Apache-2.0
"""The passwords of smart hosts: kept sealed, never shown."""

import asyncio

import pytest

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.smart_hosts import ForgetInput, PasswordInput
from gatehouse.faces.actions.smart_hosts_work import (
    MAX_PASSWORD,
    forget_password,
    list_smart_hosts,
    set_password,
)

CONFIGURATION = """\
format = 1
[smtp_routes]
"." = ["smarthost:ses"]
".inside.example" = ["10.1.2.3", "smarthost:ses/pri=5"]
[smart_hosts.ses]
host = "relay.example"
username = "AKIAEXAMPLE"
[smart_hosts.open]
host = "in.example"
port = 25
tls = "preferred"
"""


@pytest.fixture
def configured(house: House) -> House:
    house.store.revisions.append(text=CONFIGURATION, operator="test", comment="", committed_at=1.0)
    return house


def test_a_password_is_set_used_by_name_and_forgotten(configured: House) -> None:
    given = PasswordInput(name="ses", password="canary-4711")
    done = asyncio.run(set_password(configured, given))
    assert (done.set, done.known) == (True, True)
    assert configured.store.secrets.get("smart-host/ses") == b"canary-4711"
    listed = asyncio.run(list_smart_hosts(configured, Nothing()))
    ses, open_ = listed.smart_hosts
    assert (ses.name, ses.password_set, ses.username) == ("ses", True, "AKIAEXAMPLE")
    assert ses.routes == (".inside.example", ".")
    assert (open_.name, open_.password_set, open_.username) == ("open", False, None)
    assert listed.orphans == ()
    assert "canary" not in repr(listed)
    assert not asyncio.run(forget_password(configured, ForgetInput(name="ses"))).set
    assert configured.store.secrets.get("smart-host/ses") is None


def test_a_password_may_come_before_its_smart_host_and_is_then_pointed_out(
    configured: House,
) -> None:
    done = asyncio.run(set_password(configured, PasswordInput(name="later", password="x")))
    assert not done.known
    assert asyncio.run(list_smart_hosts(configured, Nothing())).orphans == ("later",)


@pytest.mark.parametrize("password", ["", "a\0b", "x" * (MAX_PASSWORD + 1)])
def test_what_is_no_password(configured: House, password: str) -> None:
    with pytest.raises(OperatorError):
        asyncio.run(set_password(configured, PasswordInput(name="ses", password=password)))


def test_there_is_nothing_to_forget(configured: House) -> None:
    with pytest.raises(OperatorError, match="no password"):
        asyncio.run(forget_password(configured, ForgetInput(name="ses")))
