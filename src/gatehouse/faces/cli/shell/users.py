# SPDX-License-Identifier: Apache-2.0
"""userconfig and passwd: the people who operate the gateway. Both take effect without a commit."""

from gatehouse.faces.actions import people
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell.candidate_edit import attempt, choose_name
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    choose,
    confirm,
    do,
    menu,
    say,
    secret,
    show,
    something,
)

_AT_ONCE = "Changes of accounts take effect at once, without a commit."


def user_config() -> Talk[None]:
    """The menu of accounts."""
    yield from say(_AT_ONCE)
    while True:
        yield from say("")
        yield from show(people.LIST, Nothing())
        word = yield from menu(
            ("NEW", "Make an account."),
            ("EDIT", "Give one another role."),
            ("DELETE", "Remove one."),
            ("PASSWORD", "Give one a new password."),
        )
        if word is None:
            return
        yield from attempt(_OPERATIONS[word]())


def password_of() -> Talk[None]:
    """A new password for an account."""
    name = yield from ask("Account", check=something)
    yield from _set_password(name)


def _new() -> Talk[None]:
    name = yield from ask("Name of the account", check=something)
    full_name = yield from ask("Full name")
    role = yield from _ask_role()
    password = yield from secret("Password", new=True)
    given = people.AddInput(name=name, role=role, full_name=full_name, password=password)
    yield from show(people.ADD, given)


def _edit() -> Talk[None]:
    name = yield from _which()
    if name is not None:
        yield from show(people.ROLE, people.RoleInput(name=name, role=(yield from _ask_role())))


def _delete() -> Talk[None]:
    name = yield from _which()
    if name is not None and (yield from confirm(f"Remove {name}?")):
        yield from show(people.DELETE, people.AccountInput(name=name))


def _password() -> Talk[None]:
    name = yield from _which()
    if name is not None:
        yield from _set_password(name)


_OPERATIONS = {"NEW": _new, "EDIT": _edit, "DELETE": _delete, "PASSWORD": _password}


def _set_password(name: str) -> Talk[None]:
    password = yield from secret("New password", new=True)
    yield from show(people.PASSWORD, people.PasswordInput(name=name, password=password))


def _ask_role() -> Talk[str]:
    return people.ROLES[(yield from choose("Role", people.ROLES, default=None))]


def _which() -> Talk[str | None]:
    found = yield from do(people.LIST, Nothing(), people.AccountList)
    names = [one.name for one in found.accounts]
    return (yield from choose_name("Which account?", names, "account"))
