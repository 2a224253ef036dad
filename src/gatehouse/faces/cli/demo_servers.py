# SPDX-License-Identifier: Apache-2.0
"""Receiving servers for the demo: real SMTP and real TLS on loopback, kept in memory.

Each server stands for one destination domain and shows one behaviour. They notice what matters for
the proof: whether a message came over TLS, with which cipher, and what was in it.
"""

import asyncio
from dataclasses import dataclass, field
from typing import cast

from gatehouse.mail.reply import Reply
from gatehouse.smtp import server_events as events
from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.contexts import ServerTlsSettings
from gatehouse.tls.engine import ServerContext, TlsSession

MAX_MESSAGE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as a receiving server got it."""

    domain: str
    sender: str
    recipients: tuple[str, ...]
    cipher: str | None  # None: in clear
    content: bytes


@dataclass(slots=True)
class Behaviour:
    """How one destination behaves."""

    domain: str
    starttls: bool
    refused: frozenset[str] = frozenset()
    port: int = 0
    arrived: list[Arrived] = field(default_factory=list)


class Destination:
    """One receiving server."""

    def __init__(self, behaviour: Behaviour, certificate: CertifiedKey) -> None:
        self.behaviour = behaviour
        self._context = ServerContext(ServerTlsSettings(certificates=(certificate,)))
        self._settings = ServerSettings(
            hostname=f"mx.{behaviour.domain}",
            max_message_size=MAX_MESSAGE,
            offer_starttls=behaviour.starttls,
            require_tls=False,
        )
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Conversation(self.behaviour, self._settings, self._context), "127.0.0.1", 0
        )
        self.behaviour.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()


class _Conversation(asyncio.Protocol):
    """One connection to a receiving server."""

    def __init__(
        self, behaviour: Behaviour, settings: ServerSettings, context: ServerContext
    ) -> None:
        self._behaviour = behaviour
        self._context = context
        self._engine = ServerEngine(settings)
        self._tls: TlsSession | None = None
        self._sender = ""
        self._recipients: list[str] = []
        self._content: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._engine.greet()
        self._flush()

    def data_received(self, data: bytes) -> None:
        tls = self._tls
        if tls is None:
            self._engine.receive(data)
        else:
            tls.receive(data)
            if not tls.done and tls.handshake():
                self._engine.tls_started()
            if tls.done:
                self._engine.receive(tls.read())
            self._transport.write(tls.output())
        while (event := self._engine.next_event()) is not None:
            self._answer(event)
        self._flush()
        if self._engine.closing:
            self._transport.close()

    def _flush(self) -> None:
        output = self._engine.take_output()
        if output and self._tls is not None:
            self._tls.write(output)
            output = self._tls.output()
        self._transport.write(output)

    def _answer(self, event: events.Event) -> None:
        reply: Reply | None = None
        match event:
            case events.MailFrom(sender, _):
                self._sender = "" if sender is None else sender.text
                self._recipients, self._content = [], []
            case events.RcptTo(recipient):
                if recipient.address.text in self._behaviour.refused:
                    reply = Reply(550, "5.1.1", ("no such user here",))
                else:
                    self._recipients.append(recipient.address.text)
            case events.BodyChunk(data):
                self._content.append(data)
                return
            case events.MessageEnd(_):
                self._arrived()
                reply = Reply(250, "2.0.0", ("Ok: received by the demo",))
            case events.StartTls():
                self._engine.answer()
                self._flush()
                self._tls = self._context.session()
                return
            case events.Hello() | events.DataStart():
                pass
            case _:
                return
        self._engine.answer(reply)

    def _arrived(self) -> None:
        cipher = self._tls.report().cipher if self._tls is not None else None
        self._behaviour.arrived.append(
            Arrived(
                self._behaviour.domain,
                self._sender,
                tuple(self._recipients),
                cipher,
                b"".join(self._content),
            )
        )
