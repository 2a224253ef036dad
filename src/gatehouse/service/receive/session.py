# SPDX-License-Identifier: Apache-2.0
"""What is answered to each question of the SMTP engine: the policy at work, one method per event.

The tables decide (`policy/`), the office stores, the journal hears of it; 250 to a message is given
by the callback of its commit and nowhere else (RFC 5321 §4.2.5).
"""

from dataclasses import replace
from typing import Any, cast

from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Recipient
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.mail_flow import Behavior
from gatehouse.policy.recipients import Refuse
from gatehouse.service.receive import replies
from gatehouse.service.receive.transaction import Transaction
from gatehouse.service.receive.welcome import Welcome
from gatehouse.smtp import server_events as events
from gatehouse.store.errors import StoreError


class Session(Welcome):
    """Serves one client."""

    __slots__ = ()

    # --- events -----------------------------------------------------------------------------

    def _hello(self, event: events.Hello) -> None:
        self.helo = event.name
        self.extended = event.extended
        self.served = True
        self._engine.answer()

    def _mail(self, event: events.MailFrom) -> None:
        office, access = self.office, cast(AccessMatch, self.access)
        at = office.wall()
        sender = "" if event.sender is None else event.sender.text
        if self.messages >= access.policy.max_messages_per_connection:
            office.record(facts.ReceivingFailed(at=at, icid=self.icid, reason="Too Many Messages"))
            self._engine.answer(replies.ENOUGH)
            return
        if office.full:
            office.record(facts.ReceivingFailed(at=at, icid=self.icid, reason="Queue full"))
            self._engine.answer(replies.BUSY)
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
        try:
            mid = office.ids.next("mid")
        except StoreError as error:
            office.report("message ids", error)
            self._engine.answer(replies.NOT_NOW)
            return
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
            self._engine.answer(self.refusal())
            return
        transaction = cast(Transaction, self.transaction)
        table = self.desk.rat
        # Bare Postmaster is always taken: RFC 5321 §4.5.1.
        if access.behavior is not Behavior.RELAY and table is not None and address.domain:
            verdict = table.decide(address)
            if isinstance(verdict, Refuse):
                office.record(
                    facts.RecipientRefused(
                        at=at, mid=transaction.mid, icid=self.icid, address=address.text, by="RAT"
                    )
                )
                self._engine.answer(verdict.reply)
                return
        rid = transaction.add(self._with_domain(event.recipient))
        office.record(
            facts.RecipientAccepted(
                at=at, mid=transaction.mid, icid=self.icid, rid=rid, address=address.text
            )
        )
        self._engine.answer()

    def _with_domain(self, recipient: Recipient) -> Recipient:
        """Bare `Postmaster` is the postmaster of our first domain, else of this host.

        RFC 5321 §4.5.1 has us take it; the queue needs somewhere to send it.
        """
        address = recipient.address
        if address.domain:
            return recipient
        table = self.desk.rat
        domain = (table.postmaster_domain if table is not None else None) or self.desk.hostname
        full = Address(f"{address.local}@{domain}", address.local, domain, address.utf8)
        return replace(recipient, address=full)

    def _data(self, event: events.DataStart) -> None:
        transaction = cast(Transaction, self.transaction)
        transaction.open(self.office.begin_body(), self.office.received_line(self, transaction))
        self._engine.answer()

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
            office.record(facts.ReceivingFailed(at=office.wall(), icid=self.icid, reason=reason))
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
            self._engine.answer(Reply(250, "2.0.0", (f"ok: Message {transaction.mid} accepted",)))
        else:
            self._engine.answer(replies.BUSY if self.office.full else replies.NOT_NOW)
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
            self._engine.answer(replies.NO_TLS)
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


Session.handlers = {
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
