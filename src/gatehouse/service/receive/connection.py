# SPDX-License-Identifier: Apache-2.0
"""One inbound connection: transport ↔ TLS engine ↔ SMTP engine.

The engines know the protocols; this file carries bytes between them and the socket, finds out who
the client is, and knows how a connection ends. It runs on callbacks and not on a task per
connection, because that is what a message costs most in Python. Its rules:

- Bytes go to exactly one engine. From the moment our 220 to STARTTLS has left, every byte belongs
  to the handshake; whatever stood behind STARTTLS in clear has been refused by the SMTP engine.
- While a question is open (a name is looked up, a commit runs), nothing more is read than what has
  come already: a client that pipelines without end fills its own buffers, not ours.
- Nothing a client says raises: a fault in here ends this connection, with a report, and no other.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any, ClassVar, cast

from gatehouse.journal import facts
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.inbound_values import ClientFacts, Counts
from gatehouse.policy.mail_flow import Behavior, TlsDemand
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.receive import replies
from gatehouse.service.receive.desk import NOT_LISTED, Decision, Desk
from gatehouse.service.receive.office import Office
from gatehouse.service.receive.transaction import Transaction
from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.tls.certificates import describe
from gatehouse.tls.chain import ChainProblem, load_presented
from gatehouse.tls.engine import HandshakeReport, TlsSession
from gatehouse.tls.failures import TlsFailure

# While an answer is outstanding a client may send this much ahead (RFC 2920 pipelines are a few
# kilobytes); then its socket is left alone until we have answered.
MAX_AHEAD = 64 * 1024


class Connection(asyncio.Protocol):
    """Carries one client's bytes from connect to close; `Session` adds the answers."""

    # What is done about each event of the SMTP engine; filled in by `Session`.
    handlers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {}

    client: ClientFacts  # once the host access table has decided
    decision: Decision

    __slots__ = (
        "_engine",
        "_paused",
        "_proxy_header",
        "_reading",
        "_tls",
        "_tls_told",
        "_tls_up",
        "_transport",
        "access",
        "authenticated",
        "client",
        "client_ip",
        "client_port",
        "closed",
        "connected_at",
        "counts",
        "deadline",
        "decision",
        "desk",
        "extended",
        "helo",
        "here",
        "host",
        "icid",
        "identified",
        "listed",
        "may_xclient",
        "office",
        "proxy",
        "report",
        "served",
        "tls_wanted",
        "transaction",
    )

    def __init__(self, desk: Desk, office: Office) -> None:
        self.desk = desk
        self.office = office
        self._tls: TlsSession | None = None
        self._tls_up = False
        self._tls_told = False
        self.identified = False
        self._reading = True
        self._paused = False
        self.report: HandshakeReport | None = None
        self.access: AccessMatch | None = None
        self.transaction: Transaction | None = None
        self.authenticated: str | None = None  # the user who has proved who he is
        self.helo = ""
        self.extended = True
        self.host = ReverseName(None, False)
        self.listed = NOT_LISTED
        self.proxy: str | None = None  # who speaks for the client
        self._proxy_header: bytes | None = None  # as much as has come; None: none is awaited
        self.may_xclient = False
        self.counts = Counts()
        self.tls_wanted = False  # a sender was refused because he must use TLS
        self.served = False
        self.closed = False
        self.icid = 0
        self.here = 0  # connections of the listener when this one came, over all processes

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there: find out who it is, decide, greet."""
        self._transport = cast(asyncio.Transport, transport)
        office = self.office
        peer = transport.get_extra_info("peername") or ("0.0.0.0", 0)
        self.client_ip, self.client_port = _plain_ip(peer[0]), peer[1]
        self.connected_at = office.monotonic()
        self.deadline = self.connected_at + self.desk.idle_timeout
        desk = self.desk
        self.here = office.counts.enter(desk.counted_as)
        self._engine = ServerEngine(desk.settings, tls_active=desk.implicit_tls)
        office.sessions.add(self)
        if desk.proxies is not None and self.client_ip in desk.proxies:
            self._proxy_header = b""  # the load balancer speaks first
            return
        self.begin()

    def begin(self) -> None:
        """The client's address is known."""
        desk = self.desk
        self.may_xclient = desk.xclients is not None and self.client_ip in desk.xclients
        if desk.implicit_tls:
            context = desk.context_for(None)
            if context is None:
                self._close()
                return
            self._tls = context.session()
        try:
            self.welcome()
        except Exception as error:
            self._broken(error)

    def welcome(self) -> None:
        """Find out who the client is, and greet; `Welcome` does it."""
        raise TypeError("a Connection is served by a Session")

    def data_received(self, data: bytes) -> None:
        """Bytes from the wire, to the engine whose turn it is."""
        office = self.office
        office.heard += 1
        self.deadline = office.monotonic() + self.desk.idle_timeout
        try:
            if self._proxy_header is not None:
                data = self.read_proxy(self._proxy_header + data)
                if not data:
                    return
            tls = self._tls
            if tls is None:
                self._engine.receive(data)
            elif not self._decrypt(tls, data):
                return
            self._pump()
        except Exception as error:  # the boundary: one client's bytes never end the process
            self._broken(error)

    def use(self, settings: ServerSettings) -> None:
        """Serve the client by these settings from now on."""
        self._engine.settings = self.desk.with_xclient(settings) if self.may_xclient else settings

    def read_proxy(self, received: bytes) -> bytes:
        """The header of the load balancer; what stands behind it. `Welcome` does it."""
        raise TypeError("a Connection is served by a Session")

    def eof_received(self) -> bool:
        """The client closed its side: nothing it still wanted to hear matters to it."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, by whomever."""
        if not self.closed:
            self._end(lost=True)
        self._tls = None

    def pause_writing(self) -> None:
        """The client does not read its replies: do not read its commands either."""
        self._paused = True
        self._flow()

    def resume_writing(self) -> None:
        """It reads again."""
        self._paused = False
        self._flow()

    # --- bytes ----------------------------------------------------------------------------

    def _decrypt(self, tls: TlsSession, data: bytes) -> bool:
        """Feed the TLS engine; True when there may be something for the SMTP engine."""
        try:
            tls.receive(data)
            if not self._tls_up:
                done = tls.handshake()
                if not done:
                    self._send(tls.output())
                    return False
                self._handshaken(tls)
            plain = tls.read()
        except TlsFailure as failure:
            self._tls_failed(tls, failure)
            return False
        self._send(tls.output())
        if plain:
            self._engine.receive(plain)
        elif tls.eof:
            self._close(lost=True)
            return False
        return True

    def _handshaken(self, tls: TlsSession) -> None:
        self._tls_up = True
        self.report = tls.report()
        if not self.desk.implicit_tls:
            self._engine.tls_started()
        if self.identified:
            self.judge_tls()

    def judge_tls(self) -> None:
        """Record the handshake and look at the client's certificate; `Welcome` does it."""

    def _tls_failed(self, tls: TlsSession, failure: TlsFailure) -> None:
        """After our 220 there is no way back to clear text: alert if we can, and close."""
        self._tls_told = True
        self.office.record(
            facts.TlsReceiveFailed(
                at=self.office.wall(), icid=self.icid, number=failure.number, text=failure.text
            )
        )
        self._send(tls.output())
        self._close(lost=True)

    def _pump(self) -> None:
        """Handle all events there are, then send what they left to be sent."""
        engine, handlers = self._engine, self.handlers
        while not self.closed:
            event = engine.next_event()
            if event is None:
                break
            handlers[type(event)](self, event)
        self._flush()
        if engine.closing:
            if not self.closed:
                self._close(lost=self._tls_told)
        elif not self._reading or engine.pending > MAX_AHEAD:
            self._flow()

    def _flush(self) -> None:
        if self._tls is not None and not self._tls_up:
            return  # with implicit TLS the banner is due before the handshake, and waits for it
        output = self._engine.take_output()
        if not output or self._transport.is_closing():
            return
        if self._tls is not None:
            self._tls.write(output)
            output = self._tls.output()
        self._send(output)

    def _send(self, wire: bytes) -> None:
        if wire and not self._transport.is_closing():
            self._transport.write(wire)

    def _flow(self) -> None:
        """Read on only when the client reads our replies and is not too far ahead of them."""
        read = not self._paused and self._engine.pending <= MAX_AHEAD
        if read == self._reading or self.closed:
            return
        self._reading = read
        if read:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # --- the end ----------------------------------------------------------------------------

    def _close(self, *, lost: bool = False) -> None:
        if not self.closed:
            self._end(lost=lost)
        if self._tls is not None and self._tls_up:
            self._tls.shutdown()
            self._send(self._tls.output())
        self._transport.close()

    def _end(self, *, lost: bool) -> None:
        """Say once in the journal how it ended; free what the connection held."""
        self.closed = True
        self._abandon()
        office = self.office
        office.forget(self)
        if not self.identified or not self.icid:
            return
        at = office.wall()
        if lost and self._tls is not None and not self._tls_up and not self._tls_told:
            # The handshake had begun and the client went away: the socket's own word for it.
            number = errno.ECONNRESET
            office.record(
                facts.TlsReceiveFailed(
                    at=at, icid=self.icid, errno=number, text=os.strerror(number)
                )
            )
        access = self.access
        wanted = self.tls_wanted or (access is not None and access.policy.tls is TlsDemand.REQUIRED)
        if wanted and not self._tls_up and self._tls is None and access is not None:
            if access.behavior is not Behavior.REJECT:
                office.record(facts.TlsNeverStarted(at=at, icid=self.icid))
        if lost and not self.served:
            office.record(
                facts.ConnectionLostEarly(
                    at=at,
                    icid=self.icid,
                    client_ip=self.client_ip,
                    interface=self.desk.interface,
                    interface_ip=self.desk.interface_ip,
                    seconds=office.now - self.connected_at,
                    dns_seconds=self.host.seconds,
                )
            )
        office.record(facts.ConnectionClosed(at=at, icid=self.icid, lost=lost))

    def time_out(self, *, total: bool) -> None:
        """The office says that this connection has used up its time."""
        if self.closed:
            return
        self.office.record(
            facts.ConnectionTimedOut(
                at=self.office.wall(),
                icid=self.icid,
                client_ip=self.client_ip,
                why="total" if total else "idle",
            )
        )
        self.dismiss(replies.IDLE)

    def dismiss(self, reply: Reply = replies.STOPPING) -> None:
        """Send a 421 where the protocol allows one, and close."""
        if self.closed:
            return
        if self.identified and (self._tls is None or self._tls_up):
            self._engine.dismiss(reply)
            self._flush()
        self._close()

    @property
    def busy(self) -> bool:
        """A message of this client is being stored right now."""
        return self.transaction is not None and self.transaction.committing

    def _broken(self, error: Exception) -> None:
        self.office.report("inbound session", error)
        if not self.closed:
            self._end(lost=True)
        self._transport.abort()

    def _abandon(self, *, reason: str = "Receiving aborted") -> None:
        """Drop an unfinished message. One whose commit runs is not ours to drop any more."""
        transaction, self.transaction = self.transaction, None
        if transaction is None or transaction.committing:
            return
        transaction.abort()
        self.office.record(
            facts.MessageAborted(at=self.office.wall(), mid=transaction.mid, reason=reason)
        )


def peer_subject(report: HandshakeReport) -> str | None:
    """Whose certificate the client showed, if it showed one."""
    loaded = load_presented(report.peer_chain)
    return None if isinstance(loaded, ChainProblem) else describe(loaded[0])


def _plain_ip(address: str) -> str:
    """An IPv4 client of a dual-stack socket is an IPv4 client; a scope id is not its address."""
    address = address.partition("%")[0]
    return address[7:] if address.startswith("::ffff:") and "." in address else address
