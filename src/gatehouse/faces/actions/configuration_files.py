# SPDX-License-Identifier: Apache-2.0
"""Declarations: the configuration as a file that travels, and the way back to the first one."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role

_WORK = "gatehouse.faces.actions.configuration_files_work"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the file, and what becomes of its secrets."""

    candidate: Annotated[bool, Arg(help="your candidate, not what is in force")] = False
    revision: Annotated[int | None, Arg(help="this revision", metavar="N", least=1)] = None
    section: Annotated[
        tuple[str, ...],
        Arg(help='only this section: "listeners", "listeners.InboundMail"', metavar="PATH"),
    ] = ()
    masked: Annotated[bool, Arg(help="leave passwords out; this is so if nothing is said")] = False
    encrypted: Annotated[bool, Arg(help="seal passwords under a passphrase, asked for")] = False
    passphrase: Annotated[
        str | None, Arg(help="seal passwords under this passphrase", secret=True, new=True)
    ] = None
    with_certificates: Annotated[
        bool, Arg(help="seal certificates with their keys and the trust list in it too")
    ] = False
    with_people: Annotated[bool, Arg(help="seal operators and SMTP users in it too")] = False


class SaveInput(Selection, frozen=True, kw_only=True):
    """The same, and where it goes."""

    file: Annotated[
        str,
        Arg(help="the new file; - is standard output", positional=True, writes=True, stream=True),
    ]
    force: Annotated[bool, Arg(help="replace a file that is there", replaces=True)] = False


class MailInput(Selection, frozen=True, kw_only=True):
    """The same, and to whom it is mailed."""

    address: Annotated[tuple[str, ...], Arg(help="mail addresses", positional=True)]


class SavedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved; the face writes `content` into the file."""

    source: str  # "revision 7" | "candidate"
    saved_at: datetime
    octets: int
    sections: tuple[str, ...]
    masked: tuple[str, ...]  # names of passwords that are not in it
    holds: tuple[str, ...]  # kinds of secrets that are sealed in it
    content: bytes


class MailedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What was mailed."""

    source: str
    octets: int
    masked: tuple[str, ...]
    holds: tuple[str, ...]
    queued: tuple[int, ...]  # MIDs


class ResetDone(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate is the first configuration."""

    changed: bool  # it differs from what is in force


SAVE = Action(
    name="config save",
    summary="Save the configuration as a file.",
    help="""Write a file that `gatehouse config load` takes, here or on another machine.

The text is in it byte for byte, with a section [saved] behind it. Passwords are left out, or sealed
under a passphrase (--passphrase-file, or --encrypted to be asked). Certificates with their keys,
the trust list and people travel only when they are asked for, and only sealed. Without the
passphrase nobody opens the file, we neither: keep it elsewhere than the file.""",
    example="gatehouse config save gw1.toml --encrypted --with-certificates --with-people",
    role=Role.ADMINISTRATOR,
    input=SaveInput,
    output=SavedFile,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:save",
)

MAIL = Action(
    name="config mail",
    summary="Mail the configuration as a file.",
    help="""Send what `gatehouse config save` writes as an attachment, by this gateway's own queue.

The mail goes out like any other: over TLS where the rules for that destination say so. It names
hosts, users and rules of yours; what is sealed in it is safe with the passphrase only.""",
    example="gatehouse config mail postmaster@example.com --encrypted",
    role=Role.ADMINISTRATOR,
    input=MailInput,
    output=MailedFile,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:mail",
)

RESET = Action(
    name="config reset",
    summary="Make the configuration of a new gateway your candidate.",
    help="""Put the configuration with which a new gateway starts into your candidate.

It listens on loopback only. Nothing runs by it before `gatehouse config commit`, and the revisions
stay in the history. Certificates, passwords, people and mail are not touched.""",
    example="gatehouse config reset",
    role=Role.ADMINISTRATOR,
    input=Nothing,
    output=ResetDone,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:reset",
    confirm="Replace your candidate by the configuration of a new gateway?",
)
