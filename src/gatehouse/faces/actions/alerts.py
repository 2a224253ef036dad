# SPDX-License-Identifier: Apache-2.0
"""Declarations: who gets alarms by mail, and whether alerts arrive."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.configuration import CommitView
from gatehouse.faces.actions.errors import FindingView

_WORK = "gatehouse.faces.actions.alerts_work"

Address = Annotated[str, Arg(help="mail address", positional=True, metavar="ADDRESS")]
Commit = Annotated[
    str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
]


class RecipientsInput(msgspec.Struct, frozen=True, kw_only=True):
    """Of which configuration."""

    candidate: Annotated[bool, Arg(help="of the candidate, not of what is in force")] = False


class AddInput(msgspec.Struct, frozen=True, kw_only=True):
    """Who, and which alarms."""

    address: Address
    severity: Annotated[
        tuple[str, ...],
        Arg(
            help="only this severity; may be given more than once",
            choices=("critical", "warning", "information"),
        ),
    ] = ()
    alarm_class: Annotated[
        tuple[str, ...], Arg(help="only this class; may be given more than once", metavar="CLASS")
    ] = ()
    commit: Commit = None


class RemoveInput(msgspec.Struct, frozen=True, kw_only=True):
    """Who."""

    address: Address
    commit: Commit = None


class TrialInput(msgspec.Struct, frozen=True, kw_only=True):
    """Where to, and how long to wait for what becomes of it."""

    address: Address
    wait: Annotated[int, Arg(help="seconds to wait", metavar="SECONDS", least=0, most=60)] = 20


class RecipientView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who gets alarms by mail."""

    address: str
    severities: tuple[str, ...]
    classes: tuple[str, ...]  # ("all",): every one


class AlertRecipients(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets alarms by mail, how often, and by which way."""

    source: str  # "revision 3" | "candidate"
    from_address: str
    initial_interval: int
    maximum_interval: int
    smart_host: str | None
    recipients: tuple[RecipientView, ...]


class RecipientChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed in the candidate."""

    address: str
    change: str  # added | changed | removed
    recipients: int  # afterwards
    warnings: tuple[FindingView, ...]
    commit: CommitView | None


class AlertSent(msgspec.Struct, frozen=True, kw_only=True):
    """A test alert, and what has become of it so far."""

    address: str
    mid: int
    message_id: str
    from_address: str
    smart_host: str | None
    outcome: str  # delivered | deferred | bounced | waiting
    reply: str  # the server's answer, or why nobody answered


LIST = Action(
    name="alert recipients list",
    summary="List who gets alarms by mail.",
    help="""List the addresses that alarms are mailed to, with severities and classes.

Equal alarms are told at growing intervals: after the initial one, then ever later, up to the
maximum. What was told stands in `gatehouse alarm list`, whether anybody got it or not.""",
    example="gatehouse alert recipients list",
    role=Role.READ_ONLY,
    input=RecipientsInput,
    output=AlertRecipients,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_recipients",
)

ADD = Action(
    name="alert recipients add",
    summary="Have alarms mailed to an address.",
    help="""Subscribe an address to alarms, in the candidate; one that is there is changed.

Without --severity and --alarm-class it gets all of them.""",
    example='gatehouse alert recipients add ops@example.com --severity critical --commit "on call"',
    role=Role.ADMINISTRATOR,
    input=AddInput,
    output=RecipientChanged,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:add_recipient",
)

REMOVE = Action(
    name="alert recipients remove",
    summary="Have no more alarms mailed to an address.",
    help="Take an address out of the subscriptions, in the candidate.",
    example="gatehouse alert recipients remove ops@example.com",
    role=Role.ADMINISTRATOR,
    input=RemoveInput,
    output=RecipientChanged,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:remove_recipient",
)

TEST = Action(
    name="alert test",
    summary="Mail a test alert, and say what became of it.",
    help="""Send an alert of severity Information to an address, subscribed or not.

It goes the way of every alert: through the queue, with the null sender, by the smart host of
[alerts] where there is one. The answer says whether a server took it, or what it said instead; a
message that still waits is tried again like any other.""",
    example="gatehouse alert test ops@example.com",
    role=Role.OPERATOR,
    input=TrialInput,
    output=AlertSent,
    changes=True,
    needs=Needs.RUNNING,
    work=f"{_WORK}:send_test",
)
