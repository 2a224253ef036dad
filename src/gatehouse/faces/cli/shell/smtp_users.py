# SPDX-License-Identifier: Apache-2.0
"""smtpauthconfig > USERS: who may log in at listeners. All of it takes effect at once."""

from functools import partial

from gatehouse.faces.actions import smtp_users
from gatehouse.faces.actions.action import Action, Nothing
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import choose_name
from gatehouse.faces.cli.shell.dialogue import Talk, ask, confirm, do, say, secret, show, something


def smtp_auth_users() -> Talk[None]:
    """The menu of users."""
    yield from say("Changes of users take effect at once, without a commit.")
    yield from menus.operate(
        _now,
        ("NEW", "Let a device or a person send.", _new),
        ("PASSWORD", "Give one a new password.", _password),
        ("DISABLE", "Keep one from logging in.", partial(_done, smtp_users.DISABLE)),
        ("ENABLE", "Let one log in again.", partial(_done, smtp_users.ENABLE)),
        ("UNLOCK", "Forget the failed logins of one.", partial(_done, smtp_users.UNLOCK)),
        ("DELETE", "Forget one.", _delete),
        ("PRINT", "Show one with failed logins and usual addresses.", _print),
    )


def _now() -> Talk[None]:
    yield from say("")
    yield from show(smtp_users.LIST, Nothing())


def _new() -> Talk[None]:
    name = yield from ask("Name of the user", check=something)
    password = yield from secret("Password", new=True)
    yield from show(smtp_users.ADD, smtp_users.AddInput(name=name, password=password))


def _password() -> Talk[None]:
    name = yield from _which()
    if name is not None:
        password = yield from secret("New password", new=True)
        given = smtp_users.PasswordInput(name=name, password=password)
        yield from show(smtp_users.PASSWORD, given)


def _done(action: Action) -> Talk[None]:
    name = yield from _which()
    if name is not None:
        yield from show(action, smtp_users.UserInput(name=name))


def _delete() -> Talk[None]:
    name = yield from _which()
    if name is not None and (yield from confirm(f"Forget {name}?")):
        yield from show(smtp_users.DELETE, smtp_users.UserInput(name=name))


def _print() -> Talk[None]:
    name = yield from _which()
    if name is not None:
        yield from show(smtp_users.SHOW, smtp_users.UserInput(name=name))


def _which() -> Talk[str | None]:
    found = yield from do(smtp_users.LIST, Nothing(), smtp_users.UserList)
    names = [one.name for one in found.users]
    return (yield from choose_name("Which user?", names, "user"))
