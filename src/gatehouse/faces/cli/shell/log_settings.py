# SPDX-License-Identifier: Apache-2.0
"""logconfig: how large the logs grow, and how much of them is kept."""

from gatehouse.config import units
from gatehouse.faces.cli.shell.candidate_edit import Draft, attempt, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, ask, ask_number, menu, say
from gatehouse.faces.cli.terminal import pairs

_SECTION = "logs"
_LOGS = ("mail_logs (text)", "event_logs (JSON, all facts)")


def log_config() -> Talk[None]:
    """The menu of logs; all of them roll over by the same rule."""
    draft = yield from open_draft()
    while True:
        now = draft.document.logs
        size = units.format_size(now.rollover_size)
        rows = [
            ("Logs", ", ".join(_LOGS)),
            ("Size of a file", str(size)),
            ("Files kept of each", str(now.keep)),
        ]
        yield from say("", pairs(rows))
        if (yield from menu(("EDIT", "Change size and number."))) is None:
            return
        yield from attempt(_edit(draft))
        draft.revert()


def _edit(draft: Draft) -> Talk[None]:
    now = draft.document.logs
    old = str(units.format_size(now.rollover_size))
    size = yield from ask("Size at which the next file begins", old, check=_size)
    if size != old:
        draft.put((_SECTION, "rollover_size"), units.format_size(units.parse_size(size)))
    number = yield from ask_number("Files kept of each log", now.keep, 1, 10_000)
    if number != now.keep:
        draft.put((_SECTION, "keep"), number)
    yield from keep(draft)


def _size(answer: str) -> str | None:
    try:
        units.parse_size(answer)
    except ValueError:
        return f"{units.SIZE_FORM} is needed."
    return None
