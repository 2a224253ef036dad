# SPDX-License-Identifier: Apache-2.0
"""What all sessions of a receiver process share: the intake, the clock, the list of connections.

The office takes a finished message to the group writer, answers when the commit is over, judges
what can be judged only at the end of data, and sweeps connections that used up their time. It knows
no protocol.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gatehouse.journal import facts
from gatehouse.mail.received import received_header
from gatehouse.mail.reply import Reply
from gatehouse.mail.tls_report import addressed
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.service.base.head_count import HeadCount
from gatehouse.service.base.resolver import Resolver, ReverseName
from gatehouse.service.base.stamps import HeaderDate
from gatehouse.service.base.supervisor import TaskSupervisor, describe
from gatehouse.service.base.tally import Tally
from gatehouse.service.receive.authentication import Authenticator
from gatehouse.service.receive.client_certificates import NOBODY
from gatehouse.service.receive.desk import Desk
from gatehouse.service.receive.replies import BUSY, LOOP, NOT_NOW, STOPPING
from gatehouse.service.receive.transaction import Transaction
from gatehouse.store.errors import StoreError, StoreFull
from gatehouse.store.interface import BodyWriter, Ids, OpenBody
from gatehouse.store.values import Added, AddMessage, Failed, NewMessage, Result
from gatehouse.tls.engine import HandshakeReport

# How often deadlines are looked at. A timeout of 300 s may come two seconds late.
SWEEP_SECONDS = 2.0

Stored = Callable[[Transaction, Exception | None], None]


class Client(Protocol):
    """What the office needs to know of a connection."""

    desk: Desk
    icid: int
    client_ip: str
    identified: bool
    helo: str
    extended: bool
    host: ReverseName
    report: HandshakeReport | None
    authenticated: str | None
    connected_at: float
    deadline: float

    @property
    def busy(self) -> bool:
        """A message of this client is being committed."""

    def time_out(self, *, total: bool) -> None:
        """Its time is up."""

    def dismiss(self, reply: Reply = STOPPING) -> None:
        """Say good-bye and close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a process of any role has at hand."""

    clock: Clock
    record: Callable[[facts.Fact], None]
    resolver: Resolver
    tasks: TaskSupervisor
    ids: Ids
    writer: GroupWriter
    bodies: BodyWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeRules:
    """What the running configuration says about taking messages on."""

    max_received: int
    queue_lifetime: float
    tls_reports_at: str | None = None  # mail to this address is read, not delivered
    counts_recipients: bool = False  # some policy limits the recipients of a client in an hour


class Office:
    """The shared part of all sessions in this process."""

    def __init__(
        self,
        tools: Tools,
        rules: IntakeRules,
        counts: HeadCount,
        tally: Tally,
        wake_deliverer: Callable[[], None],
    ) -> None:
        self.tools = tools
        self.rules = rules
        self.counts = counts  # who is here now
        self.tally = tally  # what was done in the last hour
        self.clock = tools.clock
        self.wall = tools.clock.wall
        self.monotonic = tools.clock.monotonic
        self.record = tools.record
        self.resolver = tools.resolver
        self.tasks = tools.tasks
        self.ids = tools.ids
        self.sessions: set[Client] = set()
        self.full = False
        self.authenticator: Authenticator | None = None  # None: nobody can log in
        self.certificates = NOBODY
        self._wake = wake_deliverer
        self.heard = 0  # grows with every piece of a client's bytes
        tools.writer.sources = lambda: len(self.sessions)
        tools.writer.activity = lambda: self.heard
        self._date = HeaderDate()

    @property
    def now(self) -> float:
        """The monotonic clock, in seconds."""
        return self.clock.monotonic()

    def report(self, where: str, error: BaseException) -> None:
        """A fault of ours: one fact, so that an operator sees it and can tell us."""
        self.record(facts.InternalFault(at=self.wall(), where=where, what=describe(error)))

    def forget(self, session: Client) -> None:
        """A connection ended."""
        self.sessions.discard(session)
        self.counts.leave(session.desk.counted_as)
        if session.identified:
            self.counts.leave(session.client_ip)

    # --- the intake ---------------------------------------------------------------------------

    def begin_body(self) -> OpenBody:
        """Room in the spool for one body."""
        return self.tools.bodies.begin()

    def received_line(self, session: Client, transaction: Transaction) -> bytes:
        """Our trace field for one message (RFC 5321 §4.4)."""
        recipients = transaction.recipients
        at = transaction.started_at
        return received_header(
            helo=session.helo,
            client_host=session.host.host if session.host.verified else None,
            client_ip=session.client_ip,
            hostname=session.desk.settings.hostname,
            smtputf8=transaction.params.smtputf8,
            extended=session.extended,
            tls=session.report,
            authenticated=session.authenticated is not None,
            mid=transaction.mid,
            recipient=recipients[0].address if len(recipients) == 1 else None,
            date=self._date.text(at),
        )

    def judge(self, transaction: Transaction) -> tuple[str, Reply] | None:
        """What speaks against a message that has come in whole: the log's word and the reply."""
        if transaction.failed is not None:
            full = isinstance(transaction.failed, StoreFull)
            self.full = self.full or full
            return ("Queue full", BUSY) if full else ("Resources Low", NOT_NOW)
        if transaction.scan().received > self.rules.max_received:
            return "Message loop", LOOP
        return None

    def store_message(self, session: Client, transaction: Transaction, stored: Stored) -> None:
        """Commit a message with whatever else waits; `stored` hears when it is safe, or why not."""
        try:
            body = transaction.finish()
        except StoreError as error:
            self._failed(transaction, error)
            stored(transaction, error)
            return
        at = self.wall()
        scanned = transaction.scan()
        envelope = transaction.envelope()
        if self.rules.tls_reports_at is not None:
            envelope = addressed(envelope, self.rules.tls_reports_at)
        report = session.report
        message = NewMessage(
            mid=transaction.mid,
            icid=session.icid,
            listener=session.desk.name,
            envelope=envelope,
            size=body.length,
            body=body,
            received_at=at,
            expires_at=at + self.rules.queue_lifetime,
            message_id=scanned.message_id,
            subject=scanned.subject,
            tls_required_no=scanned.tls_required_no,
            client_ip=session.client_ip,
            helo=session.helo,
            tls_in=""
            if report is None
            else _describe_tls(report.protocol, report.cipher, report.group),
        )

        def committed(result: Result | StoreError) -> None:
            error = result.error if isinstance(result, Failed) else result
            if isinstance(error, Added):
                self._queued(session, transaction, message)
                self._wake()
                stored(transaction, None)
            else:
                fault = error if isinstance(error, StoreError) else StoreError("not stored")
                self._failed(transaction, fault)
                stored(transaction, fault)

        self.tools.writer.submit(AddMessage(message), committed)

    def _queued(self, session: Client, transaction: Transaction, message: NewMessage) -> None:
        at = self.wall()
        sender = "" if transaction.sender is None else transaction.sender.text
        self.record(
            facts.MessageReady(
                at=at,
                mid=message.mid,
                icid=message.icid,
                message_id=message.message_id,
                subject=message.subject,
                size=transaction.size,
                sender=sender,
                direction="inbound" if session.desk.public else "outbound",
            )
        )
        self.record(facts.MessageQueued(at=at, mid=message.mid))

    def _failed(self, transaction: Transaction, error: StoreError) -> None:
        at = self.wall()
        if isinstance(error, StoreFull):
            self.full = True
        self.record(facts.ResourcesLow(at=at, resource="queue", detail=str(error)))
        self.record(facts.MessageAborted(at=at, mid=transaction.mid, reason="Receiving aborted"))

    # --- upkeep ---------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """End connections that used up their time, again and again."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep_once()

    def sweep_once(self) -> None:
        """One look at all deadlines."""
        now = self.now
        for session in list(self.sessions):
            too_long = now - session.connected_at > session.desk.connection_timeout
            if (too_long or session.deadline < now) and not session.busy:
                session.time_out(total=too_long)

    async def close(self, within: float) -> None:
        """Say 421 to everybody, but let commits end first; at most `within` seconds."""
        for session in list(self.sessions):
            if not session.busy:
                session.dismiss(STOPPING)
        ends = self.now + within
        while self.sessions and self.now < ends:
            await self.tools.writer.drain()
            for session in list(self.sessions):
                if not session.busy:
                    session.dismiss(STOPPING)
            await asyncio.sleep(0.01)


class _TlsIn(msgspec.Struct, frozen=True):
    protocol: str
    cipher: str
    group: str | None


_encode = msgspec.json.Encoder().encode


def _describe_tls(protocol: str, cipher: str, group: str | None) -> str:
    """How a message came in, as the queue keeps it: a small JSON object."""
    return _encode(_TlsIn(protocol, cipher, group)).decode("ascii")
