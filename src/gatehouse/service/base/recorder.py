# SPDX-License-Identifier: Apache-2.0
"""Takes the facts of a process and hands them on: rendered to the log, as they are to readers.

Recording never blocks and never fails because of the log: facts become text and JSON at once, wait
in memory, and go out as blocks when `flush` is called. When the way out is stopped up and the
buffer full, whole facts are dropped and counted, and `LogLinesLost` says so once there is room.

Stamps are local time, made once a second. Within a process they never go back, except when the
clock was set back: a block is one second, and blocks leave in order.
"""

import time
from collections import deque
from collections.abc import Callable

from gatehouse.journal.facts import Fact, LogLinesLost
from gatehouse.journal.json_lines import encode
from gatehouse.journal.mail_log import DEFAULT_SWITCHES, Level, StampOf, Switches, render
from gatehouse.journal.stamp import format_stamp
from gatehouse.service.base.channel import LogBlock
from gatehouse.service.base.clock import SYSTEM_CLOCK, Clock

# Facts of other tasks may be a little older than the last one; a difference above this is a clock
# that was set back.
CLOCK_SET_BACK = 60

# Half of what the line to the supervisor carries in one message (channel.MAX_MESSAGE), as blocks
# grow when text becomes UTF-8.
DEFAULT_MAX_BYTES = 32 * 1024 * 1024

LocalTimeOf = Callable[[float], time.struct_time]


class Recorder:
    """One per process. `send` takes a block and says whether it could."""

    def __init__(
        self,
        send: Callable[[LogBlock], bool],
        *,
        switches: Switches = DEFAULT_SWITCHES,
        clock: Clock = SYSTEM_CLOCK,
        local_time: LocalTimeOf = time.localtime,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self.switches = switches  # a commit may change it at any time
        self._send = send
        self._clock = clock
        self._max_bytes = max_bytes
        self._readers: tuple[Callable[[Fact], None], ...] = ()
        self._second = 0
        self._heads: dict[Level, str] = {}
        self._text: list[str] = []
        self._events: list[bytes] = []
        self._sealed: deque[LogBlock] = deque()
        self._size = 0  # of everything that waits, text and JSON
        self._lost = 0
        self._stamp_of: StampOf = lambda at: format_stamp(local_time(at))

    def record(self, fact: Fact) -> None:
        """Put a fact into the log and tell the readers."""
        if self._size > self._max_bytes:
            self._lost += 1
        else:
            self._write(fact)
        for reader in self._readers:
            reader(fact)

    def subscribe(self, reader: Callable[[Fact], None]) -> None:
        """Have every fact of this process given to `reader`, in the moment it is recorded."""
        self._readers = (*self._readers, reader)

    def flush(self) -> None:
        """Send what waits. What cannot be sent now stays for the next time."""
        self._send_waiting()
        if self._lost and not self._sealed:
            lost, self._lost = self._lost, 0
            self.record(LogLinesLost(at=self._clock.wall(), count=lost))
            self._send_waiting()

    def _write(self, fact: Fact) -> None:
        second = int(fact.at)
        if second != self._second:
            self._turn_to(second)
        event = encode(fact)
        self._events.append(event)
        heads = self._heads
        for level, text in render(fact, self.switches, self._stamp_of):
            self._text.append(heads[level] + text)
        # The text says the same in less: counting the JSON twice is a bound, and cheap.
        self._size += 2 * len(event)

    def _turn_to(self, second: int) -> None:
        if self._second - CLOCK_SET_BACK <= second < self._second:
            return
        self._seal()
        self._second = second
        stamp = self._stamp_of(second)
        self._heads = {level: f"{stamp} {level.value}: " for level in Level}

    def _seal(self) -> None:
        """Close the block of the current second."""
        if not self._events:
            return
        text = "".join([line + "\n" for line in self._text]).encode()
        events = b"\n".join(self._events) + b"\n"
        self._sealed.append(LogBlock(second=self._second, text=text, events=events))
        self._text.clear()
        self._events.clear()

    def _send_waiting(self) -> None:
        self._seal()
        while self._sealed:
            if not self._send(self._sealed[0]):
                return
            self._sealed.popleft()
        self._size = 0
