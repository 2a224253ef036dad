# SPDX-License-Identifier: Apache-2.0
"""Declarations: public keys by which operators log in over SSH, and the key of this gateway."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.people import AccountChanged, AccountInput, Name

LONGEST_FILE = 16 * 1024  # octets; as service.base.ssh_keys reads it


class KeyInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key, and the file that it stands in."""

    name: Name
    key: Annotated[
        bytes,
        Arg(
            help="the public key, as ~/.ssh/id_ed25519.pub has it; else standard input",
            positional=True,
            metavar="FILE",
            most=LONGEST_FILE,
        ),
    ] = b""


class RemoveKeyInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which key of whom."""

    name: Name
    fingerprint: Annotated[
        str,
        Arg(help="its fingerprint, as the list shows it", positional=True, metavar="FINGERPRINT"),
    ]


class HostKeyInput(msgspec.Struct, frozen=True, kw_only=True):
    """Look at it, or make another."""

    renew: Annotated[bool, Arg(help="make another key; clients will warn of the change")] = False


class KeyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One public key."""

    name: str  # of the account
    fingerprint: str
    algorithm: str
    comment: str
    added_at: datetime
    last_used_at: datetime | None


class KeyList(msgspec.Struct, frozen=True, kw_only=True):
    """The public keys of an account."""

    keys: tuple[KeyLine, ...]


class HostKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key by which clients know this gateway. `line`: for `known_hosts`, behind the name."""

    fingerprint: str
    line: str
    renewed: bool


KEY_ADD = Action(
    name="user ssh-key add",
    summary="Let somebody log in over SSH with a key.",
    help="""Keep a public key for an account. Whoever has the private half may log in with it over
SSH as this account, without its password; a one-time password is asked for all the same where the
account has one. This takes effect at once, without a commit.""",
    example="gatehouse user ssh-key add bob bob.pub",
    role=Role.ADMINISTRATOR,
    input=KeyInput,
    output=KeyLine,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.ssh_work:add_key",
    own=True,
)

KEY_LIST = Action(
    name="user ssh-key list",
    summary="List the keys with which somebody logs in over SSH.",
    help="List the public keys of an account, with their fingerprints and their last use.",
    example="gatehouse user ssh-key list bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=KeyList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.ssh_work:list_keys",
    own=True,
)

KEY_REMOVE = Action(
    name="user ssh-key remove",
    summary="Take a key away.",
    help="""Forget a public key of an account. Nobody logs in with it any more, and the account's
sessions that are open are over.""",
    example="gatehouse user ssh-key remove bob SHA256:uJ6n2oTJQYbGcdEvQKJ9eRz4hPDHkVvPmQyTqx1M3uY",
    role=Role.ADMINISTRATOR,
    input=RemoveKeyInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.ssh_work:remove_key",
    own=True,
)

HOST_KEY = Action(
    name="ssh host-key",
    summary="Show the key by which SSH clients know this gateway.",
    help="""Show the fingerprint of the host key, to compare it with what a client shows at the
first connection, and its line for known_hosts. With --renew another key is made: everybody who
connected before is warned, and has to compare the new fingerprint. Open sessions go on.""",
    example="gatehouse ssh host-key",
    role=Role.ADMINISTRATOR,
    input=HostKeyInput,
    output=HostKey,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.ssh_work:host_key",
)
