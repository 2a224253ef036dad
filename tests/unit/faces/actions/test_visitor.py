# SPDX-License-Identifier: Apache-2.0
"""Somebody who has logged in at a face: the account's rights count, at each action."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.faces.actions import carry, perform, visitor
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import LOGIN_OVER, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.registry import ACTIONS, BY_NAME
from gatehouse.faces.actions.visitor import Visitor
from gatehouse.policy.people import Role, may
from gatehouse.service.base import passwords
from gatehouse.service.base.control import Request, Visit
from gatehouse.store.people_values import Account, AuditFilter
from tests.unit.faces.actions.test_roles import sample
from tests.unit.faces.conftest import NOW, PretendGateway

LOGIN = Visit(way="ssh", address="192.0.2.7", credentials_at=1.0)


@pytest.fixture
def served(house: House, gateway: PretendGateway, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose control socket is a function."""
    running = replace(house, gateway=gateway)

    def call(path: object, request: Request) -> bytes:
        answers: list[bytes] = []

        def answer() -> None:
            answers.append(asyncio.run(perform.answer(running, request, no_fault)))

        # As in the gateway: in another thread than the session's.
        thread = threading.Thread(target=answer)
        thread.start()
        thread.join()
        return answers[0]

    monkeypatch.setattr("gatehouse.faces.actions.carry.call", call)
    monkeypatch.setattr(passwords, "hash_password", lambda text: f"hash of {len(text)}")
    for name in ("bob", "ann"):
        house.store.people.add(
            Account(name=name, role="administrator", created_at=1, changed_at=1, credentials_at=1)
        )
    return house


def no_fault(where: str, error: BaseException) -> None:
    raise AssertionError(f"{where}: {error!r}") from error


def bob(house: House, login: Visit = LOGIN) -> Visitor:
    return Visitor(house, "bob", login)


def do(who: Visitor, what: str, /, **fields: Any) -> Any:
    action = BY_NAME[what]
    return who.carry(action, action.input(**fields))


def refused(who: Visitor, what: str, /, **fields: Any) -> str:
    with pytest.raises(OperatorError) as raised:
        do(who, what, **fields)
    return raised.value.fault.reference


def test_what_he_does_is_done_as_his_account_from_where_he_is(served: House) -> None:
    assert do(bob(served), "user unlock", name="ann").done == "unlocked"
    (entry,) = served.store.audit.list(AuditFilter(operator="bob"), 10)
    assert (entry.role, entry.way, entry.address) == ("administrator", "ssh", "192.0.2.7")
    assert do(bob(served), "version").gatehouse == "1.2.3"


def test_a_role_counts_from_the_next_action_on(served: House) -> None:
    session = bob(served)
    do(session, "user list")
    do(Visitor(served, "ann", LOGIN), "user role", name="bob", role="guest")
    assert refused(session, "status") == LOGIN_OVER
    again = now(served)
    assert refused(again, "user list") == "not-allowed"
    assert do(again, "status").running


@pytest.mark.parametrize("what", ["user disable", "user delete"])
def test_whose_account_is_locked_or_gone_is_out(served: House, what: str) -> None:
    session = bob(served)
    do(Visitor(served, "ann", LOGIN), what, name="bob")
    for action in ("status", "version"):
        assert refused(session, action) == LOGIN_OVER


def test_a_password_that_somebody_else_sets_ends_the_session(served: House) -> None:
    session = bob(served)
    ann = Visitor(served, "ann", LOGIN)
    do(ann, "user password", name="bob", password="canary of the deep mine")
    assert refused(session, "status") == LOGIN_OVER
    assert do(ann, "status")


def test_ones_own_new_password_does_not(served: House) -> None:
    session, other = bob(served), bob(served)
    do(session, "user password", name="BOB", password="canary of the deep mine")
    assert do(session, "status")
    assert refused(other, "status") == LOGIN_OVER


def test_a_change_of_somebody_elses_at_the_same_time_ends_it_all_the_same(
    served: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = bob(served)
    asked = carry.ask

    def ask_and_be_reset(*arguments: Any) -> Any:
        done = asked(*arguments)
        account = served.store.people.get("bob")
        assert account is not None
        served.store.people.replace(replace(account, credentials_at=NOW + 50), "administrator")
        return done

    monkeypatch.setattr(visitor, "ask", ask_and_be_reset)
    do(session, "user password", name="bob", password="canary of the deep mine")
    monkeypatch.setattr(visitor, "ask", asked)
    assert refused(session, "status") == LOGIN_OVER


def replace_at(at: float) -> Visit:
    return Visit(way="ssh", address="192.0.2.7", credentials_at=at)


def now(house: House) -> Visitor:
    """Bob, who logs in at this moment."""
    account = house.store.people.get("bob")
    return bob(house, replace_at(0.0 if account is None else account.credentials_at))


def test_a_login_counts_until_somebody_else_changes_the_account(served: House) -> None:
    session, ann = bob(served), Visitor(served, "ann", LOGIN)
    assert session.counts()
    do(session, "user password", name="bob", password="canary of the deep mine")
    assert session.counts()
    do(ann, "user disable", name="bob")
    assert not session.counts()
    do(ann, "user delete", name="bob")
    assert not now(served).counts()
    assert ann.counts()


def test_ones_own_change_is_not_the_end_while_it_is_under_way(
    served: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, asked = bob(served), carry.ask
    seen: list[bool] = []

    def ask_and_look(*arguments: Any) -> Any:
        done = asked(*arguments)
        seen.append(session.counts())
        return done

    monkeypatch.setattr(visitor, "ask", ask_and_look)
    do(session, "user password", name="bob", password="canary of the deep mine")
    assert seen == [True]


def test_a_clock_that_was_set_back_gives_an_old_login_nothing(served: House) -> None:
    late = bob(served, replace_at(NOW + 1000))
    assert refused(late, "status") == LOGIN_OVER


@pytest.mark.parametrize("role", Role)
def test_every_action_is_begun_or_refused_as_the_table_of_roles_says(
    served: House, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def work_of(action: Action) -> perform.Work:
        async def work(house: House, given: Any) -> Any:
            begun.append(action.name)
            raise OperatorError("begun", f"as {house.acting.name}, {house.acting.role.value}")

        return work

    monkeypatch.setattr(perform, "work_of", work_of)
    monkeypatch.setattr(served.store.audit, "append", lambda entry: None)  # a flush for each
    served.store.people.add(
        Account(name="eve", role=role.value, created_at=1, changed_at=1, credentials_at=1)
    )
    eve = Visitor(served, "eve", LOGIN)
    for action in ACTIONS:
        with pytest.raises(OperatorError) as raised:
            eve.carry(action, sample(action))
        allowed = may(role, action.role, changes=action.changes)
        fault = raised.value.fault
        assert fault.reference == ("begun" if allowed else "not-allowed"), action.name
        assert not allowed or fault.message == f"as eve, {role.value}"
        assert (action.name in begun) == allowed
