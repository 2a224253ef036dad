# SPDX-License-Identifier: Apache-2.0
"""A server engine with a driver that says yes, for the tests beside it."""

from collections.abc import Callable, Iterable
from typing import Any

from gatehouse.mail.reply import Reply
from gatehouse.smtp import server_events as events
from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_settings import ServerSettings

INFORMATION = (
    events.BodyChunk,
    events.CommandRefused,
    events.MessageRejected,
    events.ProtocolViolation,
    events.Quit,
    events.Reset,
)

OPEN = b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"
Answers = Callable[[events.Event], Reply | None]


def settings(**given: Any) -> ServerSettings:
    values: dict[str, Any] = {
        "hostname": "mx.example.com",
        "max_message_size": 10_000,
        "offer_starttls": True,
        "require_tls": False,
    }
    return ServerSettings(**(values | given))


class Server:
    """What came out: `events` in order, `wire` what was sent."""

    def __init__(self, answers: Answers = lambda event: None, **given: Any) -> None:
        tls_active = given.pop("tls_active", False)
        self.engine = ServerEngine(settings(**given), tls_active=tls_active)
        self.answers = answers
        self.events: list[events.Event] = []
        self.wire = b""
        self.engine.greet()
        self.pump()
        self.wire = b""

    def send(self, *pieces: bytes) -> "Server":
        for piece in pieces:
            self.engine.receive(piece)
            self.pump()
        return self

    def pump(self) -> None:
        while (event := self.engine.next_event()) is not None:
            self.events.append(event)
            if not isinstance(event, INFORMATION):
                self.engine.answer(self.answers(event))
        self.wire += self.engine.take_output()

    def codes(self) -> list[bytes]:
        """Reply codes in order, one for each reply."""
        return [line[:3] for line in self.wire.split(b"\r\n") if line[3:4] == b" "]

    def named(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def bodies(self) -> list[bytes]:
        """The content of each message that was accepted."""
        return bodies_of(self.events)


def bodies_of(happened: Iterable[events.Event]) -> list[bytes]:
    messages: list[bytes] = []
    current = b""
    for event in happened:
        match event:
            case events.DataStart():
                current = b""
            case events.BodyChunk(data):
                current += data
            case events.MessageEnd(size):
                assert size == len(current)
                messages.append(current)
            case _:
                pass
    return messages


def octets(data: bytes) -> list[bytes]:
    return [bytes((octet,)) for octet in data]
