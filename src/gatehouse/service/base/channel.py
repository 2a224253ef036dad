# SPDX-License-Identifier: Apache-2.0
"""The line between the supervisor and each of its processes.

A stream socket pair that carries length-prefixed messages: four bytes (big-endian length), then
MessagePack. Both ends are ours, so a message that does not decode is a broken contract, not input.
Sending never blocks: what the socket does not take waits in memory, log blocks up to a bound (the
recorder counts what it had to drop), everything else always.

The end of the stream means that the other side is gone. A process whose supervisor died stops by
itself: nobody would collect its log, restart it or stop it.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec

from gatehouse.service.base.open_sessions import Presence


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: I serve now."""

    pid: int


class LogBlock(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: rendered lines, in order, of one second; text and JSON side by side."""

    second: int
    text: bytes
    events: bytes


class Wake(msgspec.Struct, frozen=True, tag=True):
    """Receiver to deliverer (by way of the supervisor): there is new mail in the queue."""


class Apply(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to child: run by this revision from now on; `packed` holds its values."""

    revision: int
    packed: bytes


class Applied(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: the revision runs, or why it does not (then the old one goes on)."""

    revision: int
    error: str | None


class QueueChanged(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to deliverer: an operator held, released, retried or deleted something."""


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to child: tell me something about yourself (`what`), answer with this number."""

    number: int
    what: str


class Doors(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to receiver: these listeners take no new clients, all others do.

    Those who are connected there may finish within so many seconds. Answered with this number, when
    the doors are shut.
    """

    number: int
    shut: tuple[str, ...]
    within: float


# What a receiver is asked for by `Ask`: how many connections each client has, the most first; what
# does not fit into the answer stands under "" together.
CLIENTS = "clients"

Value = dict[str, int | float | str | None]


class Told(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: the answer to `Ask` or `Doors` with the same number, as JSON values."""

    number: int
    value: Value


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to child: finish what is in flight within this many seconds, then leave."""

    within: float


class Retire(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to child: another has taken over; take nobody new, end with your last client."""


class Stats(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: counters that grew since the last one, and gauges as they are."""

    counters: dict[str, int]
    gauges: dict[str, int]


class Alarmed(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: tell this alarm, unless its series holds it back.

    `stuck` and `mailed` as in `policy.alarms.Alarm`.
    """

    name: str
    severity: str
    text: str
    key: str
    alarm_class: str = "System"
    stuck: str = ""
    mailed: bool = True


class Inside(msgspec.Struct, frozen=True, tag=True):
    """Child to supervisor: who is logged in here now; if I die, they have all gone."""

    people: tuple[Presence, ...]


Message = (
    Ready
    | LogBlock
    | Wake
    | Apply
    | Applied
    | QueueChanged
    | Ask
    | Doors
    | Told
    | Stop
    | Retire
    | Stats
    | Alarmed
    | Inside
)  # every message there is; the tag is the class name

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode

# A log block is at most what the recorder joins in one flush (16 MiB would be a minute of it);
# anything above is not ours.
MAX_MESSAGE = 64 * 1024 * 1024
_HEAD = 4


class Channel(asyncio.Protocol):
    """One end of the line. `on_message` is called for each message, `on_end` once at the end."""

    def __init__(
        self, on_message: Callable[[Message], None], on_end: Callable[[], None] | None = None
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._over = asyncio.Event()

    @classmethod
    async def open(
        cls,
        sock: socket.socket,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None] | None = None,
    ) -> "Channel":
        """Attach to a connected socket of a pair."""
        channel = cls(on_message, on_end)
        sock.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: channel, sock=sock)
        return channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio calls this when the socket is attached."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop has classes of its own

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio calls this at the end of the stream."""
        self._transport = None
        self._over.set()
        if self._on_end is not None:
            self._on_end()

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEAD:
            length = int.from_bytes(buffer[start : start + _HEAD], "big")
            if length > MAX_MESSAGE:
                raise ValueError(f"a message of {length} bytes on the supervisor's line")
            end = start + _HEAD + length
            if len(buffer) < end:
                break
            message = _decode(bytes(buffer[start + _HEAD : end]))
            start = end
            self._on_message(message)
        del buffer[:start]

    def send(self, message: Message) -> bool:
        """Queue a message; False when the line is down."""
        if self._transport is None or self._transport.is_closing():
            return False
        body = _encode(message)
        self._transport.write(len(body).to_bytes(_HEAD, "big") + body)
        return True

    @property
    def backlog(self) -> int:
        """Bytes the socket has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    async def heard_out(self, within: float) -> None:
        """Wait, so many seconds at most, until all is heard that a side that is gone has said."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._over.wait()

    def close(self) -> None:
        """Send what is left, then close."""
        if self._transport is not None:
            self._transport.close()
