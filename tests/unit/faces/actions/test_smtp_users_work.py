# SPDX-License-Identifier: Apache-2.0
"""Users of SMTP AUTH: made, changed, shown and forgotten, and never with their passwords."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import pytest

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.smtp_users import AddInput, PasswordInput, UserInput
from gatehouse.faces.actions.smtp_users_work import (
    add,
    delete,
    disable,
    enable,
    list_users,
    set_password,
    show,
    unlock,
)
from gatehouse.journal import facts
from gatehouse.service.base.passwords import verify_password
from gatehouse.smtp import scram
from gatehouse.store.auth_values import FailedLogin
from tests.unit.tls.authority import issue

SECRET = "canary-password"
T = TypeVar("T")


def do(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def refusal(work: Coroutine[Any, Any, object]) -> str:
    with pytest.raises(OperatorError) as refused:
        do(work)
    assert "canary" not in refused.value.fault.sentence()
    return refused.value.fault.reference


def test_a_user_with_a_password_can_prove_it_in_both_ways(house: House) -> None:
    assert do(add(house, AddInput(name="Scanner1", password=SECRET))).name == "scanner1"
    user = house.store.smtp_users.get("scanner1")
    assert user is not None
    assert verify_password(user.password_hash, SECRET)
    assert user.scram is not None
    again = scram.derive_keys(SECRET, user.scram.salt, user.scram.iterations)
    assert (again.stored_key, again.server_key) == (user.scram.stored_key, user.scram.server_key)


def test_a_user_with_a_certificate_needs_no_password(house: House) -> None:
    pem = issue("Device 7").pem
    do(add(house, AddInput(name="device", certificate=pem)))
    do(add(house, AddInput(name="named", certificate_name="DNS:Device8.Example.com")))
    device, named = do(list_users(house, Nothing())).users
    assert device.certificate is not None
    assert device.certificate.startswith("sha256:")
    assert not device.password
    assert named.certificate == "dns:device8.example.com"
    assert refusal(add(house, AddInput(name="two", certificate=pem))) == "certificate-taken"


@pytest.mark.parametrize(
    ("given", "reference"),
    [
        (AddInput(name="two words", password=SECRET), "bad-user-name"),
        (AddInput(name="ann"), "password-needed"),
        (AddInput(name="ann", password="canary7"), "short-password"),
        (AddInput(name="ann", password="canary\x00canary"), "bad-password"),
        (AddInput(name="ann", certificate=b"canary"), "bad-certificate"),
        (AddInput(name="ann", certificate_name="host"), "bad-certificate-name"),
        (AddInput(name="ann", certificate=b"x", certificate_name="dns:x.y"), "bad-arguments"),
    ],
)
def test_what_is_refused(house: House, given: AddInput, reference: str) -> None:
    assert refusal(add(house, given)) == reference
    assert house.store.smtp_users.list() == ()


def test_a_name_is_there_once_in_whatever_case(house: House) -> None:
    do(add(house, AddInput(name="ann", password=SECRET)))
    assert refusal(add(house, AddInput(name="ANN", password=SECRET))) == "user-exists"


def test_a_user_is_disabled_enabled_given_a_new_password_and_deleted(house: House) -> None:
    do(add(house, AddInput(name="ann", password=SECRET)))
    assert do(disable(house, UserInput(name="Ann"))).done == "disabled"
    assert not do(show(house, UserInput(name="ann"))).user.enabled
    assert do(enable(house, UserInput(name="ann"))).done == "enabled"
    do(set_password(house, PasswordInput(name="ann", password="canary-another")))
    user = house.store.smtp_users.get("ann")
    assert user is not None
    assert user.enabled
    assert user.changed_at > user.created_at
    assert verify_password(user.password_hash, "canary-another")
    assert do(delete(house, UserInput(name="ann"))).done == "deleted"
    for work in (show, disable, enable, delete, unlock):
        assert refusal(work(house, UserInput(name="ann"))) == "no-such-user"
    given = PasswordInput(name="ann", password=SECRET)
    assert refusal(set_password(house, given)) == "no-such-user"


def test_failures_are_shown_with_their_waits_and_forgotten(house: House) -> None:
    do(add(house, AddInput(name="ann", password=SECRET)))
    users, now = house.store.smtp_users, house.clock.wall()
    for _ in range(10):
        users.note_failures(
            [
                FailedLogin(
                    account="ann",
                    network="192.0.2.9",
                    at=now,
                    forget_before=0.0,
                    most=100,
                    usual=False,
                )
            ]
        )
    users.note_success("ann", "192.0.2.1", now, 100)
    shown = do(show(house, UserInput(name="ann")))
    everywhere, there = shown.failures
    assert (everywhere.network, everywhere.failures) == ("", 10)
    assert (there.network, there.failures) == ("192.0.2.9", 10)
    assert everywhere.waits_until is not None
    assert there.waits_until is not None
    assert there.waits_until > everywhere.waits_until
    assert [one.network for one in shown.usual] == ["192.0.2.1"]
    do(unlock(house, UserInput(name="ann")))
    assert do(show(house, UserInput(name="ann"))).failures == ()


def test_the_journal_hears_who_changed_whom_and_nothing_else(house: House) -> None:
    heard: list[facts.Fact] = []
    told = replace(house, record=heard.append)
    do(add(told, AddInput(name="Ann", password=SECRET)))
    do(set_password(told, PasswordInput(name="ann", password="canary-another")))
    do(delete(told, UserInput(name="ann")))
    changed = [fact for fact in heard if isinstance(fact, facts.SmtpUserChanged)]
    assert [(one.name, one.done) for one in changed] == [
        ("ann", "added"),
        ("ann", "password changed"),
        ("ann", "deleted"),
    ]
    assert {one.operator for one in changed} == {"ann"}
    assert "canary" not in repr(heard)


def test_no_output_holds_what_a_password_left_behind(house: House) -> None:
    do(add(house, AddInput(name="ann", password=SECRET)))
    said = msgspec.json.encode(do(show(house, UserInput(name="ann"))))
    said += msgspec.json.encode(do(list_users(house, Nothing())))
    for secret in (b"canary", b"argon2", b"salt"):
        assert secret not in said
