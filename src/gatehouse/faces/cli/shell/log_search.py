# SPDX-License-Identifier: Apache-2.0
"""Commands about the logs: their end, lines with a text, and all lines about a message.

What is looked for is plain text and no pattern: a pattern from a person can keep a processor busy
for hours.
"""

import re
from collections.abc import Iterable, Sequence

from gatehouse.faces.actions import logs
from gatehouse.faces.cli.shell.dialogue import (
    Show,
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    do,
    pause,
    say,
    something,
    whole_number,
)
from gatehouse.journal import reader
from gatehouse.journal.escape import clean

_LOGS = ("mail_logs", "events")
_LOOK_SECONDS = 0.5  # between two looks of somebody who watches; ours: nobody reads faster
_FAR_BACK = 100_000  # lines that are searched, the most that `log tail` gives
_MOST_MESSAGES = 100  # of one search; ours: more is no answer to anybody
_FROM = re.compile(r"\bFrom: <(.*?)>")
_TO = re.compile(r"\bTo: <(.*?)>")
_LARGEST_ID = 2**63 - 1


def tail() -> Talk[None]:
    """The end of a log, and what is written from now on while somebody watches."""
    events = (yield from choose("Which log?", _LOGS)) == 1
    lines = yield from ask_number("How many lines?", 20, 1, _FAR_BACK)
    now = yield from do(logs.TAIL, logs.TailInput(lines=lines, events=events), logs.LogLines)
    yield Show(output=now)
    told = False
    while (yield from pause(_LOOK_SECONDS if told else 0)):
        if not told:
            yield from say("(Ctrl-C ends it)")
        told = True
        given = logs.TailInput(events=events, after=now.position)
        now = yield from do(logs.TAIL, given, logs.LogLines)
        if now.lines:
            yield Show(output=now)


def grep() -> Talk[None]:
    """Lines of a log with a text in them."""
    wanted = yield from ask("Text to look for", check=something)
    place = yield from choose("Which log?", _LOGS)
    folded = yield from confirm("Small and capital letters alike?", default=True)
    found = yield from do(
        logs.TAIL, logs.TailInput(lines=_FAR_BACK, events=place == 1), logs.LogLines
    )
    text = wanted.lower() if folded else wanted
    fitting = [line for line in found.lines if text in (line.lower() if folded else line)]
    yield from say(*(map(clean, fitting) if fitting else ["No line fits."]))


def find_event() -> Talk[None]:
    """All lines about messages, by their number, sender or recipient."""
    way = yield from choose("Find messages by", ("MID", "Envelope sender", "Envelope recipient"))
    check = whole_number(1, _LARGEST_ID) if way == 0 else something
    wanted = yield from ask(("MID", "Envelope sender", "Envelope recipient")[way], check=check)
    found = yield from do(logs.TAIL, logs.TailInput(lines=_FAR_BACK), logs.LogLines)
    lines = [reader.read_line(line.encode()) for line in found.lines]
    mids = [int(wanted)] if way == 0 else named(lines, wanted, (_FROM, _TO)[way - 1])
    if len(mids) > _MOST_MESSAGES:
        yield from say(f"{len(mids)} messages fit; the last {_MOST_MESSAGES} are shown.")
    shown = about(lines, found.lines, mids[-_MOST_MESSAGES:])
    yield from say(*(map(clean, shown) if shown else ["No message fits."]))


def named(lines: Iterable[reader.LogLine], address: str, pattern: re.Pattern[str]) -> list[int]:
    """Numbers of messages with this address in such a line, in order."""
    wanted = address.strip("<>").lower()
    found: dict[int, None] = {}
    for line in lines:
        seen = pattern.search(line.text)
        if line.mid is not None and seen is not None and seen[1].lower() == wanted:
            found[line.mid] = None
    return list(found)


def about(lines: Sequence[reader.LogLine], raw: Sequence[str], mids: Iterable[int]) -> list[str]:
    """The lines about messages, and about the connections that they came in by and went out by."""
    wanted = set(mids)
    mine = [line for line in lines if line.mid in wanted]
    came = {line.icid for line in mine if line.icid is not None}
    went = {line.dcid for line in mine if line.dcid is not None}
    return [
        text
        for line, text in zip(lines, raw, strict=True)
        if line.mid in wanted
        or (line.mid is None and line.icid is not None and line.icid in came)
        or (line.mid is None and line.dcid is not None and line.dcid in went)
    ]
