# SPDX-License-Identifier: Apache-2.0
"""Making a handshake with a mail server only to see what it shows, and leaving politely.

The same driver looks at our own listeners after a commit and collects foreign chains. It verifies
nothing and sends no mail; the verdict is made from the report by whoever asked.
"""

import asyncio
import functools
import os
from contextlib import suppress
from dataclasses import dataclass, field

from gatehouse.smtp import client_events as events
from gatehouse.smtp.client import ClientEngine, ClientSettings
from gatehouse.tls.contexts import ClientTlsSettings, TlsSetupError
from gatehouse.tls.engine import ClientContext, HandshakeReport, TlsFailure, TlsSession

SECONDS = 15.0  # a server that greets late on purpose (greet pause) takes some five
_PIECE = 65536
_LEAVE_SECONDS = 1.0


class Unseen(Exception):
    """There was no handshake; the text says what happened instead."""


class NotOffered(Unseen):
    """The server speaks, but offers no TLS to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a server is looked at."""

    server_name: str | None  # asked for by SNI
    implicit: bool  # TLS begins with the first octet
    hostname: str  # what we call ourselves
    seconds: float = SECONDS
    settings: ClientTlsSettings = field(default_factory=ClientTlsSettings)


async def look(host: str, port: int, manner: Manner) -> HandshakeReport:
    """Connect, handshake, leave; raises Unseen."""
    seconds = manner.seconds
    try:
        context = _trusting_all(manner.settings)
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return await _Visit(reader, writer, context).make(manner)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TlsSetupError as error:
        raise Unseen(str(error)) from None
    except TimeoutError:
        raise Unseen(f"no answer within {seconds:g} s") from None
    except OSError as error:
        # asyncio puts a text of its own into `strerror`; look-ups have negative numbers.
        number = error.errno or 0
        system = os.strerror(number) if number > 0 else error.strerror
        raise Unseen(system or str(error)) from None


@functools.lru_cache(maxsize=16)
def _trusting_all(settings: ClientTlsSettings) -> ClientContext:
    """One for all looks of a kind: nothing is verified, and no session is kept."""
    return ClientContext(settings)


class _Visit:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        context: ClientContext,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._context = context

    async def make(self, manner: Manner) -> HandshakeReport:
        if not manner.implicit:
            await self._start_tls(ClientEngine(ClientSettings(hostname=manner.hostname)))
        session = self._context.session(manner.server_name)
        try:
            await self._handshake(session)
            report = session.report()
            await self._leave(session)
        except TlsFailure as failure:
            raise Unseen(f"the handshake failed: {failure.text}") from None
        return report

    async def _start_tls(self, engine: ClientEngine) -> None:
        """The dialogue in clear, up to the 220 to STARTTLS."""
        while True:
            event = engine.next_event()
            match event:
                case None:
                    await self._exchange(engine)
                case events.Ready(capabilities) if capabilities.starttls:
                    engine.start_tls()
                case events.Ready():
                    self._writer.write(b"QUIT\r\n")
                    raise NotOffered("STARTTLS is not offered to this address")
                case events.TlsGo():
                    return
                case events.Greeting(reply) if reply.positive:
                    pass
                case _:
                    raise _refusal(event)

    async def _exchange(self, engine: ClientEngine) -> None:
        self._writer.write(engine.take_output())
        data = await self._reader.read(_PIECE)
        if data:
            engine.receive(data)
        else:
            engine.receive_eof()

    async def _handshake(self, session: TlsSession) -> None:
        while True:
            try:
                done = session.handshake()
            finally:
                self._writer.write(session.output())
            if done:
                return
            data = await self._reader.read(_PIECE)
            if data:
                session.receive(data)
            else:
                session.receive_eof()

    async def _leave(self, session: TlsSession) -> None:
        """QUIT under TLS, so that the other side logs no lost connection."""
        session.write(b"QUIT\r\n")
        self._writer.write(session.output())
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                while await self._reader.read(_PIECE):
                    pass


def _refusal(event: events.Event) -> Unseen:
    """Why there will be no handshake."""
    match event:
        case events.Greeting(reply) | events.ServerClosing(reply):
            return Unseen(f"the server refuses us: {reply.code} {reply.text}")
        case events.HelloRefused(reply) | events.TlsRefused(reply):
            return NotOffered(f"the server refuses: {reply.code} {reply.text}")
        case events.Broken(what):
            return Unseen(f"this is no SMTP: {what}")
        case _:
            return Unseen("the server closed the connection")
