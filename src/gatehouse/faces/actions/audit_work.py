# SPDX-License-Identifier: Apache-2.0
"""The work: who did what."""

import asyncio
from datetime import datetime

import msgspec

from gatehouse.faces.actions.audit import AuditInput, AuditLine, AuditList
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.store.people_values import AuditEntry, AuditFilter


async def list_entries(house: House, given: AuditInput) -> AuditList:
    """Entries of the audit log, the newest first."""
    wanted = AuditFilter(
        operator=given.operator,
        action=given.action,
        since=_moment(given.since) if given.since else 0.0,
        before_id=given.before,
    )
    found = await asyncio.to_thread(house.store.audit.list, wanted, given.limit)
    return AuditList(entries=tuple(_line(one, given.diff) for one in found))


def _line(one: AuditEntry, with_diff: bool) -> AuditLine:
    return AuditLine(
        number=one.id,
        at=moment(one.at),
        operator=one.operator,
        role=one.role,
        way=one.way,
        address=one.address,
        action=one.action,
        arguments=msgspec.json.decode(one.arguments),
        outcome=one.outcome,
        revision=one.revision,
        diff=one.diff if with_diff else "",
    )


def _moment(text: str) -> float:
    """A moment as it is typed, in local time where it names no zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise OperatorError(
            "bad-time", "This is no time.", text[:40], "2026-11-22, or 2026-11-22T10:00."
        ) from None
