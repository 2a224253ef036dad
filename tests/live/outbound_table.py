# SPDX-License-Identifier: Apache-2.0
"""The outbound matrix for people: the tables of docs/outbound-tls.md, made of what was measured."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.live.outbound_cells import LOGS, Outcome, Row, Rule

TABLE_FILE = Path(__file__).parents[2] / "docs" / "outbound-tls.md"
BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of a cell's message at its first try."""

    outcome: Outcome
    lines: tuple[str, ...]  # what differs from run to run is replaced
    report: str | None  # RFC 8460 §4.3; "": a success, None: not counted
    verdict: str  # why the server's identity is not proven, where that was found out

    @property
    def shape(self) -> str:
        """The name of the shape that the lines have; "?" when it is none."""
        for name, shape in LOGS.items():
            if len(shape) == len(self.lines) and all(map(_fits, shape, self.lines)):
                return name
        return "?"


Found = Mapping[tuple[str, Rule], Measured]


def _fits(shape: str, line: str) -> bool:
    pattern = re.escape(shape).replace("WORD", ".+").replace("DETAILS", ".+")
    return re.fullmatch(pattern, line) is not None


def cut(text: str) -> tuple[str, str, str]:
    """A page in three: before the measured part, that part, behind it."""
    before, _, rest = text.partition(BEGIN)
    inside, _, behind = rest.partition(END)
    return before, inside, behind


def rendered(levels: Iterable[Row], dane: Iterable[Row], sts: Iterable[Row], found: Found) -> str:
    """All tables, and the log lines that they point to."""
    parts = ["", "### The six levels", "", *_table("server", levels, found)]
    for use in ("opportunistic", "mandatory"):
        parts += ["", f"### DANE {use}", ""]
        parts += _table("DNS says about the host", dane, found, dane=use)
    parts += ["", "### MTA-STS on", "", *_table("policy and server", sts, found)]
    parts += ["", "### The log lines", ""]
    for number, (name, shape) in enumerate(LOGS.items(), 1):
        parts += [f"{number}. {name}", "", "   ```text", *(f"   {one}" for one in shape)]
        parts += ["   ```", ""]
    return "\n".join(parts)


def _table(head: str, rows: Iterable[Row], found: Found, *, dane: str = "") -> Iterable[str]:
    begun = False
    for row in rows:
        rules = [rule for rule in row.cells if not dane or rule.dane == dane]
        if not begun:
            yield f"| {head} | " + " | ".join(f"`{r.level}`" for r in rules) + " | TLS report |"
            yield "|---" * (len(rules) + 2) + "|"
            begun = True
        seen = [found[row.key, rule] for rule in rules]
        yield f"| {row.title} | " + " | ".join(map(_cell, seen)) + f" | {_report(seen)} |"


def _cell(seen: Measured) -> str:
    word = f" ({seen.verdict})" if seen.verdict else ""
    names = list(LOGS)
    number = names.index(seen.shape) + 1 if seen.shape in names else "?"
    return f"{seen.outcome.value}{word} [{number}]"


def _report(seen: list[Measured]) -> str:
    """A level that never asks for TLS counts nothing, and so does a host that needs no judging."""
    told = dict.fromkeys(one.report for one in seen if one.report is not None)
    return ", ".join(word or "success" for word in told) or "–"
