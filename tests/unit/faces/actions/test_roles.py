# SPDX-License-Identifier: Apache-2.0
"""Every action, asked for by every role: done where the table says so, and else not begun."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from gatehouse.faces.actions import perform
from gatehouse.faces.actions.action import Action, arguments
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.operator import NOBODY, Operator
from gatehouse.faces.actions.registry import ACTIONS, BY_NAME
from gatehouse.policy.people import GRANTS, Role, Way
from gatehouse.store.people_values import AuditFilter

OWN = {
    "user show",
    "user ssh-key add",
    "user ssh-key list",
    "user ssh-key remove",
    "user password",
    "user totp enable",
    "user totp disable",
    "user totp recovery",
    "user token create",
    "user token list",
    "user token revoke",
}


def somebody(role: Role, account: str = "") -> Operator:
    return Operator(name="eve", role=role, way=Way.WEB, address="192.0.2.9", account=account)


def sample(action: Action, **fields: object) -> msgspec.Struct:
    """An input with something of the right type in each field that needs something."""
    values: dict[str, object] = {}
    for field, kind, asked in arguments(action):
        if field.required:
            plain = getattr(kind, "__origin__", kind)
            least = asked.least or 1
            values[field.name] = {str: "x", int: least, bytes: b"x", bool: True}.get(plain, ())
    return action.input(**(values | fields))


def dump(house: House) -> list[tuple[Any, ...]]:
    """All that is kept, but the audit log."""
    connection = apsw.Connection(str(house.directory.database))
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if name not in ("audit", "sqlite_sequence")
    ]
    rows = [(name, *row) for name in tables for row in connection.execute(f"SELECT * FROM {name}")]
    connection.close()
    return rows


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which work was begun, instead of being done."""
    names: list[str] = []

    def work_of(action: Action) -> perform.Work:
        async def work(house: House, given: Any) -> None:
            names.append(action.name)

        return work

    monkeypatch.setattr(perform, "work_of", work_of)
    return names


@pytest.mark.parametrize("role", Role)
def test_every_action_is_done_or_refused_as_the_table_says(
    role: Role, running_house: House, begun: list[str]
) -> None:
    house = running_house.acting_for(somebody(role))
    before, grant = dump(house), GRANTS[role]
    wanted: list[str] = []
    refused: list[str] = []
    for action in ACTIONS:
        allowed = action.role in (grant.changes if action.changes else grant.looks)
        (wanted if allowed else refused).append(action.name)
        if allowed:
            asyncio.run(perform.do(action, house, sample(action)))
            continue
        with pytest.raises(OperatorError) as raised:
            asyncio.run(perform.do(action, house, sample(action)))
        assert raised.value.fault.reference == "not-allowed"
    assert begun == wanted
    assert dump(house) == before
    kept = house.store.audit.list(AuditFilter(), 1000)
    assert [one.action for one in reversed(kept) if one.outcome == "refused"] == refused
    done = [one.action for one in reversed(kept) if one.outcome == "done"]
    assert set(done) >= {one.name for one in ACTIONS if one.changes and one.name in wanted}
    assert {(one.operator, one.role, one.way, one.address) for one in kept} <= {
        ("eve", role.value, "web", "192.0.2.9")
    }


@pytest.mark.parametrize("needed", Role)
@pytest.mark.parametrize("role", Role)
def test_changing_takes_more_than_looking(
    role: Role, needed: Role, running_house: House, begun: list[str]
) -> None:
    """Also for pairs that no action of today has."""
    house = running_house.acting_for(somebody(role))
    action = replace(BY_NAME["queue list"], name="x", role=needed, changes=True)
    with suppress(OperatorError):
        asyncio.run(perform.do(action, house, sample(action)))
    assert bool(begun) == (needed in GRANTS[role].changes)


def test_roles_differ_by_more_than_their_names() -> None:
    counts = {
        role: sum(
            one.role in (GRANTS[role].changes if one.changes else GRANTS[role].looks)
            for one in ACTIONS
        )
        for role in Role
    }
    assert counts[Role.ADMINISTRATOR] == len(ACTIONS)
    assert (
        len(ACTIONS)
        > counts[Role.OPERATOR]
        > counts[Role.READ_ONLY]
        > counts[Role.HELP_DESK]
        > counts[Role.GUEST]
        >= 2
    )


def test_what_is_open_for_ones_own_account_is_known() -> None:
    assert {action.name for action in ACTIONS if action.own} == OWN


@pytest.mark.parametrize("name", sorted(OWN))
def test_ones_own_account_is_open_and_no_other(
    name: str, running_house: House, begun: list[str]
) -> None:
    action = next(one for one in ACTIONS if one.name == name)
    house = running_house.acting_for(somebody(Role.GUEST, account="eve"))
    asyncio.run(perform.do(action, house, sample(action, name="EVE")))
    assert begun == [name]
    for other in ("bob", "", "eve2", "\x00"):
        with pytest.raises(OperatorError, match="role"):
            asyncio.run(perform.do(action, house, sample(action, name=other)))
    token = running_house.acting_for(somebody(Role.GUEST))
    with pytest.raises(OperatorError, match="role"):
        asyncio.run(perform.do(action, token, sample(action, name="eve")))
    assert begun == [name]


def test_who_was_not_told_to_be_anybody_is_a_guest(house: House, begun: list[str]) -> None:
    nobody = House(directory=house.directory, version="", operator="x", opened=house.opened)
    assert nobody.acting == NOBODY
    for action in ACTIONS:
        if action.role is not Role.GUEST:
            with pytest.raises(OperatorError):
                asyncio.run(perform.do(action, nobody, sample(action)))
    assert begun == []


def test_acting_as_somebody_keeps_the_name_of_both(house: House) -> None:
    same = house.acting_for(replace(somebody(Role.GUEST), address="root"))
    assert (same.operator, same.acting.address) == ("eve", "root")


def test_no_role_that_an_action_names_is_one_that_nobody_has() -> None:
    for action in ACTIONS:
        assert any(
            action.role in (grant.changes if action.changes else grant.looks)
            for grant in GRANTS.values()
        ), action.name


def test_the_table_is_all_there_is(tmp_path: Path) -> None:
    """Only `perform.do` begins a work: nobody goes around it."""
    source = Path(perform.__file__).parents[1]
    callers = [
        str(place.relative_to(source))
        for place in source.rglob("*.py")
        if "work_of(" in place.read_text()
    ]
    assert callers == ["actions/perform.py"]
