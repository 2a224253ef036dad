# SPDX-License-Identifier: Apache-2.0
"""One outbound connection: transport ↔ TLS engine ↔ SMTP client engine, awaited step by step.

The driver side of `smtp/client.py`. Every wait has the deadline that the engine names for its step
(RFC 5321 §4.5.3.2) and the connection a total one per transaction, so that a server that sends a
byte every half minute cannot keep a message for ever. A reply that comes unasked, malformed or in
clear behind the 220 to STARTTLS ends the connection: what it would have decided is unknown, and
unknown mail is still ours.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterable
from typing import cast

from gatehouse.smtp import client_events as events
from gatehouse.smtp.client import ClientEngine, ClientSettings
from gatehouse.tls.engine import ClientContext, HandshakeReport, SavedSession, TlsSession
from gatehouse.tls.failures import TlsFailure

# RFC 5321 names no connect timeout; Postfix uses 30 s, and a host that does not answer by then is
# better tried again later than waited for by a connection slot.
CONNECT_TIMEOUT = 30.0
# A handshake is three flights; hostile-input 6.3 asks for 10-30 s.
HANDSHAKE_TIMEOUT = 30.0
# Body bytes handed to the transport before we wait for it to drain.
WRITE_HIGH_WATER = 256 * 1024


class LinkLost(Exception):
    """The connection ended or went silent. `details` is the mail log's word for it."""

    def __init__(self, details: str, *, errno_: int | None = None) -> None:
        super().__init__(details)
        self.details = details
        self.errno = errno_
        self.in_doubt = False  # the end of the data was out: the server may have the message


def source_address(ip: str) -> str:
    """The address of ours from which the kernel would reach `ip`; "" when there is none.

    For the log line of a connection that never came up; a UDP socket's connect sends nothing.
    """
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ip, 9))  # any port: nothing is sent
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def socket_details(error: OSError) -> str:
    """`[Errno 111] Connection refused`, the form of the mail log."""
    number = error.errno or errno.EIO
    return f"[Errno {number}] {os.strerror(number)}"


