# SPDX-License-Identifier: Apache-2.0
"""Declarations: who may send (HAT), for whom (RAT), and under which mail flow policy."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.configuration import CommitView
from gatehouse.faces.actions.errors import FindingView

_WORK = "gatehouse.faces.actions.access_work"
_CHANGE = "gatehouse.faces.actions.access_change"
_MOST = 4 * 1024 * 1024  # as config.hat_text.MAX_BYTES

ListenerName = Annotated[str, Arg(help="name of the listener", positional=True, metavar="LISTENER")]
Group = Annotated[str, Arg(help="name of the sender group", positional=True, metavar="GROUP")]
Member = Annotated[str, Arg(help="address, range, CIDR block, host name, .domain", positional=True)]
File = Annotated[bytes, Arg(help="the text; - is standard input", positional=True, most=_MOST + 1)]
OfCandidate = Annotated[bool, Arg(help="of the candidate, not of what is in force")]
Commit = Annotated[
    str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
]


AtLevel = Annotated[
    str | None,
    Arg(help="what holds there: cluster, group:NAME or machine:NAME", metavar="LEVEL"),
]
ForLevel = Annotated[
    str | None,
    Arg(help="for whom: cluster (else), group:NAME or machine:NAME", metavar="LEVEL"),
]


class TableInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose table, and of which configuration."""

    listener: ListenerName
    candidate: OfCandidate = False
    level: AtLevel = None


class ImportInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose table it replaces."""

    listener: ListenerName
    file: File
    level: ForLevel = None
    commit: Commit = None


class PoliciesInput(msgspec.Struct, frozen=True, kw_only=True):
    """Of which configuration."""

    candidate: OfCandidate = False
    level: AtLevel = None


class PolicyInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy, of which configuration."""

    name: Annotated[str, Arg(help="name of the policy", positional=True)]
    candidate: OfCandidate = False
    level: AtLevel = None


class MemberInput(msgspec.Struct, frozen=True, kw_only=True):
    """A member and its group."""

    listener: ListenerName
    group: Group
    member: Member
    level: ForLevel = None
    commit: Commit = None


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a host access table, in its place."""

    place: int  # from 1; the first that matches wins
    name: str | None  # None: members outside any group
    members: tuple[str, ...]
    policy: str
    behavior: str
    tls: str  # off | preferred | required, with "_verify" where client certificates are verified
    comment: str
    hidden: tuple[str, ...]  # members that never decide, since wider ones stand above them
    implied: bool  # not written in the configuration: the closing ALL, or the usual groups


class Hat(msgspec.Struct, frozen=True, kw_only=True):
    """The host access table of a listener."""

    source: str  # "revision 3" | "candidate"
    listener: str
    type: str  # public | private
    groups: tuple[GroupView, ...]


class RatEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a recipient access table, in its place."""

    place: int  # from 1; the first that fits decides
    recipient: str
    access: str  # accept | reject
    reply: str  # of a refusal; empty for an accepted one
    comment: str
    implied: bool  # the closing ALL that is not written


class Rat(msgspec.Struct, frozen=True, kw_only=True):
    """The recipient access table of a public listener."""

    source: str
    listener: str
    entries: tuple[RatEntry, ...]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A table in its text form."""

    source: str
    listener: str
    text: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate has the table now."""

    listener: str
    table: str  # HAT | RAT
    entries: int  # groups and single members, or recipients
    policies: tuple[str, ...]  # mail flow policies that are new or changed
    kept: tuple[str, ...]  # policies of the text that say what the configuration said already
    remarks: tuple[str, ...]  # what was left out or renamed
    warnings: tuple[FindingView, ...]
    commit: CommitView | None = None


class PolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One policy, with what decides most."""

    name: str
    behavior: str
    tls: str
    smtp_auth: str
    built_in: bool
    written: bool  # it has a section of its own
    used_by: tuple[str, ...]  # listener/group


class PolicyList(msgspec.Struct, frozen=True, kw_only=True):
    """All policies that a sender group may name."""

    source: str
    policies: tuple[PolicyLine, ...]


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a policy."""

    field: str
    value: bool | int | str | tuple[str, ...] | None
    origin: str  # own | built-in | default | factory
    inherited: bool


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """A mail flow policy with every value, and where it comes from."""

    source: str
    name: str
    used_by: tuple[str, ...]
    fields: tuple[FieldView, ...]


class MemberChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate's group is another one now."""

    listener: str
    group: str
    member: str
    members: int  # that it has now
    change: str  # added | removed
    warnings: tuple[FindingView, ...]
    commit: CommitView | None = None


