# SPDX-License-Identifier: Apache-2.0
"""Declarations: users who send through the gateway by SMTP AUTH."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role
from gatehouse.faces.actions.login_failures import FailureLine

_LARGEST = 64 * 1024  # a certificate has a few kilobytes; ours

Name = Annotated[str, Arg(help="name of the user; case does not count", positional=True)]
_AT_ONCE = "This takes effect at once, without a commit."


class AddInput(msgspec.Struct, frozen=True, kw_only=True):
    """Who, and how he proves it."""

    name: Name
    password: Annotated[str | None, Arg(help="the password", secret=True, new=True)] = None
    certificate: Annotated[
        bytes | None,
        Arg(help="a certificate that proves the user, PEM or DER", metavar="FILE", most=_LARGEST),
    ] = None
    certificate_name: Annotated[
        str | None,
        Arg(
            help="or a name in a certificate that we trust: dns:…, email:…, subject:…",
            metavar="TEXT",
        ),
    ] = None


class UserInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which user."""

    name: Name


class PasswordInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password changes."""

    name: Name
    password: Annotated[str, Arg(help="the new password", secret=True, new=True)]


class UserLine(msgspec.Struct, frozen=True, kw_only=True):
    """One user."""

    name: str
    enabled: bool
    password: bool  # he has one
    certificate: str | None
    created_at: datetime
    changed_at: datetime


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    """All users by name."""

    users: tuple[UserLine, ...]


class UsualLine(msgspec.Struct, frozen=True, kw_only=True):
    """An address from which the user has logged in; there he is not kept waiting for others."""

    network: str
    last_at: datetime


class UserShown(msgspec.Struct, frozen=True, kw_only=True):
    """One user with his failed logins."""

    user: UserLine
    failures: tuple[FailureLine, ...]
    usual: tuple[UsualLine, ...]


class UserChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to whom."""

    name: str
    done: str  # added | password changed | disabled | enabled | deleted | unlocked


ADD = Action(
    name="smtp-user add",
    summary="Let a device or a person send by SMTP AUTH.",
    help=f"""Make a user with a password, with a certificate, or with both.

The password is asked for, or read from the first line of a file; it is kept as an argon2id hash and
as keys of SCRAM-SHA-256, sealed with the master key. A certificate given as a file proves the user
by itself, whoever issued it; a name counts only in a certificate whose chain is trusted. Mechanism
EXTERNAL has to stand in the SMTP AUTH profile of the listener.

What users may do stands in the configuration: smtp_auth in a mail flow policy, senders and relay in
an SMTP AUTH profile. {_AT_ONCE}""",
    example="gatehouse smtp-user add scanner1 --password-file scanner1.txt",
    role=Role.ADMINISTRATOR,
    input=AddInput,
    output=UserChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:add",
)

LIST = Action(
    name="smtp-user list",
    summary="List the users of SMTP AUTH.",
    help="List the users who may send by SMTP AUTH, with how they prove who they are.",
    example="gatehouse smtp-user list",
    role=Role.READ_ONLY,
    input=Nothing,
    output=UserList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:list_users",
)

SHOW = Action(
    name="smtp-user show",
    summary="Show one user with failed logins and usual addresses.",
    help="""Show one user: how he proves who he is, from where logins failed and how long they have
to wait, and from which addresses he usually comes.""",
    example="gatehouse smtp-user show scanner1",
    role=Role.READ_ONLY,
    input=UserInput,
    output=UserShown,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:show",
)

PASSWORD = Action(
    name="smtp-user password",
    summary="Give a user a new password.",
    help=f"""Replace the password of a user. It is asked for, or read from the first line of a file.

Sessions that are open stay logged in. {_AT_ONCE}""",
    example="gatehouse smtp-user password scanner1",
    role=Role.ADMINISTRATOR,
    input=PasswordInput,
    output=UserChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:set_password",
)

DISABLE = Action(
    name="smtp-user disable",
    summary="Keep a user from logging in.",
    help=f"""Keep a user from logging in, without forgetting him.

Sessions that are open stay logged in. {_AT_ONCE}""",
    example="gatehouse smtp-user disable scanner1",
    role=Role.OPERATOR,
    input=UserInput,
    output=UserChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:disable",
)

ENABLE = Action(
    name="smtp-user enable",
    summary="Let a disabled user log in again.",
    help=f"Let a user who was disabled log in again. {_AT_ONCE}",
    example="gatehouse smtp-user enable scanner1",
    role=Role.OPERATOR,
    input=UserInput,
    output=UserChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:enable",
)

DELETE = Action(
    name="smtp-user delete",
    summary="Forget a user.",
    help=f"""Forget a user with his password, his certificate and his failed logins.

Sessions that are open stay logged in. {_AT_ONCE}""",
    example="gatehouse smtp-user delete scanner1",
    role=Role.ADMINISTRATOR,
    input=UserInput,
    output=UserChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:delete",
    confirm="Forget this user?",
)

UNLOCK = Action(
    name="smtp-user unlock",
    summary="Forget the failed logins of a user.",
    help=f"""Forget the failed logins of a user, so that he need not wait.

Failures that were counted for an address over several users stay. {_AT_ONCE}""",
    example="gatehouse smtp-user unlock scanner1",
    role=Role.OPERATOR,
    input=UserInput,
    output=UserChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smtp_users_work:unlock",
)
