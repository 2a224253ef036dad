# SPDX-License-Identifier: Apache-2.0
"""Declarations: the MTA-STS policies of others that are kept."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role


class ForgetInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose policy."""

    domain: Annotated[str, Arg(help="domain of the policy", positional=True)]


class PolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One policy that is kept; its texts are the domain's."""

    domain: str
    mode: str  # enforce | testing | none | not readable
    mx: tuple[str, ...]
    record_id: str
    fetched_at: datetime
    expires_at: datetime
    expired: bool


class PolicyList(msgspec.Struct, frozen=True, kw_only=True):
    """All that are kept, by domain."""

    policies: tuple[PolicyLine, ...]


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there was one."""

    domain: str
    there_was_one: bool


LIST = Action(
    name="mta-sts list",
    summary="List the MTA-STS policies of other domains that are kept.",
    help="""List the policies (RFC 8461) that were fetched from other domains and hold until their
time is over: what they ask for, which hosts they name, when they were fetched and when they end.

A policy that ended stays in the list until it is replaced or nobody has used it for a month.""",
    example="gatehouse mta-sts list",
    role=Role.READ_ONLY,
    input=Nothing,
    output=PolicyList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.mta_sts_work:list_policies",
)

FORGET = Action(
    name="mta-sts forget",
    summary="Forget the MTA-STS policy of a domain.",
    help="""Drop what is kept of a domain's policy. The next mail asks DNS for the policy as if the
domain had never been heard of; a gateway that runs may go by the old one for five more minutes.

This is for a domain that has published a wrong policy with a long life and cannot be reached under
it. It gives up the protection that the policy was for, until a new one is fetched.""",
    example="gatehouse mta-sts forget partner.example",
    role=Role.OPERATOR,
    input=ForgetInput,
    output=Forgotten,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.mta_sts_work:forget",
    confirm="Mail to this domain may then go to hosts that its policy forbids. Forget the policy?",
)