HAT_SHOW = Action(
    name="hat show",
    summary="Show who may send through a listener.",
    help="""Show the host access table: sender groups in their order, with members and policies.

The first group that has a matching member wins. Members that can never decide, since wider ones
stand above them, are marked, and so is what the configuration implies without writing it.""",
    example="gatehouse hat show InboundMail",
    role=Role.READ_ONLY,
    input=TableInput,
    output=Hat,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show_hat",
)
HAT_EXPORT = Action(
    name="hat export",
    summary="Write the host access table of a listener as text.",
    help="""Write sender groups and their mail flow policies in the appliance's text form.

What a policy inherits is not written and stays inherited; the default policy is written if it says
anything. `gatehouse hat import` reads it back to the same table.""",
    example="gatehouse hat export InboundMail > hat.txt",
    role=Role.READ_ONLY,
    input=TableInput,
    output=Exported,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:export_hat",
)
HAT_IMPORT = Action(
    name="hat import",
    summary="Replace the host access table of a listener from its text form.",
    help="""Read a host access table, in the candidate: it replaces all groups of the listener.

Policies of the text replace those of the same name, for all listeners that use them. The older
group names WHITELIST and BLACKLIST become ALLOWED_LIST and BLOCKED_LIST. A text with a fault
changes nothing, and every fault is told with its line.""",
    example='gatehouse hat import InboundMail hat.txt --commit "table of the old gateway"',
    role=Role.ADMINISTRATOR,
    input=ImportInput,
    output=Imported,
    changes=True,
    needs=Needs.STORE,
    work=f"{_CHANGE}:import_hat",
)
RAT_SHOW = Action(
    name="rat show",
    summary="Show for whom a listener takes mail.",
    help="""Show the recipient access table of a public listener; the first entry that fits decides.

Behind the last entry everything is refused, and so the machine is no open relay.""",
    example="gatehouse rat show InboundMail",
    role=Role.READ_ONLY,
    input=TableInput,
    output=Rat,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show_rat",
)
RAT_EXPORT = Action(
    name="rat export",
    summary="Write the recipient access table of a listener as text.",
    help="""Write one entry in a line: recipient, ACCEPT or REJECT, code and text, comment.

`gatehouse rat import` reads it back to the same table.""",
    example="gatehouse rat export InboundMail > rat.txt",
    role=Role.READ_ONLY,
    input=TableInput,
    output=Exported,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:export_rat",
)
RAT_IMPORT = Action(
    name="rat import",
    summary="Replace the recipient access table of a listener from its text.",
    help="""Read a recipient access table, in the candidate: it replaces all entries.

A text with a fault changes nothing, and every fault is told with its line.""",
    example='gatehouse rat import InboundMail rat.txt --commit "new branch office"',
    role=Role.ADMINISTRATOR,
    input=ImportInput,
    output=Imported,
    changes=True,
    needs=Needs.STORE,
    work=f"{_CHANGE}:import_rat",
)
POLICY_LIST = Action(
    name="policy list",
    summary="List the mail flow policies, and who uses them.",
    help="List the policies that a sender group may name, the built-in ones among them.",
    example="gatehouse policy list",
    role=Role.READ_ONLY,
    input=PoliciesInput,
    output=PolicyList,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_policies",
)
POLICY_SHOW = Action(
    name="policy show",
    summary="Show every value of a mail flow policy, and where it comes from.",
    help="""Show a policy as it runs: each field with its value and who decided.

own: its section; built-in: what a policy of this name has without being written; default: inherited
from [mail_flow_policies.default]; factory: nobody has set it.""",
    example="gatehouse policy show TRUSTED",
    role=Role.READ_ONLY,
    input=PolicyInput,
    output=PolicyView,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show_policy",
)
ADD_MEMBER = Action(
    name="group add-member",
    summary="Add a member to a sender group.",
    help="""Add an address, range, host name or .domain to a sender group, in the candidate.

A member behind a wider one of another group never decides; the answer says so.""",
    example='gatehouse group add-member InboundMail PARTNERS .bank.example --commit "bank"',
    role=Role.OPERATOR,
    input=MemberInput,
    output=MemberChanged,
    changes=True,
    needs=Needs.STORE,
    work=f"{_CHANGE}:add_member",
)
REMOVE_MEMBER = Action(
    name="group remove-member",
    summary="Remove a member from a sender group.",
    help="Remove a member from a sender group, in the candidate. The group stays, even empty.",
    example="gatehouse group remove-member InboundMail PARTNERS 192.0.2.7",
    role=Role.OPERATOR,
    input=MemberInput,
    output=MemberChanged,
    changes=True,
    needs=Needs.STORE,
    work=f"{_CHANGE}:remove_member",
)
