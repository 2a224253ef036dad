# SPDX-License-Identifier: Apache-2.0
"""Declarations: the people who operate the gateway, with their roles and passwords."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role
from gatehouse.faces.actions.login_failures import FailureLine

ROLES = tuple(role.value for role in Role)
Name = Annotated[str, Arg(help="name of the account; case does not count", positional=True)]
_AT_ONCE = "This takes effect at once, without a commit."


class AddInput(msgspec.Struct, frozen=True, kw_only=True):
    """Who, and what he may do."""

    name: Name
    role: Annotated[str, Arg(help="what he may do", choices=ROLES)]
    full_name: Annotated[str, Arg(help="for people who read the list", metavar="TEXT")] = ""
    password: Annotated[str | None, Arg(help="the password", secret=True, new=True)] = None


class AccountInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which account."""

    name: Name


class RoleInput(msgspec.Struct, frozen=True, kw_only=True):
    """Who, and what he may do from now on."""

    name: Name
    role: Annotated[
        str, Arg(help="the new role", positional=True, metavar="ROLE", choices=ROLES)
    ]  # fmt: skip


class PasswordInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password changes."""

    name: Name
    password: Annotated[str | None, Arg(help="the new password", secret=True, new=True)] = None


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """One account."""

    name: str
    role: str
    full_name: str
    enabled: bool
    totp: bool  # a one-time password is asked for at a login
    created_at: datetime
    changed_at: datetime
    last_login_at: datetime | None


class AccountList(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts by name."""

    accounts: tuple[AccountLine, ...]


class AccountShown(msgspec.Struct, frozen=True, kw_only=True):
    """One account with its failed logins."""

    account: AccountLine
    recovery_codes: int  # that are left
    tokens: int
    failures: tuple[FailureLine, ...]


class AccountChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to whom."""

    name: str
    done: str  # added | role changed | password changed | enabled | disabled | deleted | unlocked
    role: str


ADD = Action(
    name="user add",
    summary="Make an account for somebody who operates the gateway.",
    help=f"""Make an account with a role and a password.

Roles: administrator (everything), operator (runs the gateway, without people and system settings),
help-desk (looks for messages), read-only (sees the configuration, changes nothing), guest (status
and reports). The password is asked for, or read from the first line of a file; it has at least 12
characters and is kept as an argon2id hash, sealed with the master key. {_AT_ONCE}""",
    example="gatehouse user add bob --role operator --password-file bob.txt",
    role=Role.ADMINISTRATOR,
    input=AddInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:add",
)

LIST = Action(
    name="user list",
    summary="List the people who operate the gateway.",
    help="List all accounts: role, whether a one-time password is asked for, and the last login.",
    example="gatehouse user list",
    role=Role.ADMINISTRATOR,
    input=Nothing,
    output=AccountList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:list_accounts",
)

SHOW = Action(
    name="user show",
    summary="Show one account with its failed logins.",
    help="""Show one account: role, second factor, tokens, from where logins failed and until when
the next one has to wait. Everybody may look at his own.""",
    example="gatehouse user show bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=AccountShown,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:show",
    own=True,
)

ROLE = Action(
    name="user role",
    summary="Give somebody another role.",
    help=f"""Give an account another role. Sessions that are open have to log in again, and API
tokens that may do more than the account no longer count.

The last enabled administrator keeps his role. {_AT_ONCE}""",
    example="gatehouse user role bob help-desk",
    role=Role.ADMINISTRATOR,
    input=RoleInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:set_role",
)

PASSWORD = Action(
    name="user password",
    summary="Give an account a new password.",
    help=f"""Replace the password of an account. It is asked for, or read from the first line of a
file. Sessions that are open have to log in again. Everybody may change his own. {_AT_ONCE}""",
    example="gatehouse user password bob",
    role=Role.ADMINISTRATOR,
    input=PasswordInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:set_password",
    own=True,
)

ENABLE = Action(
    name="user enable",
    summary="Let a disabled account log in again.",
    help=f"Let an account that was disabled log in again. {_AT_ONCE}",
    example="gatehouse user enable bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:enable",
)

DISABLE = Action(
    name="user disable",
    summary="Keep an account from logging in.",
    help=f"""Keep an account from logging in, without forgetting it; its API tokens no longer count,
and sessions that are open end.

The last enabled administrator stays. {_AT_ONCE}""",
    example="gatehouse user disable bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:disable",
)

DELETE = Action(
    name="user delete",
    summary="Forget an account.",
    help=f"""Forget an account with its password, second factor, API tokens and failed logins. What
it did stays in the audit log.

The last enabled administrator stays. {_AT_ONCE}""",
    example="gatehouse user delete bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:delete",
    confirm="Forget this account?",
)

UNLOCK = Action(
    name="user unlock",
    summary="Forget the failed logins of an account.",
    help=f"""Forget the failed logins of an account, so that it need not wait.

Failures that were counted for an address over several accounts stay. {_AT_ONCE}""",
    example="gatehouse user unlock bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_work:unlock",
)
