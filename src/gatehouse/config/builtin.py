# SPDX-License-Identifier: Apache-2.0
"""What is there without being written: the usual mail flow policies and sender groups.

Names and values are those of the modelled appliance (its newer group names). An operator's section
of the same name changes a policy; a listener that lists any sender groups replaces the usual ones,
and gets the closing ALL of its type if it does not write its own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gatehouse.config import schema
from gatehouse.policy import mail_flow

ALL = "ALL"  # name of the group that closes a table, and its only member

# Values that a named policy has besides the default policy's.
POLICIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "TRUSTED": {
            "behavior": mail_flow.Behavior.ACCEPT,
            "max_messages_per_connection": 5000,
            "max_recipients_per_message": 5000,
            "max_message_size": 100 * mail_flow.MEBIBYTE,
            "max_connections_per_client": 600,
            "max_recipients_per_hour": mail_flow.OFF,
            "max_sender_recipients_per_hour": mail_flow.OFF,
            "dhap_limit": mail_flow.OFF,
        },
        "BLOCKED": {"behavior": mail_flow.Behavior.REJECT},
        "THROTTLED": {
            "behavior": mail_flow.Behavior.ACCEPT,
            "max_messages_per_connection": 10,
            "max_recipients_per_message": 25,
            "max_message_size": mail_flow.MEBIBYTE,
            "max_connections_per_client": 10,
            "max_recipients_per_hour": 20,
        },
        "ACCEPTED": {"behavior": mail_flow.Behavior.ACCEPT},
        "RELAYED": {
            "behavior": mail_flow.Behavior.RELAY,
            "max_recipients_per_hour": mail_flow.OFF,
            "max_sender_recipients_per_hour": mail_flow.OFF,
            "dhap_limit": mail_flow.OFF,  # the inside has no recipient table to be harvested
        },
    }
)

_PUBLIC = (
    schema.SenderGroup(name="ALLOWED_LIST", policy="TRUSTED"),
    schema.SenderGroup(name="BLOCKED_LIST", policy="BLOCKED"),
    schema.SenderGroup(name="SUSPECTLIST", policy="THROTTLED"),
    schema.SenderGroup(name="UNKNOWNLIST", policy="ACCEPTED"),
    schema.SenderGroup(name=ALL, members=[ALL], policy="ACCEPTED"),
)
_PRIVATE = (
    schema.SenderGroup(name="RELAYLIST", policy="RELAYED"),
    schema.SenderGroup(name=ALL, members=[ALL], policy="BLOCKED"),
)


def sender_groups(listener: schema.Listener) -> tuple[schema.SenderGroup, ...]:
    """The groups of a listener with all that is implied; written groups keep their places."""
    usual = _PUBLIC if listener.type == "public" else _PRIVATE
    if not listener.sender_groups:
        return usual
    written = [
        group.model_copy(update={"members": [ALL]})
        if is_closing(group) and not group.members
        else group
        for group in listener.sender_groups
    ]
    return tuple(written) if _is_closed(written) else (*written, usual[-1])


def _is_closed(groups: list[schema.SenderGroup]) -> bool:
    """Is ALL among the members? Nearly always written like that, so that is looked for first."""
    return any(ALL in group.members for group in groups) or any(
        member.upper() == ALL for group in groups for member in group.members
    )


def is_closing(group: schema.SenderGroup) -> bool:
    """Is this the group that closes a table by its name?"""
    return group.name is not None and group.name.upper() == ALL


def policy_names(document: schema.Document) -> tuple[str, ...]:
    """All policies that a sender group may name."""
    return tuple(dict.fromkeys([*document.mail_flow_policies, *POLICIES, schema.DEFAULT_POLICY]))
