# SPDX-License-Identifier: Apache-2.0
"""Commands about the logs: their end, lines with a text, and all lines about a message.

What is looked for is plain text and no pattern: a pattern from a person can keep a processor busy
for hours. All files that are kept are searched, the oldest first, in pieces.

Lines quote what clients say. Whoever writes "MID 5" or "From: <...>" into a subject or a command
must not get into what is shown of a message: numbers and addresses count only where the gateway
itself has put them.
"""

import re
from collections.abc import Callable

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
_FAR_BACK = 100_000  # lines of the end of a log, the most that `log tail` gives
_MOST_MESSAGES = 100  # of one search; ours: more is no answer to anybody
_LARGEST_ID = 2**63 - 1

_WAYS = ("MID", "Envelope sender", "Envelope recipient")
_NUMBER = re.compile(r"ID:? (\d{1,19})")  # of any of them, wherever it stands: for a first look
# What a line begins with, in our own words: "Delivery start DCID 8 MID 9 ".
_HEAD = re.compile(r"(?:[A-Za-z]+:? ){0,2}\(?((?:(?:MID|ICID|DCID):? \d{1,19}\b[) ]*)+)")
_ID = re.compile(r"(MID|ICID|DCID):? (\d{1,19})")
# A local part in quotes may hold everything, ">" too (RFC 5321 §4.1.2).
_ADDRESS = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
_FROM = re.compile(f"From: {_ADDRESS}")
_TO = re.compile(rf"(?:RID \d+ |From: {_ADDRESS} )?To: {_ADDRESS}")


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
    text = wanted.lower() if folded else wanted

    def fits(line: str) -> bool:
        return text in (line.lower() if folded else line)

    if not (yield from _through(fits, events=place == 1)):
        yield from say("No line fits.")


def find_event() -> Talk[None]:
    """All lines about messages, by their number, sender or recipient."""
    way = yield from choose("Find messages by", _WAYS)
    check = whole_number(1, _LARGEST_ID) if way == 0 else something
    wanted = yield from ask(_WAYS[way], check=check)
    search = Search(wanted, None if way == 0 else (_FROM, _TO)[way - 1])
    yield from _through(search.mark)
    if search.forgotten:
        yield from say(f"More than {_MOST_MESSAGES} messages fit; the last ones are shown.")
    if not (yield from _through(search.belongs())):
        yield from say("No message fits.")


def _through(pick: Callable[[str], bool], *, events: bool = False) -> Talk[bool]:
    """Show what is picked of all lines that are kept, in order; whether that was any."""
    place, more, any_ = logs.BEGINNING, True, False
    while more:
        given = logs.TailInput(events=events, after=place)
        found = yield from do(logs.TAIL, given, logs.LogLines)
        if picked := [clean(line) for line in found.lines if pick(line)]:
            any_ = True
            yield from say(*picked)
        place, more = found.position, found.more
        yield from pause(0)  # whoever watches may have enough
    return any_


class Search:
    """Which messages are meant, with the connections that they came in by and went out by.

    `address`: where in a line the address stands that is wanted; None: the number is.
    """

    def __init__(self, wanted: str, address: re.Pattern[str] | None) -> None:
        self._address, self._wanted = address, wanted.strip("<>").lower()
        self._messages: dict[int, set[tuple[str, int]]] = {}
        self._numbers: set[str] = set()
        self.forgotten = False  # of too many messages the first ones
        if address is None:
            self._take(int(wanted))

    def mark(self, line: str) -> bool:
        """Look at a line, in order; it is not shown."""
        if self._is_near(line):
            ids, rest = own_ids(line)
            mid = ids.pop("MID", None)
            if mid is not None and mid not in self._messages and self._is_meant(rest):
                self._take(mid)
            if mid in self._messages:
                self._messages[mid].update(ids.items())
        return False

    def belongs(self) -> Callable[[str], bool]:
        """Is a line about one of the messages, or about a connection of theirs and no message?"""
        connections = set().union(*self._messages.values())
        numbers = {str(number) for _, number in connections} | self._numbers

        def check(line: str) -> bool:
            if numbers.isdisjoint(_NUMBER.findall(line)):
                return False
            ids, _ = own_ids(line)
            if "MID" in ids:
                return ids["MID"] in self._messages
            return not connections.isdisjoint(ids.items())

        return check

    def _is_near(self, line: str) -> bool:
        """Quickly: most lines are about something else."""
        if self._address is not None and f"<{self._wanted}>" in line.lower():
            return True
        return not self._numbers.isdisjoint(_NUMBER.findall(line))

    def _is_meant(self, rest: str) -> bool:
        found = None if self._address is None else self._address.match(rest)
        return found is not None and found[found.lastindex or 0].lower() == self._wanted

    def _take(self, mid: int) -> None:
        self._messages[mid] = set()
        self._numbers.add(str(mid))
        if len(self._messages) > _MOST_MESSAGES:
            first = next(iter(self._messages))
            del self._messages[first]
            self._numbers.remove(str(first))
            self.forgotten = True


def own_ids(line: str) -> tuple[dict[str, int], str]:
    """The numbers that the gateway put at the beginning of a line, and what follows them."""
    text = reader.read_line(line.encode()).text
    head = _HEAD.match(text)
    if head is None:
        return {}, text
    ids: dict[str, int] = {}
    for kind, number in _ID.findall(head[1]):
        ids.setdefault(kind, int(number))
    return ids, text[head.end() :]
