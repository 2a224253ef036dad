# SPDX-License-Identifier: Apache-2.0
"""Declarations: logs."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

BEGINNING = "0:0"  # a position before everything that is kept


class TailInput(msgspec.Struct, frozen=True, kw_only=True):
    """How much of which log."""

    lines: Annotated[
        int, Arg(help="the last N lines", metavar="N", short="n", least=0, most=100_000)
    ] = 20
    events: Annotated[bool, Arg(help="the event log: JSON, one fact on each line")] = False
    after: Annotated[
        str | None,
        Arg(help="all that was written behind this position of an earlier answer", metavar="PLACE"),
    ] = None


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a log, in order."""

    path: str
    lines: tuple[str, ...]
    position: str = ""  # behind the last line, to be asked with `after`
    more: bool = False  # an answer to `after` was full: there may be more behind `position`


TAIL = Action(
    name="log tail",
    summary="Show the end of the mail log.",
    help="""Print the last lines of the mail log or, with --events, of the event log.

With --follow it goes on with what is written from now on, also when a new file begins. Every line
of a message carries its MID, every line of a connection its ICID or DCID.""",
    example="gatehouse log tail -n 50 --follow",
    role=Role.READ_ONLY,
    input=TailInput,
    output=LogLines,
    changes=False,
    needs=Needs.NOTHING,
    work="gatehouse.faces.actions.logs_work:tail",
)
