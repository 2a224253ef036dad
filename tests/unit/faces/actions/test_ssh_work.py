# SPDX-License-Identifier: Apache-2.0
"""The commands about SSH keys: adding, listing, removing, and the key of this gateway."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.faces.actions import perform
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.operator import Operator
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.policy import people
from gatehouse.policy.people import Role, Way
from gatehouse.store.people_values import Account
from tests.unit.faces.conftest import NOW, PretendGateway
from tests.unit.service.base.test_ssh_keys import FINGERPRINT, LINE, hardware_key

BOB = Operator(name="bob", role=Role.GUEST, way=Way.SSH, account="bob")


@pytest.fixture
def bobs_house(house: House) -> House:
    house.store.people.add(
        Account(name="bob", role="guest", created_at=1.0, changed_at=1.0, credentials_at=1.0)
    )
    return house


def do(house: House, what: str, /, **fields: Any) -> Any:
    action = BY_NAME[what]
    return asyncio.run(perform.do(action, house, action.input(**fields)))


def refused(house: House, what: str, /, **fields: Any) -> str:
    with pytest.raises(OperatorError) as raised:
        do(house, what, **fields)
    return raised.value.fault.reference


def test_a_key_is_added_listed_and_removed(bobs_house: House) -> None:
    added = do(bobs_house, "user ssh-key add", name="Bob", key=LINE)
    assert (added.name, added.fingerprint, added.comment) == ("bob", FINGERPRINT, "ann@desk")
    assert refused(bobs_house, "user ssh-key add", name="bob", key=LINE) == "ssh-key-exists"
    assert do(bobs_house, "user ssh-key list", name="bob").keys == (added,)
    assert refused(bobs_house, "user ssh-key remove", name="bob", fingerprint="SHA256:x") == (
        "no-such-ssh-key"
    )
    do(bobs_house, "user ssh-key remove", name="bob", fingerprint=FINGERPRINT)
    assert do(bobs_house, "user ssh-key list", name="bob").keys == ()
    account = bobs_house.store.people.get("bob")
    assert account is not None and account.credentials_at >= NOW


def test_what_is_no_key_and_who_is_nobody_is_refused(bobs_house: House) -> None:
    assert refused(bobs_house, "user ssh-key add", name="bob", key=b"x y") == "bad-ssh-key"
    assert refused(bobs_house, "user ssh-key add", name="eve", key=LINE) == "no-such-account"


def test_an_account_has_so_many_keys_and_no_more(
    bobs_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.faces.actions.ssh_work.MOST_SSH_KEYS", 1)
    assert people.MOST_SSH_KEYS > 1
    do(bobs_house, "user ssh-key add", name="bob", key=LINE)
    more = refused(bobs_house, "user ssh-key add", name="bob", key=hardware_key())
    assert more == "too-many-ssh-keys"


def test_everybody_sees_to_his_own_keys_and_to_no_others(bobs_house: House) -> None:
    bob = bobs_house.acting_for(BOB)
    assert do(bob, "user ssh-key add", name="bob", key=LINE).fingerprint == FINGERPRINT
    assert refused(bob, "user ssh-key add", name="admin", key=LINE) == "not-allowed"
    assert refused(bob, "ssh host-key") == "not-allowed"


def test_the_host_key_is_shown_and_renewed(house: House, gateway: PretendGateway) -> None:
    shown = do(house, "ssh host-key")
    assert shown.fingerprint.startswith("SHA256:") and not shown.renewed
    assert do(house, "ssh host-key") == shown
    renewed = do(replace(house, gateway=gateway), "ssh host-key", renew=True)
    assert renewed.renewed and renewed.line != shown.line
    assert do(house, "ssh host-key").fingerprint == renewed.fingerprint
