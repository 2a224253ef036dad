# SPDX-License-Identifier: Apache-2.0
"""Declarations: whose certificates are believed."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.certificates import Commit
from gatehouse.faces.actions.configuration import CommitView

_WORK = "gatehouse.faces.actions.trust_work"
_LARGEST = 1024 * 1024  # as tls.certificates.LARGEST_PEM


class ListInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which lists."""

    system: Annotated[bool, Arg(help="the system's list too, entry by entry")] = False


class AddInput(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates and what to call them."""

    file: Annotated[
        bytes, Arg(help="PEM, DER or p7b; one certificate or many", positional=True, most=_LARGEST)
    ]
    name: Annotated[
        str, Arg(help="a friendly name; numbered if there are many", metavar="FRIENDLY")
    ]
    commit: Commit = None


class RemoveInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which entry goes."""

    name: Annotated[str, Arg(help="the entry's friendly name", positional=True, metavar="FRIENDLY")]
    commit: Commit = None


class CollectInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which server."""

    server: Annotated[str, Arg(help="host and port", positional=True, metavar="HOST:PORT")]
    implicit: Annotated[bool, Arg(help="TLS from the first byte; usual on port 465")] = False
    starttls: Annotated[bool, Arg(help="STARTTLS, also on port 465")] = False
    add: Annotated[bool, Arg(help="put the CA certificates into the custom list")] = False
    only: Annotated[
        tuple[int, ...], Arg(help="with --add: only this one of the chain, from 1", metavar="N")
    ] = ()
    commit: Commit = None


class ExportInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which list."""

    system: Annotated[bool, Arg(help="the system's list, not the custom one")] = False


class TrustText(msgspec.Struct, frozen=True, kw_only=True):
    """A list as PEM, each certificate with its name above it."""

    entries: int
    text: str


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate as a trust list sees it."""

    name: str
    list: str  # custom | system | "" for one that is not kept
    role: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    usable: bool  # verification will be able to use it
    reason: str  # why not
    advice: tuple[str, ...]
    twin: str | None  # fingerprint of the self-signed root that could be trusted instead
    pending: str  # "" | new | deleted


class TrustList(msgspec.Struct, frozen=True, kw_only=True):
    """The lists."""

    at: datetime
    entries: tuple[EntryView, ...]
    system: bool  # the system's list is believed too
    system_count: int
    remarks: tuple[str, ...]


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each certificate."""

    added: tuple[EntryView, ...]
    refused: tuple[EntryView, ...]
    commit: CommitView | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """The entry goes."""

    name: str
    commit: CommitView | None = None


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What a server shows, in its order."""

    server: str
    protocol: str
    cipher: str
    chain: tuple[EntryView, ...]
    verified: bool  # by the lists as they are
    why_not: str
    names: tuple[str, ...]
    name_covered: bool
    findings: tuple[str, ...]
    added: Added | None


LIST = Action(
    name="trust list",
    summary="List the CAs whose certificates are believed.",
    help="""List the custom entries, and say whether the system's list is believed too.

Every custom entry is an anchor, whatever it is: a root, a cross-signed copy, an intermediate or a
server's own certificate. Of the system's list only self-signed roots are.""",
    example="gatehouse trust list",
    role=Role.READ_ONLY,
    input=ListInput,
    output=TrustList,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_entries",
)

ADD = Action(
    name="trust add",
    summary="Believe a CA.",
    help="""Add the certificates of a file to the custom list, with the next commit.

For each one it is said what it is, how long it is good, and whether verification can use it; what
can never be used is left out with the reason. Compare the fingerprint with one that you got on
another way.""",
    example="gatehouse trust add partner-root.pem --name partner-root",
    role=Role.ADMINISTRATOR,
    input=AddInput,
    output=Added,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:add",
)

EXPORT = Action(
    name="trust export",
    summary="Write the custom list as PEM.",
    help="""Write the certificates of the custom list, those that wait for the commit too, or of the
system's list, as PEM with the name above each. `gatehouse trust add` reads the file.""",
    example="gatehouse trust export > partners.pem",
    role=Role.READ_ONLY,
    input=ExportInput,
    output=TrustText,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:export",
)

REMOVE = Action(
    name="trust remove",
    summary="Believe a CA no more.",
    help="""Remove an entry from the custom list, with the next commit.

Certificates that only this entry vouched for do not verify any more then.""",
    example="gatehouse trust remove partner-root",
    role=Role.ADMINISTRATOR,
    input=RemoveInput,
    output=Removed,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:remove",
)

COLLECT = Action(
    name="trust collect",
    summary="Show the chain that a mail server sends, and add it if wanted.",
    help="""Connect to a server, take the chain that it sends, and say what each certificate is.

--add puts its CA certificates into the custom list (or, if there is none, the server's own); this
is trust on first use: whoever sits on the line now is believed from then on. Compare fingerprints
first.""",
    example="gatehouse trust collect mail.partner.example:25",
    role=Role.ADMINISTRATOR,
    input=CollectInput,
    output=Collected,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.trust_collect:collect",
)
