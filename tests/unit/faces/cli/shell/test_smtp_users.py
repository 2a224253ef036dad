# SPDX-License-Identifier: Apache-2.0
"""smtpauthconfig > USERS: answers in, users out."""

from gatehouse.faces.actions import smtp_users
from gatehouse.faces.actions.action import Nothing
from tests.unit.faces.cli.shell.conftest import Desk

WAY = ("smtpauthconfig", "USERS")


def users(desk: Desk) -> dict[str, bool]:
    found = desk.carry(smtp_users.LIST, Nothing())
    assert isinstance(found, smtp_users.UserList)
    return {one.name: one.enabled for one in found.users}


def test_a_user_is_made_kept_out_let_in_and_forgotten(desk: Desk) -> None:
    made = desk.play(*WAY, "NEW", "scanner1", "short", "NEW", "scanner1", "correct horse", "", "")
    assert users(desk) == {"scanner1": True}
    assert made == desk.play()  # nothing of it is configuration
    desk.play(*WAY, "DISABLE", "1", "PRINT", "1", "", "")
    assert users(desk) == {"scanner1": False}
    desk.play(*WAY, "ENABLE", "scanner1", "UNLOCK", "1", "PASSWORD", "1", "battery staple", "", "")
    assert users(desk) == {"scanner1": True}
    assert not any("horse" in line or "battery" in line for line in desk.said)
    desk.play(*WAY, "DELETE", "1", "N", "", "")
    assert users(desk) == {"scanner1": True}
    desk.play(*WAY, "DELETE", "1", "Y", "DELETE", "", "")
    assert users(desk) == {}
    assert "There is no user." in desk.said
