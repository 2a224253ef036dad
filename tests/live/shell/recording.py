# SPDX-License-Identifier: Apache-2.0
"""Recorded sessions of the shell: what was on the screen, with the answers behind their questions.

Lines that begin with # above the first prompt are for readers. `…` stands for what differs from
run to run, within its line.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_PROMPT = re.compile(r"(?:\[[^\]]*\]|.+\? \[[YN]\]|[a-z0-9.-]+)> ?(.*)")


@dataclass(frozen=True)
class Recording:
    """Answers to type, and the screen that they must give."""

    answers: str
    screen: tuple[str, ...]


def read(path: Path) -> Recording:
    """Take a file apart."""
    screen = [line.rstrip() for line in path.read_text().splitlines() if line[:1] != "#"]
    found = [_PROMPT.fullmatch(line) for line in screen]
    return Recording("".join(f"{one[1]}\n" for one in found if one), tuple(screen))


def difference(recording: Recording, said: str) -> str:
    """The first line that is another one; "" if there is none."""
    lines = [line.rstrip() for line in said.splitlines()]
    for number, (wanted, line) in enumerate(zip(recording.screen, lines, strict=False), 1):
        pattern = ".*".join(map(re.escape, wanted.split("…")))
        if not re.fullmatch(pattern, line):
            return f"line {number}: {line!r} and not {wanted!r}"
    if len(lines) != len(recording.screen):
        return f"{len(lines)} lines and not {len(recording.screen)}"
    return ""
