# SPDX-License-Identifier: Apache-2.0
"""A scripted server for the client engine: say bytes, see what comes of them."""

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.envelope import Envelope, Recipient
from gatehouse.smtp.client import ClientEngine, ClientSettings
from gatehouse.smtp.client_events import Event

EHLO_ALL = (
    b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n"
    b"250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n"
)
EHLO_PLAIN = b"250 mx.example\r\n"


class Wire:
    """An engine and its server; `say` returns the events, `sent` holds all that the client sent."""

    def __init__(self, *, lmtp: bool = False, tls_active: bool = False) -> None:
        settings = ClientSettings(hostname="gw.example", lmtp=lmtp)
        self.engine = ClientEngine(settings, tls_active=tls_active)
        self.sent = b""

    def say(self, data: bytes) -> list[Event]:
        self.engine.receive(data)
        events = self.events()
        self.flush()
        return events

    def events(self) -> list[Event]:
        found = []
        while (event := self.engine.next_event()) is not None:
            found.append(event)
        return found

    def flush(self) -> bytes:
        output = self.engine.take_output()
        self.sent += output
        return output

    def hello(self, ehlo: bytes = EHLO_ALL) -> "Wire":
        self.say(b"220 mx.example ESMTP\r\n")
        self.say(ehlo)
        self.sent = b""
        return self

    def begin(self, *recipients: str, size: int = 100) -> bytes:
        self.engine.begin(envelope(*recipients), size, eight_bit=False)
        return self.flush()

    def send_body(self, body: bytes = b"x\r\n") -> bytes:
        self.engine.body(body)
        self.engine.end_body()
        return self.flush()


def mailbox(text: str) -> Address:
    address = parse_mailbox(text.encode())
    assert isinstance(address, Address), address
    return address


def envelope(*recipients: str) -> Envelope:
    return Envelope(
        sender=mailbox("from@example.com"),
        recipients=tuple(
            Recipient(address=mailbox(text)) for text in recipients or ("a@b.example",)
        ),
    )
