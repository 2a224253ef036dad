# SPDX-License-Identifier: Apache-2.0
"""One inbound connection: transport ↔ TLS engine ↔ SMTP engine, and the answers in between.

The engines know the protocols; the policy values know who may do what; this file carries bytes and
answers questions. It runs on callbacks and not on a task per connection, because that is what a
message costs most in Python. Its rules:

- Bytes go to exactly one engine. From the moment our 220 to STARTTLS has left, every byte belongs
  to the handshake; whatever stood behind STARTTLS in clear has been refused by the SMTP engine.
- While a question is open (a name is looked up, a commit runs), nothing more is read than what has
  come already: a client that pipelines without end fills its own buffers, not ours.
- 250 to a message is given by the callback of its commit and nowhere else (RFC 5321 §4.2.5).
- Nothing a client says raises: a fault in here ends this connection, with a report, and no other.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.mail_flow import Behavior, TlsDemand
from gatehouse.policy.recipients import Refuse
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.receive.transaction import Transaction
from gatehouse.smtp import server_events as events
from gatehouse.smtp.server import ServerEngine
from gatehouse.tls.engine import HandshakeReport, TlsSession
from gatehouse.tls.failures import TlsFailure

if TYPE_CHECKING:  # the office makes sessions, and a session asks its office
    from gatehouse.service.receive.office import ListenerDesk, Office

# While an answer is outstanding a client may send this much ahead (RFC 2920 pipelines are a few
# kilobytes); then its socket is left alone until we have answered.
MAX_AHEAD = 64 * 1024

TOO_MANY = Reply(421, "4.3.2", ("Too many connections, try again later",))
BUSY = Reply(452, "4.3.1", ("Insufficient system storage, try again later",))
NOT_NOW = Reply(451, "4.3.0", ("Temporary system problem, try again later",))
LOOP = Reply(554, "5.4.6", ("Too many hops, this message is looping",))
NO_TLS = Reply(454, "4.7.0", ("TLS not available due to temporary reason",))
STOPPING = Reply(421, "4.3.2", ("Service shutting down, try again later",))
IDLE = Reply(421, "4.4.2", ("Timeout waiting for a command",))
ENOUGH = Reply(421, "4.7.0", ("Too many messages on this connection, please reconnect",))


class Session(asyncio.Protocol):
    """Serves one client from connect to close."""

    __slots__ = (
        "_engine",
        "_identified",
        "_paused",
        "_reading",
        "_tls",
        "_tls_up",
        "_transport",
        "access",
        "client_ip",
        "client_port",
        "closed",
        "connected_at",
        "deadline",
        "desk",
        "helo",
        "host",
        "icid",
        "messages",
        "office",
        "report",
        "served",
        "transaction",
    )

    def __init__(self, desk: "ListenerDesk", office: "Office") -> None:
        self.desk = desk
        self.office = office
        self._tls: TlsSession | None = None
        self._tls_up = False
        self._identified = False
        self._reading = True
        self._paused = False
        self.report: HandshakeReport | None = None
        self.access: AccessMatch | None = None
        self.transaction: Transaction | None = None
        self.helo = ""
        self.host = ReverseName(None, False)
        self.messages = 0
        self.served = False
        self.closed = False
        self.icid = 0

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there: find out who it is, decide, greet."""
        self._transport = cast(asyncio.Transport, transport)
        office = self.office
        peer = transport.get_extra_info("peername") or ("0.0.0.0", 0)  # noqa: S104 - a label
        self.client_ip, self.client_port = _plain_ip(peer[0]), peer[1]
        self.connected_at = office.clock.monotonic()
        self.deadline = self.connected_at + self.desk.listener.command_timeout
        implicit = self.desk.implicit_tls
        self._engine = ServerEngine(self.desk.settings, tls_active=implicit)
        office.sessions.add(self)
        if implicit:
            context = self.desk.context
            if context is None:
                self._close()
                return
            self._tls = context.session()
        known = office.resolver.known_reverse(self.client_ip)
        if known is not None:
            self._identify(known)
        else:
            office.tasks.start(self._look_up(), "reverse name")

    def data_received(self, data: bytes) -> None:
        """Bytes from the wire, to the engine whose turn it is."""
        self.deadline = self.office.now + self.desk.listener.command_timeout
        try:
            tls = self._tls
            if tls is None:
                self._engine.receive(data)
            elif not self._decrypt(tls, data):
                return
            self._pump()
        except Exception as error:  # the boundary: one client's bytes never end the process
            self._broken(error)

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

    # --- who is it ------------------------------------------------------------------------

    async def _look_up(self) -> None:
        name = await self.office.resolver.reverse(self.client_ip)
        if not self.closed:
            try:
                self._identify(name)
                self._pump()
            except Exception as error:
                self._broken(error)

    def _identify(self, name: ReverseName) -> None:
        """The host access table decides, then the banner goes out (or the door stays shut)."""
        office, desk, record = self.office, self.desk, self.office.record
        self.host = name
        self._identified = True
        access = desk.hat.match(self.client_ip, name.host if name.verified else None)
        self.access = access
        policy = access.policy
        at = office.wall()
        if access.behavior is Behavior.TCPREFUSE:
            record(self._matched(at, access, 0))
            self.closed = True
            office.forget(self)
            self._transport.abort()
            return
        self.icid = office.ids.next("icid")
        record(
            facts.ConnectionOpened(
                at=at,
                icid=self.icid,
                listener=desk.listener.name,
                interface=desk.interface,
                interface_ip=desk.interface_ip,
                client_ip=self.client_ip,
                client_port=self.client_port,
                host=name.host,
                host_verified=name.verified,
            )
        )
        record(self._matched(at, access, self.icid))
        self._engine.settings = desk.settings_for(policy)
        greeting: Reply | None = None
        if desk.is_full():
            record(
                facts.ReceivingFailed(at=at, icid=self.icid, reason="Connection limit exceeded")
            )
            greeting = TOO_MANY
        elif access.behavior is Behavior.REJECT:
            record(
                facts.DelayedReject(
                    at=at, icid=self.icid, client_ip=self.client_ip, stage="session"
                )
            )
        self._engine.greet(greeting)
        self._flush()

    def _matched(self, at: float, access: AccessMatch, icid: int) -> facts.SenderGroupMatched:
        return facts.SenderGroupMatched(
            at=at,
            icid=icid,
            behavior=cast(Any, access.behavior.name),
            group=access.group,
            match=access.member,
            policy=access.policy.name,
            score=_score(self.client_ip),
        )

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
        self.report = report = tls.report()
        self.office.record(
            facts.TlsReceived(
                at=self.office.wall(),
                icid=self.icid,
                protocol=report.protocol,
                cipher=report.cipher,
                group=report.group,
                dh_bits=report.dh_bits,
                resumed=report.resumed,
                sni=report.sni,
                peer=report.peer_subject,
            )
        )
        if not self.desk.implicit_tls:
            self._engine.tls_started()

    def _tls_failed(self, tls: TlsSession, failure: TlsFailure) -> None:
        """After our 220 there is no way back to clear text: alert if we can, and close."""
        self.office.record(
            facts.TlsReceiveFailed(
                at=self.office.wall(), icid=self.icid, number=failure.number, text=failure.text
            )
        )
        self._send(tls.output())
        self._close(lost=True)

    def _pump(self) -> None:
        """Handle all events there are, then send what they left to be sent."""
        engine = self._engine
        handlers = _HANDLERS
        while not self.closed:
            event = engine.next_event()
            if event is None:
                break
            handlers[type(event)](self, event)
        self._flush()
        if engine.closing and not self.closed:
            self._close()
        else:
            self._flow()

    def _flush(self) -> None:
        output = self._engine.take_output()
        if not output or self._transport.is_closing():
            return
        if self._tls is not None:
            # With implicit TLS the banner is due before the handshake ends: it waits in the engine.
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
        if not self._identified or not self.icid:
            return
        at = office.wall()
        access = self.access
        wanted = access is not None and access.policy.tls is TlsDemand.REQUIRED
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
        self.dismiss(IDLE)

    def dismiss(self, reply: Reply = STOPPING) -> None:
        """Send a 421 where the protocol allows one, and close."""
        if self.closed:
            return
        if self._identified and (self._tls is None or self._tls_up):
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

    # --- events -----------------------------------------------------------------------------

    def _hello(self, event: events.Hello) -> None:
        self.helo = event.name
        self.served = True
        self._engine.answer()

    def _mail(self, event: events.MailFrom) -> None:
        office, access = self.office, cast(AccessMatch, self.access)
        at = office.wall()
        sender = "" if event.sender is None else event.sender.text
        if self.messages >= access.policy.max_messages_per_connection:
            office.record(
                facts.ReceivingFailed(at=at, icid=self.icid, reason="Too Many Messages")
            )
            self._engine.answer(ENOUGH)
            return
        if office.full:
            office.record(facts.ReceivingFailed(at=at, icid=self.icid, reason="Queue full"))
            self._engine.answer(BUSY)
            return
        if access.behavior is Behavior.REJECT:
            office.record(
                facts.DelayedReject(
                    at=at,
                    icid=self.icid,
                    client_ip=self.client_ip,
                    stage="sender",
                    address=sender,
                )
            )
            self._engine.answer()
            return
        mid = office.ids.next("mid")
        self.transaction = Transaction(mid, event.sender, event.params, at)
        office.record(facts.MessageStarted(at=at, mid=mid, icid=self.icid, sender=sender))
        self._engine.answer()

    def _rcpt(self, event: events.RcptTo) -> None:
        office, access = self.office, cast(AccessMatch, self.access)
        address = event.recipient.address
        at = office.wall()
        if access.behavior is Behavior.REJECT:
            office.record(
                facts.DelayedReject(
                    at=at,
                    icid=self.icid,
                    client_ip=self.client_ip,
                    stage="recipient",
                    address=address.text,
                )
            )
            self._engine.answer(access.policy.reject_reply)
            return
        transaction = cast(Transaction, self.transaction)
        if access.behavior is not Behavior.RELAY:
            verdict = self.desk.rat.decide(self._local(address))
            if isinstance(verdict, Refuse):
                office.record(
                    facts.RecipientRefused(
                        at=at, mid=transaction.mid, icid=self.icid, address=address.text, by="RAT"
                    )
                )
                self._engine.answer(verdict.reply)
                return
        rid = transaction.add(event.recipient)
        office.record(
            facts.RecipientAccepted(
                at=at, mid=transaction.mid, icid=self.icid, rid=rid, address=address.text
            )
        )
        self._engine.answer()

    def _local(self, address: Address) -> Address:
        """`Postmaster` without a domain is the postmaster of this host (RFC 5321 §4.5.1)."""
        if address.domain:
            return address
        host = self.desk.settings.hostname
        return Address(f"{address.local}@{host}", address.local, host, address.utf8)

    def _data(self, event: events.DataStart) -> None:
        transaction = cast(Transaction, self.transaction)
        transaction.open(self.office.begin_body(), self._received(transaction))
        self._engine.answer()

    def _received(self, transaction: Transaction) -> bytes:
        return self.office.received_line(self, transaction)

    def _chunk(self, event: events.BodyChunk) -> None:
        transaction = self.transaction
        if transaction is not None and not transaction.failed:
            transaction.write(event.data)

    def _message_end(self, event: events.MessageEnd) -> None:
        office, transaction = self.office, cast(Transaction, self.transaction)
        self.messages += 1
        self.served = True
        transaction.size = event.size
        refusal = office.judge(transaction)
        if refusal is not None:
            reason, reply = refusal
            office.record(
                facts.ReceivingFailed(at=office.wall(), icid=self.icid, reason=reason)
            )
            self._abandon()
            self._engine.answer(reply)
            return
        transaction.committing = True
        office.store_message(self, transaction, self._stored)

    def _stored(self, transaction: Transaction, error: Exception | None) -> None:
        """The commit is over: only now does the client hear 250."""
        self.transaction = None
        if self.closed:
            return
        if error is None:
            self._engine.answer(
                Reply(250, "2.0.0", (f"ok: Message {transaction.mid} accepted",))
            )
        else:
            self._engine.answer(BUSY if self.office.full else NOT_NOW)
        try:
            self._pump()
        except Exception as fault:
            self._broken(fault)

    def _rejected(self, event: events.MessageRejected) -> None:
        self.office.record(
            facts.ReceivingFailed(at=self.office.wall(), icid=self.icid, reason=event.reason)
        )
        self._abandon()

    def _start_tls(self, event: events.StartTls) -> None:
        context = self.desk.context
        if context is None:
            self._engine.answer(NO_TLS)
            return
        self._abandon()
        self._engine.answer()
        self._flush()  # our 220 leaves in clear; from here on every byte is the handshake's
        self._tls = context.session()

    def _reset(self, event: events.Reset) -> None:
        self._abandon()

    def _quit(self, event: events.Quit) -> None:
        self.served = True
        self._abandon()

    def _refused(self, event: events.CommandRefused) -> None:
        record, at = self.office.record, self.office.wall()
        if event.kind == "sender":
            record(facts.InvalidSender(at=at, icid=self.icid, reason=event.text))
        elif event.kind == "recipient":
            mid = self.transaction.mid if self.transaction is not None else 0
            record(facts.InvalidRecipient(at=at, icid=self.icid, mid=mid, reason=event.text))
        elif event.kind in ("unknown", "syntax"):
            record(
                facts.CommandRefused(
                    at=at, icid=self.icid, kind=cast(Any, event.kind), text=event.text
                )
            )

    def _violation(self, event: events.ProtocolViolation) -> None:
        self.office.record(
            facts.ProtocolViolated(at=self.office.wall(), icid=self.icid, what=event.what)
        )


_HANDLERS: dict[type, Callable[[Session, Any], None]] = {
    events.Hello: Session._hello,
    events.MailFrom: Session._mail,
    events.RcptTo: Session._rcpt,
    events.DataStart: Session._data,
    events.BodyChunk: Session._chunk,
    events.MessageEnd: Session._message_end,
    events.MessageRejected: Session._rejected,
    events.StartTls: Session._start_tls,
    events.Reset: Session._reset,
    events.Quit: Session._quit,
    events.CommandRefused: Session._refused,
    events.ProtocolViolation: Session._violation,
}


def _plain_ip(address: str) -> str:
    """An IPv4 client of a dual-stack socket is an IPv4 client; a scope id is not its address."""
    address = address.partition("%")[0]
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def _score(ip: str) -> str:
    """The reputation word of the log: there is no score source, private addresses say so."""
    private = ip.startswith(("10.", "192.168.")) or (
        ip.startswith("172.") and ip.split(".")[1] in _PRIVATE_172
    )
    return "rfc1918" if private else "None"


_PRIVATE_172 = frozenset(str(n) for n in range(16, 32))
