# SPDX-License-Identifier: Apache-2.0
"""One session's input and output, between the event loop and the thread that plays the session.

A dialogue blocks while it waits for an answer, and an action while it is carried out; the loop that
serves all sessions never does. So each session has a thread, and this stands between: the loop
feeds octets in and sends octets out, the thread waits here. Both directions are bounded: a client
that sends ahead is not read any further, and a thread that prints more than is taken waits.
"""

import codecs
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from gatehouse.service.ssh import limits

_CTRL_C = b"\x03"


class Channel(Protocol):
    """What is needed of the channel; all of it belongs to the loop."""

    def write(self, data: bytes) -> None:
        """Send octets, or keep them until they can be sent."""

    def pause_reading(self) -> None:
        """Deliver nothing more for now."""

    def resume_reading(self) -> None:
        """Deliver again."""


class Line:
    """The bridge. `call` has something done by the loop, from any thread."""

    def __init__(
        self,
        channel: Channel,
        call: Callable[[Callable[[], None]], object],
        monotonic: Callable[[], float],
    ) -> None:
        self._channel = channel
        self._call = call
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._input = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._reading_paused = False
        self._writing_paused = False
        self._ahead = 0  # octets that the loop has not passed on yet
        self._ended = False  # nothing more comes
        self._lost = False  # nothing more goes out
        self._waiting = False  # for the client: to type, or to take what was printed
        self._ready: Callable[[], None] | None = None
        self._touched = self._asked = monotonic()  # something was typed; the session began to wait
        self._size = (24, 80)

    # --- the loop ---------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Octets have come."""
        with self._changed:
            self._input += data
            self._touched = self._monotonic()
            if len(self._input) >= limits.WINDOW and not self._reading_paused:
                self._reading_paused = True
                self._channel.pause_reading()
            self._tell()

    def end(self) -> None:
        """Nothing more comes; what came already is still read."""
        with self._changed:
            self._ended = True
            self._tell()

    def hang_up(self) -> None:
        """It is we who end it: half a line, or what was sent ahead, is carried out no more."""
        with self._changed:
            self._ended = True
            self._input.clear()
            self._tell()

    def lose(self) -> None:
        """The client is gone: what it sent and nobody has read does not count any more."""
        with self._changed:
            self._ended = self._lost = True
            self._input.clear()
            self._tell()

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        with self._changed:
            self._writing_paused = True

    def resume_writing(self) -> None:
        """It takes it again."""
        with self._changed:
            self._writing_paused = False
            self._changed.notify_all()

    def resize(self, rows: int, columns: int) -> None:
        """The client's window has another size."""
        with self._changed:
            self._size = (rows, columns)

    def idle(self) -> float:
        """Seconds since something was typed."""
        with self._changed:
            return self._monotonic() - self._touched

    @property
    def waiting(self) -> bool:
        """The session waits for the client, and not the other way round."""
        with self._changed:
            return self._waiting or self._ready is not None

    def waited(self) -> float:
        """Seconds for which the session has waited for the client, who did nothing."""
        with self._changed:
            if not self.waiting:
                return 0.0
            return self._monotonic() - max(self._touched, self._asked)

    def _tell(self) -> None:
        self._changed.notify_all()
        if self._ready is not None:
            self._ready()

    def _send(self, data: bytes) -> None:
        with self._changed:
            lost = self._lost
        if not lost:
            with suppress(OSError):  # it may just be closing
                self._channel.write(data)
        with self._changed:
            self._ahead -= len(data)
            self._changed.notify_all()

    # --- the session's thread ---------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Nothing more comes, and everything that came was read."""
        with self._changed:
            return self._ended and not self._input

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the client's window."""
        with self._changed:
            return self._size

    def take(self) -> str:
        """Whatever has come."""
        with self._changed:
            return self._taken(len(self._input))

    def read_line(self, most: int) -> str | None:
        """Wait for a line, with its end; a longer one comes in parts. None: at the end."""
        again = False
        with self._changed:
            while True:
                end = self._input.find(b"\n", 0, most)
                if end >= 0:
                    return self._taken(end + 1)
                if len(self._input) >= most or self._ended:
                    return self._taken(min(most, len(self._input))) or None
                self._wait(again=again)
                again = True  # woken by something else, as by what was printed being sent

    def pause(self, seconds: float) -> bool:
        """Let time pass; True: Ctrl-C was typed, or nothing more comes."""
        ends = self._monotonic() + seconds
        with self._changed:
            while not self._ended:
                at = self._input.find(_CTRL_C)
                if at >= 0:
                    del self._input[: at + 1]
                    return True
                left = ends - self._monotonic()
                if left <= 0:
                    return False
                self._wait(left)
            return True

    def write(self, text: str) -> None:
        """Send text; waits while the client has too much to take. Goes nowhere without a client."""
        data = text.encode("utf-8", "replace")
        for at in range(0, len(data), limits.MAX_PACKET):
            part = data[at : at + limits.MAX_PACKET]
            with self._changed:
                while (self._writing_paused or self._ahead > limits.MAX_AHEAD) and not self._lost:
                    self._wait()
                if self._lost:
                    return
                self._ahead += len(part)
            self._do(partial(self._send, part))

    def attach(self, ready: Callable[[], None]) -> Callable[[], None]:
        """Call `ready` from any thread when there is something to take; the result undoes it."""
        with self._changed:
            before, self._ready = self._ready, ready
            self._asked = self._monotonic()
            if self._input or self._ended:
                ready()

        def detach() -> None:
            with self._changed:
                self._ready = before
                if self._ready is not None and (self._input or self._ended):
                    self._ready()

        return detach

    def _taken(self, count: int) -> str:
        data = bytes(self._input[:count])
        del self._input[:count]
        if self._reading_paused and len(self._input) < limits.WINDOW // 2:
            self._reading_paused = False
            self._do(self._channel.resume_reading)
        return self._decoder.decode(data)

    def _wait(self, seconds: float | None = None, *, again: bool = False) -> None:
        self._waiting = True
        if seconds is None and not again:  # who only watches is as idle as before
            self._asked = self._monotonic()
        try:
            self._changed.wait(seconds)
        finally:
            self._waiting = False

    def _do(self, what: Callable[[], None]) -> None:
        try:
            self._call(what)
        except RuntimeError:
            pass  # the loop is closed: the process ends
