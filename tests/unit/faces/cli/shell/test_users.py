# SPDX-License-Identifier: Apache-2.0
"""userconfig and passwd: answers in, accounts out."""

from gatehouse.faces.actions import people
from gatehouse.faces.actions.action import Nothing
from tests.unit.faces.cli.shell.conftest import Desk

FIRST, SECOND = "shell under the linden", "another linden of 1897"


def accounts(desk: Desk) -> dict[str, str]:
    found = desk.carry(people.LIST, Nothing())
    assert isinstance(found, people.AccountList)
    return {one.name: one.role for one in found.accounts}


def test_an_account_from_its_making_to_its_end(desk: Desk) -> None:
    desk.play("userconfig", "NEW", "ann", "Ann Example", "operator", FIRST, "")
    assert accounts(desk)["ann"] == "operator"
    desk.play("userconfig", "EDIT", "ann", "read-only", "PASSWORD", "ann", SECOND, "")
    assert accounts(desk)["ann"] == "read-only"
    desk.play("passwd ann", FIRST)
    assert not any(FIRST in line or SECOND in line for line in desk.said)
    desk.play("userconfig", "DELETE", "ann", "Y", "")
    assert "ann" not in accounts(desk)


def test_a_bad_password_is_refused_and_the_menu_goes_on(desk: Desk) -> None:
    desk.play("userconfig", "NEW", "bob", "", "guest", "short", "")
    assert "bob" not in accounts(desk)


def test_an_account_that_is_not_there_has_no_password(desk: Desk) -> None:
    desk.play("passwd nobody-here", FIRST)
    assert accounts(desk) == {}
