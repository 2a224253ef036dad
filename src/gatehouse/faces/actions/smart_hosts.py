# SPDX-License-Identifier: Apache-2.0
"""Declarations: the relays that SMTP routes use, and their passwords."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role


class SmartHostView(msgspec.Struct, frozen=True, kw_only=True):
    """One smart host of the running configuration."""

    name: str
    host: str
    port: int
    tls_mode: str
    tls: str
    username: str | None
    password_over: str
    password_set: bool
    routes: tuple[str, ...]  # the domains whose route names it


class SmartHostList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and passwords that belong to none."""

    smart_hosts: tuple[SmartHostView, ...]
    orphans: tuple[str, ...]  # names with a password and without a section


class PasswordInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password it is."""

    name: Annotated[str, Arg(help="name of the smart host", positional=True, metavar="NAME")]
    password: Annotated[str, Arg(help="the password at the relay", secret=True, new=True)]


class ForgetInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password it is."""

    name: Annotated[str, Arg(help="name of the smart host", positional=True, metavar="NAME")]


class PasswordDone(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    name: str
    set: bool
    known: bool  # the running configuration has this smart host


LIST = Action(
    name="smart-host list",
    summary="List the smart hosts, and whether their passwords are set.",
    help="""List the relays that SMTP routes can use: level, user, and whether a password is kept.

A smart host is configured as [smart_hosts.NAME] and used by a route: "." = ["smarthost:NAME"].""",
    example="gatehouse smart-host list",
    role=Role.READ_ONLY,
    input=Nothing,
    output=SmartHostList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smart_hosts_work:list_smart_hosts",
)

PASSWORD = Action(
    name="smart-host password",
    summary="Set the password for a smart host.",
    help="""Keep the password with which the gateway logs in at a relay; it is sealed on disk.

It is used from the next connection on; no commit is needed. It is never shown again, by nothing.
On Amazon SES this is the SMTP password that SES made, not the secret access key.""",
    example="gatehouse smart-host password ses",
    role=Role.ADMINISTRATOR,
    input=PasswordInput,
    output=PasswordDone,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smart_hosts_work:set_password",
)

FORGET = Action(
    name="smart-host forget",
    summary="Forget the password for a smart host.",
    help="""Remove the password for a relay from the data directory.

Mail for a smart host with a user name and without a password waits in the queue.""",
    example="gatehouse smart-host forget ses",
    role=Role.ADMINISTRATOR,
    input=ForgetInput,
    output=PasswordDone,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.smart_hosts_work:forget_password",
)
