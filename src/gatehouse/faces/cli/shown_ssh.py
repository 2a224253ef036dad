# SPDX-License-Identifier: Apache-2.0
"""How SSH keys, and the people who are logged in, look to a person."""

from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import ssh, who
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, span, table
from gatehouse.journal.escape import clean


def key_added(one: ssh.KeyLine, to: Screen) -> str:
    """Which key it is, to compare."""
    return clean(f"Account {one.name}: {one.algorithm} {one.fingerprint} opens it from now on.")


def key_list(one: ssh.KeyList, to: Screen) -> str:
    """One line for each key."""
    if not one.keys:
        return "No keys."
    columns = (
        Column("FINGERPRINT"),
        Column("ALGORITHM"),
        Column("ADDED"),
        Column("LAST USE"),
        Column("COMMENT", flexible=True),
    )
    rows = [
        (
            key.fingerprint,
            key.algorithm,
            moment(key.added_at),
            "never" if key.last_used_at is None else moment(key.last_used_at),
            key.comment,
        )
        for key in one.keys
    ]
    return table(columns, rows, to)


def host_key(one: ssh.HostKey, to: Screen) -> str:
    """The fingerprint that a client shows at its first connection."""
    shown = pairs((("Fingerprint", one.fingerprint), ("Key", one.line)))
    if not one.renewed:
        return shown
    return f"{shown}\n{to.warn('Clients that knew the key before will refuse to connect now.')}"


def who_list(one: who.WhoList, to: Screen) -> str:
    """One line for each session."""
    if not one.sessions:
        return "Nobody is logged in."
    columns = (
        Column("NAME", flexible=True),
        Column("ROLE"),
        Column("BY"),
        Column("FROM", flexible=True),
        Column("SINCE"),
        Column("IDLE", right=True),
    )
    rows = [(s.name, s.role, s.way, s.address, moment(s.since), span(s.idle)) for s in one.sessions]
    return table(columns, rows, to)


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    ssh.KeyLine: key_added,
    ssh.KeyList: key_list,
    ssh.HostKey: host_key,
    who.WhoList: who_list,
}
