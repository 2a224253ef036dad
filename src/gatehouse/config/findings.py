# SPDX-License-Identifier: Apache-2.0
"""What is wrong, or odd, with a configuration: one value per finding, one line when shown.

A finding names section, field, the value found and what is allowed. Values come from a file that
may be hostile: they are bounded and escaped, and those of secret-looking fields are not shown.
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_SHOWN = 60  # characters of a value that are shown
MAX_NUMBER_BITS = 256
MAX_FINDINGS = 100  # nobody reads more; a hostile file could make a million

_SECRET = re.compile(r"pass|pwd|secret|token|private|credential|api_?key", re.IGNORECASE)
_LOOKED_AT = 1000  # characters of a value, for a password in it
_PASSWORD_IN = re.compile(r":\S*@")  # SCHEME://USER:PASSWORD@HOST (RFC 3986 §3.2.1)

Path = tuple[str | int, ...]


class Severity(enum.Enum):
    """How much a finding matters."""

    ERROR = "error"  # this configuration cannot run
    WARNING = "warning"  # it can run, but somebody should look at it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault or oddity. `path` leads to the value: ("listeners", "InboundMail", "port")."""

    severity: Severity
    path: Path
    what: str
    hint: str = ""
    found: str | None = None  # already bounded and escaped
    line: int | None = None

    @property
    def place(self) -> str:
        """The section and field as they are written in the file."""
        return place_text(self.path)

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        place = f"{self.place}: " if self.path else ""
        found = f" (found {self.found})" if self.found is not None else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.severity.value}: {where}{place}{self.what}{found}{hint}"


def error(path: Path, what: str, *, hint: str = "", found: object = None) -> Finding:
    """A finding that keeps the configuration from running."""
    return Finding(
        severity=Severity.ERROR, path=path, what=what, hint=hint, found=_found(path, found)
    )


def warning(path: Path, what: str, *, hint: str = "", found: object = None) -> Finding:
    """A finding that somebody should look at."""
    return Finding(
        severity=Severity.WARNING, path=path, what=what, hint=hint, found=_found(path, found)
    )


def moved(one: Finding, path: Path) -> Finding:
    """The same finding about another place."""
    return replace(one, path=path, line=None)


def has_errors(findings: Iterable[Finding]) -> bool:
    """Is there anything that keeps the configuration from running?"""
    return any(one.severity is Severity.ERROR for one in findings)


def place_text(path: Path) -> str:
    """listeners.InboundMail.recipient_access[3]; names that need quotes get them."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"  # people count from one
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_$-]{1,80}", part)
            text += ("." if text else "") + (part if bare else shown(part))
    return text


def shown(value: object) -> str:
    """A foreign value for an operator: quoted, printable and bounded."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    # Cut before repr: a text of megabytes must not be copied first.
    cut = value[: MAX_SHOWN + 1] if isinstance(value, str) else value
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        return "a very large number"  # Python refuses to write more than 4300 digits
    text = ascii(cut) if isinstance(cut, str) else str(cut)
    return text if len(text) <= MAX_SHOWN + 2 else text[:MAX_SHOWN] + "..."


def _found(path: Path, value: object) -> str | None:
    if value is None:
        return None
    if is_secret(path):
        return "a value that is not shown"
    if isinstance(value, str):
        value = _PASSWORD_IN.sub(":...@", value[:_LOOKED_AT])
    return shown(value)


def is_secret(path: Path) -> bool:
    """Does a name look as if a password stood there? No field has one, but people try."""
    return any(isinstance(part, str) and _SECRET.search(part) for part in path[-1:])
