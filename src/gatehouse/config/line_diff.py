# SPDX-License-Identifier: Apache-2.0
"""What changed between two texts, line by line, in bounded time and size.

Comparing takes quadratic time where nothing is alike, and two texts may have 250,000 lines each.
"""

import difflib

LONGEST_DIFF = 64 * 1024  # octets of what one commit changed, in the audit log; ours
LONGEST_COMPARED = 20_000  # lines that differ, before they are only counted; ours: a few seconds

_CUT = "\n[cut off]"


def difference(before: str, after: str) -> str:
    """For the audit log: a unified diff of at most `LONGEST_DIFF` octets."""
    lines = unified(before, after, ("before", "after"), around=2).encode()
    if len(lines) <= LONGEST_DIFF:
        return lines.decode()
    return lines[: LONGEST_DIFF - len(_CUT)].decode(errors="ignore") + _CUT


def unified(before: str, after: str, names: tuple[str, str], *, around: int = 3) -> str:
    """A unified diff; "" where the texts are equal, and a sentence where too much differs."""
    old, new = _lines(before), _lines(after)
    if abs(len(old) - len(new)) > LONGEST_COMPARED or _apart(old, new) > LONGEST_COMPARED:
        return f"{len(old)} lines before, {len(new)} lines after: too many to compare\n"
    found = difflib.unified_diff(old, new, *names, n=around, lineterm="")
    return "".join(f"{line}\n" for line in found)


def _lines(text: str) -> list[str]:
    # Only at line feeds, as the parser counts lines: TOML texts may hold other breaks.
    return text.removesuffix("\n").split("\n") if text else []


def _apart(old: list[str], new: list[str]) -> int:
    """Lines that are left when what both begin and end with is taken away."""
    same = 0
    shorter = min(len(old), len(new))
    while same < shorter and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < shorter - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return max(len(old), len(new)) - same - tail
