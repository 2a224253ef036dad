# SPDX-License-Identifier: Apache-2.0
"""The text form of a recipient access table: one entry in a line, the first that fits decides.

    example.com ACCEPT
    spamtrap@example.com REJECT 550 "5.1.1 No such user" (since May)
    ALL REJECT

The words are those of the modelled appliance's table, the form is ours. The closing ALL is always
written, since behind the last entry everything is refused.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gatehouse.config import builtin, document, findings, hat_text, schema, text
from gatehouse.config.findings import Finding
from gatehouse.policy import recipients

_ENTRY = re.compile(
    r'((?:"(?:[^"\\]|\\.)*"|[^\s"])+)\s+(ACCEPT|REJECT)'
    r'(?:\s+(\d{3}))?(?:\s+"((?:[^"\\]|\\.)*)")?(?:\s+\((.*)\))?',
    re.IGNORECASE,
)
_ESCAPE = re.compile(r'\\(["\\])')
MAX_ENTRIES = text.MAX_KEYS // 2  # each has two keys at least, where it is written in the end


def parse(data: bytes) -> tuple[schema.RecipientAccess, ...] | tuple[Finding, ...]:
    """All entries, or all faults; an empty text is a fault, for nothing would be accepted."""
    if len(data) > hat_text.MAX_BYTES:
        return (findings.error((), "the text is too large"),)
    try:
        written = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        return (hat_text.at(data.count(b"\n", 0, fault.start) + 1, "the text is not valid UTF-8"),)
    entries: list[dict[str, Any]] = []
    lines: list[int] = []
    faults: list[Finding] = []
    for number, line in enumerate(written.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] == "#":
            continue
        entry = _entry(number, stripped)
        if isinstance(entry, Finding):
            faults.append(entry)
        else:
            entries.append(entry)
            lines.append(number)
        if len(entries) > MAX_ENTRIES:
            faults.append(hat_text.at(number, f"there are more than {MAX_ENTRIES} entries"))
        if len(faults) >= findings.MAX_FINDINGS or len(entries) > MAX_ENTRIES:
            break
    if not entries and not faults:
        faults.append(hat_text.at(1, "there is no entry", hint="DOMAIN ACCEPT, then ALL REJECT"))
    return tuple(faults[: findings.MAX_FINDINGS]) or _checked(entries, lines)


def format_entries(entries: Iterable[schema.RecipientAccess]) -> str:
    """The table as text."""
    lines = [_line(entry) for entry in entries]
    if not any(line.split(" ", 1)[0].upper() == builtin.ALL for line in lines):
        lines.append(f"{builtin.ALL} REJECT")
    return "\n".join(lines) + "\n"


def _entry(number: int, line: str) -> dict[str, Any] | Finding:
    written = _ENTRY.fullmatch(line)
    if written is None:
        return hat_text.at(
            number,
            "is no entry",
            hint='RECIPIENT ACCEPT, or RECIPIENT REJECT 550 "text" (comment)',
            found=line,
        )
    pattern = recipients.parse_recipient(written[1])
    if isinstance(pattern, recipients.PatternFault):
        return hat_text.at(
            number, "is no recipient definition", hint=pattern.reason, found=written[1]
        )
    values = {
        "recipient": written[1],
        "access": written[2].lower(),
        "code": int(written[3]) if written[3] else None,
        "text": _ESCAPE.sub(r"\1", written[4]) if written[4] is not None else None,
        "comment": (written[5] or "").strip() or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _checked(
    entries: list[dict[str, Any]], lines: list[int]
) -> tuple[schema.RecipientAccess, ...] | tuple[Finding, ...]:
    """Bounds are the schema's; a fault gets the line of its entry."""
    listener = {"type": "public", "interface": "x", "recipient_access": entries}
    read = document.read({"format": schema.FORMAT, "listeners": {"x": listener}})
    if isinstance(read, schema.Document):
        return tuple(read.listeners["x"].recipient_access)
    return tuple(
        replace(
            fault,
            path=fault.path[4:],
            line=lines[int(fault.path[3])] if len(fault.path) > 3 else None,
        )
        for fault in read
    )


def _line(entry: schema.RecipientAccess) -> str:
    parts = [entry.recipient, entry.access.upper()]
    if entry.code is not None:
        parts.append(str(entry.code))
    if entry.text is not None:
        parts.append(hat_text.quoted(entry.text))
    comment = " ".join((entry.comment or "").split())
    if comment:
        parts.append(f"({comment})")
    return " ".join(parts)