class Link(asyncio.Protocol):
    """A connection to one host. Not shared: one task drives it at a time."""

    def __init__(self, settings: ClientSettings, *, implicit_tls: bool = False) -> None:
        self.engine = ClientEngine(settings, tls_active=implicit_tls)
        self._transport: asyncio.Transport | None = None
        self._tls: TlsSession | None = None
        self._tls_up = False
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._lost: LinkLost | None = None
        self._tls_failure: TlsFailure | None = None
        self._handshake_timeout = min(HANDSHAKE_TIMEOUT, settings.starttls_timeout)
        self.local_ip = ""
        self.peer_ip = ""
        self.peer_port = 0
        self.report: HandshakeReport | None = None
        self.seen: HandshakeReport | None = None  # of a handshake that failed
        self.messages = 0
        self.idle_since = 0.0
        self.dcid = 0

    @classmethod
    async def dial(
        cls,
        ip: str,
        port: int,
        settings: ClientSettings,
        timeout: float = CONNECT_TIMEOUT,
        *,
        implicit_tls: bool = False,
    ) -> "Link":
        """Connect; raises LinkLost with the reason. With implicit TLS the handshake comes next."""
        loop = asyncio.get_running_loop()
        link = cls(settings, implicit_tls=implicit_tls)
        try:
            async with asyncio.timeout(timeout):
                await loop.create_connection(lambda: link, ip, port)
            link.peer_ip, link.peer_port = ip, port
        except TimeoutError:
            raise LinkLost("timeout", errno_=errno.ETIMEDOUT) from None
        except OSError as error:
            raise LinkLost(socket_details(error), errno_=error.errno) from None
        return link

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        sock = cast(socket.socket, transport.get_extra_info("socket"))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local_ip = str((transport.get_extra_info("sockname") or ("",))[0])

    def data_received(self, data: bytes) -> None:
        """Bytes from the server, to the engine whose turn it is."""
        tls = self._tls
        if tls is not None:
            try:
                tls.receive(data)
                if not self._tls_up:
                    self._tls_up = tls.handshake()
                    self._write(tls.output())
                    if self._tls_up:
                        self.report = tls.report()
                plain = tls.read() if self._tls_up else b""
                self._write(tls.output())
                data = plain
            except TlsFailure as failure:
                self._tls_failure = failure
                if not self._tls_up:
                    self.seen = tls.report()
                self._write(tls.output())
                data = b""
        if data:
            self.engine.receive(data)
        self._wake()

    def eof_received(self) -> bool:
        """The server closed its side."""
        self._lose(LinkLost("EOF"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if isinstance(exc, OSError):
            self._lose(LinkLost(socket_details(exc), errno_=exc.errno))
        else:
            self._lose(LinkLost("EOF"))
        self._transport = None
        self._tls = None

    def pause_writing(self) -> None:
        """The server does not read as fast as we send."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It reads again."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _lose(self, lost: LinkLost) -> None:
        if self._lost is None:
            self._lost = lost
        self.resume_writing()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _write(self, wire: bytes) -> None:
        if wire and self._transport is not None and not self._transport.is_closing():
            self._transport.write(wire)

    # --- what a delivery does --------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Nothing has ended this connection yet, and nothing came unasked."""
        return self._lost is None and self._transport is not None and self._tls_failure is None

    def flush(self) -> None:
        """Send what the engine wants sent."""
        output = self.engine.take_output()
        if output:
            if self._tls is not None:
                self._tls.write(output)
                output = self._tls.output()
            self._write(output)

    async def next(self) -> events.Event:
        """The next event; raises LinkLost at the end of the connection or of the step's time.

        What the server sent before it closed still counts: a 421 is read before the EOF.
        """
        engine = self.engine
        loop = asyncio.get_running_loop()
        while True:
            self.flush()
            event = engine.next_event()
            if event is not None:
                return event
            if self._tls_failure is not None:
                raise self._tls_failure
            if self._lost is not None:
                self._lost.in_doubt = engine.in_doubt
                raise self._lost
            self._waiter = loop.create_future()
            timer = loop.call_later(engine.timeout, self._timed_out)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None

    def _timed_out(self) -> None:
        self._lose(LinkLost("timeout", errno_=errno.ETIMEDOUT))

    async def send_body(self, chunks: Iterable[bytes], finish: Callable[[], None]) -> None:
        """Stream a body after 354, at the pace the server reads, then end it."""
        body = self.engine.body
        for chunk in chunks:
            body(chunk)
            self.flush()
            if self._drained is not None:
                await self._drain()
        finish()
        self.flush()

    async def _drain(self) -> None:
        drained = self._drained
        if drained is not None:
            try:
                async with asyncio.timeout(self.engine.timeout):
                    await asyncio.shield(drained)
            except TimeoutError:
                self._timed_out()
        if self._lost is not None:
            raise self._lost

    async def handshake(
        self, context: ClientContext, name: str | None, resume: SavedSession | None
    ) -> HandshakeReport:
        """After 220 to STARTTLS (or at once, with implicit TLS); raises TlsFailure or LinkLost."""
        self._tls = tls = context.session(name, resume)
        tls.handshake()
        self._write(tls.output())
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._handshake_timeout
        while self.report is None:
            if self._tls_failure is not None:
                raise self._tls_failure
            if self._lost is not None:
                raise self._lost
            self._waiter = loop.create_future()
            timer = loop.call_at(ends, self._timed_out)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self.report

    def saved_session(self) -> SavedSession | None:
        """What may resume this TLS session later (TLS 1.3 tickets come after the handshake)."""
        return self._tls.saved_session() if self._tls is not None and self._tls_up else None

    @property
    def encrypted(self) -> bool:
        """TLS is up."""
        return self._tls_up

    def close(self) -> None:
        """Close politely where possible; the caller has sent QUIT if it wanted to."""
        if self._transport is not None:
            if self._tls is not None and self._tls_up and self._tls_failure is None:
                self._tls.shutdown()
                self._write(self._tls.output())
            self._transport.close()
        self._lose(LinkLost("EOF"))
