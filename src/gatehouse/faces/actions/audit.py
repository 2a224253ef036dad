# SPDX-License-Identifier: Apache-2.0
"""Declaration: who did what."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role


class AuditInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries."""

    operator: Annotated[str, Arg(help="only what this operator did", metavar="NAME")] = ""
    action: Annotated[
        str, Arg(help='only this action, or the first words: "config commit", "user"')
    ] = ""
    since: Annotated[
        str, Arg(help="only from this moment on: 2026-11-22, 2026-11-22T10:00", metavar="TIME")
    ] = ""
    before: Annotated[
        int | None, Arg(help="only entries with smaller numbers", metavar="N", least=1)
    ] = None
    diff: Annotated[bool, Arg(help="with what each commit changed")] = False
    limit: Annotated[
        int, Arg(help="at most so many", metavar="N", short="n", least=1, most=10_000)
    ] = 50


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did, or was refused."""

    number: int
    at: datetime
    operator: str
    role: str
    way: str  # cli | socket | ssh | api | web
    address: str
    action: str
    arguments: dict[str, Any]
    outcome: str  # done | refused | failed: why | interrupted
    revision: int | None
    diff: str


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, the newest first."""

    entries: tuple[AuditLine, ...]


LIST = Action(
    name="audit list",
    summary="Show who did what, and who was refused.",
    help="""Show the audit log, the newest first: whatever changed something, what only
administrators may see, and everything that was refused, with who, from where, the arguments without
secrets, and what came of it. Commits are kept with their revision and difference (--diff).

Nothing can be changed or removed in it.""",
    example='gatehouse audit list --operator bob --action "config commit" --since 2026-11-01',
    role=Role.READ_ONLY,
    input=AuditInput,
    output=AuditList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.audit_work:list_entries",
)
