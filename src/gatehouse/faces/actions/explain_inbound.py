# SPDX-License-Identifier: Apache-2.0
"""Declaration: what would happen to a client that comes in.

Field names of the output are an interface: scripts read them.
"""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

LARGEST_CERTIFICATE = 256 * 1024  # our own; a chain in PEM has some thousand characters


class InboundInput(msgspec.Struct, frozen=True, kw_only=True):
    """A client that does not exist yet."""

    address: Annotated[
        str, Arg(help="the client's IP address", positional=True, metavar="CLIENT_ADDRESS")
    ]
    listener: Annotated[
        str | None, Arg(help="the listener it comes to (else the first)", metavar="NAME")
    ] = None
    reverse_name: Annotated[
        str | None, Arg(help="take this as its reverse name, confirmed", metavar="HOST")
    ] = None
    reverse_state: Annotated[
        str | None,
        Arg(
            help="what the look-up of its reverse name gives",
            choices=("verified", "not.double.verified", "nx.domain", "serv.fail"),
        ),
    ] = None
    no_dns: Annotated[bool, Arg(help="ask DNS nothing")] = False
    listed: Annotated[
        tuple[str, ...], Arg(help="this DNS list names the client", metavar="ZONE")
    ] = ()
    helo: Annotated[str, Arg(help="what it says in EHLO", metavar="NAME")] = "client.invalid"
    tls: Annotated[bool, Arg(help="it says STARTTLS even where that is not offered")] = False
    no_tls: Annotated[bool, Arg(help="it does not start TLS")] = False
    tls_protocol: Annotated[
        str | None,
        Arg(
            help="the newest protocol that it speaks",
            choices=("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"),
        ),
    ] = None
    certificate: Annotated[
        str, Arg(help="the certificate it shows", choices=("none", "valid", "invalid"))
    ] = "none"
    certificate_file: Annotated[
        bytes | None,
        Arg(
            help="judge this certificate, with its chain (PEM)",
            metavar="FILE",
            most=LARGEST_CERTIFICATE,
        ),
    ] = None
    auth: Annotated[
        str | None, Arg(help="it logs in as this user, with the right password", metavar="USER")
    ] = None
    sender: Annotated[
        str | None, Arg(help="its envelope sender; <> for none", metavar="ADDRESS")
    ] = None
    recipient: Annotated[
        tuple[str, ...], Arg(help="an envelope recipient (may be repeated)", metavar="ADDRESS")
    ] = ()
    candidate: Annotated[bool, Arg(help="ask the candidate, not what is in force")] = False
    file: Annotated[
        bytes | None, Arg(help="ask this configuration file; - is standard input", metavar="FILE")
    ] = None


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """The client as it was taken."""

    address: str
    reverse_name: str | None
    reverse_state: str  # verified | not.double.verified | nx.domain | serv.fail | not.asked
    helo: str
    tls: bool  # TLS came up
    certificate: str  # none | valid | invalid
    certificate_subject: str | None
    certificate_reason: str  # why it proves nothing
    user: str | None  # who has logged in


class EntranceView(msgspec.Struct, frozen=True, kw_only=True):
    """Where it came in."""

    name: str
    type: str  # public | private
    interface: str
    address: str
    port: int
    tls_mode: str


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """One sender group of the table, in its order."""

    place: int  # counted from 1
    group: str  # ALL for the last
    policy: str
    outcome: str  # passed | skipped | won | behind
    member: str | None  # the first that fits
    why: tuple[str, ...]  # why members do not fit, by their kind


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the policy."""

    name: str
    value: str
    origin: str  # own | built-in | default | factory


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of the group that won."""

    name: str
    behavior: str
    fields: tuple[FieldView, ...]


class DemandView(msgspec.Struct, frozen=True, kw_only=True):
    """One demand, in the order in which they are looked at."""

    stage: str  # connection | handshake | mail | recipient
    about: str  # the sender or recipient that it is about
    demand: str
    asked: bool  # False: the policy does not make it
    met: bool
    detail: str


class ExchangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One command and its reply; no code: nothing is said."""

    command: str  # empty: the greeting
    code: int | None
    reply: tuple[str, ...]  # lines as they are sent


class InboundView(msgspec.Struct, frozen=True, kw_only=True):
    """The walk through the tables, and what comes of it."""

    source: str  # revision 3 | candidate | file
    client: ClientView
    listener: EntranceView
    groups: tuple[GroupView, ...]
    policy: PolicyView
    demands: tuple[DemandView, ...]
    dialogue: tuple[ExchangeView, ...]
    log: tuple[str, ...]  # lines of the mail log, without time and level; all numbers are 0
    accepted: tuple[str, ...]  # the recipients that are taken
    refused: tuple[str, ...]  # those that are not
    verdict: str
    advice: tuple[str, ...]  # what to change if this is not what is wanted
    notes: tuple[str, ...]  # what was assumed


INBOUND = Action(
    name="explain inbound",
    summary="Say what would happen to a client, and why.",
    help="""Walk through the tables as the gateway would for a client with this address: every
sender group that is passed over and why, the one that wins, its mail flow policy with the origin of
every field, each demand and whether it is met, the reply to every command, and the lines that the
mail log would get. Nothing is sent and nothing is changed.

The decisions are made by the same code that serves real clients. Without --sender and --recipient
the walk ends behind EHLO (and STARTTLS, where it is offered). Limits per hour and per connection
are taken as unused.""",
    example="gatehouse explain inbound 192.0.2.7 --sender a@partner.example "
    "--recipient b@example.com --no-tls --candidate",
    role=Role.READ_ONLY,
    input=InboundInput,
    output=InboundView,
    changes=False,
    needs=Needs.STORE_IF_ANY,
    work="gatehouse.faces.actions.explain_inbound_work:explain",
)
