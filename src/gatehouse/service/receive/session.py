# SPDX-License-Identifier: Apache-2.0
"""What is answered to each question of the SMTP engine: the policy at work, one method per event.

The tables decide (`policy/`), the office stores, the journal hears of it; 250 to a message is given
by the callback of its commit and nowhere else (RFC 5321 §4.2.5).
"""

from dataclasses import replace
from typing import Any, cast

from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.reply import Reply
from gatehouse.policy import inbound, inbound_facts
from gatehouse.policy.inbound_texts import full_recipient, full_sender, rate_refusal
from gatehouse.policy.inbound_values import (
    ALLOW,
    Allow,
    AskDomain,
    Demand,
    Deny,
    SenderDomain,
)
from gatehouse.service.receive import replies
from gatehouse.service.receive.auth_session import AuthSession
from gatehouse.service.receive.desk import Desk
from gatehouse.service.receive.office import Office
from gatehouse.service.receive.sender_domain import sender_domain
from gatehouse.service.receive.transaction import Transaction
from gatehouse.smtp import server_events as events
from gatehouse.store.errors import StoreError


class Session(AuthSession):
    """Serves one client."""

    __slots__ = ("_hour_of",)

    def __init__(self, desk: Desk, office: Office) -> None:
        super().__init__(desk, office)
        self._hour_of = ""  # the address whose refused recipients have been read

    # --- events -----------------------------------------------------------------------------

    def _hello(self, event: events.Hello) -> None:
        self.helo = event.name
        self.extended = event.extended
        self.served = True
        self._engine.answer()

    def _mail(self, event: events.MailFrom) -> None:
        self.counts.sender_domain = SenderDomain.NOT_ASKED
        self._decide_mail(event.sender, event.params)

    def _decide_mail(self, sender: Address | None, params: events.MailParams) -> None:
        if self.authenticated is not self.client.user:
            self.client = replace(self.client, user=self.authenticated, may_relay=self.may_relay)
        outcome = inbound.decide_mail(self.decision.rules, self.client, self.counts, sender)
        if outcome is ALLOW:
            self._begin_message(sender, params)
            return
        office, text = self.office, "" if sender is None else sender.text
        match outcome:
            case AskDomain(domain):
                office.tasks.start(self._ask_domain(domain, sender, params), "sender's domain")
            case Deny():
                self.tls_wanted = self.tls_wanted or outcome.demand is Demand.SENDER_TLS
                for fact in inbound_facts.of_refused_mail(outcome, office.wall(), self.icid, text):
                    office.record(fact)
                self._engine.answer(outcome.reply)
            case _:
                for fact in inbound_facts.of_overheard(
                    self.client, office.wall(), self.icid, "sender", text
                ):
                    office.record(fact)
                self._engine.answer()

    async def _ask_domain(
        self, domain: str, sender: Address | None, params: events.MailParams
    ) -> None:
        """DNS decides about the sender; the engine waits for our answer meanwhile."""
        found = await sender_domain(self.office.resolver, domain)
        if self.closed:
            return
        try:
            self.counts.sender_domain = found
            self._decide_mail(sender, params)
            self._pump()
        except Exception as fault:  # the boundary, as in `data_received`
            self._broken(fault)

    def _begin_message(self, sender: Address | None, params: events.MailParams) -> None:
        office, at = self.office, self.office.wall()
        if sender is not None and not sender.domain:
            sender = full_sender(self.desk.entrance, sender)
        refusal = self.auth_refusal(sender)
        if refusal is not None:
            self._engine.answer(refusal)
            return
        if office.full:
            office.record(facts.ReceivingFailed(at=at, icid=self.icid, reason="Queue full"))
            self._engine.answer(replies.BUSY)
            return
        try:
            mid = office.ids.next("mid")
        except StoreError as error:
            office.report("message ids", error)
            self._engine.answer(replies.NOT_NOW)
            return
        self.transaction = Transaction(mid, sender, params, at)
        self.counts.recipients = 0
        if self._hour_of != self.client_ip and self.decision.rules.policy.dhap_limit:
            # Once for a connection: what it adds itself comes back with the new total.
            self._hour_of = self.client_ip
            self.counts.refused_recipients = office.tally.count(f"refused {self.client_ip}", at)
        text = "" if sender is None else sender.text
        office.record(facts.MessageStarted(at=at, mid=mid, icid=self.icid, sender=text))
        self._engine.answer()

    def _rcpt(self, event: events.RcptTo) -> None:
        office, rules = self.office, self.decision.rules
        recipient = event.recipient
        outcome = inbound.decide_recipient(rules, self.client, self.counts, recipient.address)
        if outcome is ALLOW:
            if office.rules.counts_recipients or rules.policy.max_sender_recipients_per_hour:
                outcome = self._count_recipient()
        if isinstance(outcome, Deny):
            self._refuse_recipient(outcome, recipient.address.text)
            return
        transaction, address = cast(Transaction, self.transaction), recipient.address
        if not address.domain:
            address = full_recipient(self.desk.entrance, address) or address
            recipient = replace(recipient, address=address)
        self.counts.recipients += 1
        rid = transaction.add(recipient)
        office.record(
            facts.RecipientAccepted(
                at=office.wall(),
                mid=transaction.mid,
                icid=self.icid,
                rid=rid,
                address=address.text,
            )
        )
        self._engine.answer()

    def _refuse_recipient(self, deny: Deny, address: str) -> None:
        office, at = self.office, self.office.wall()
        mid = self.transaction.mid if self.transaction is not None else 0
        for fact in inbound_facts.of_refused_recipient(
            deny, self.client, at, self.icid, mid, address
        ):
            office.record(fact)
        if deny.demand is Demand.RECIPIENT and self.decision.rules.policy.dhap_limit:
            name = f"refused {self.client_ip}"
            self.counts.refused_recipients = office.tally.add(name, 1, at)
        self._engine.answer(deny.reply)

    def _count_recipient(self) -> Allow | Deny:
        """Take a place in the hour of the client and in that of the sender, if there is one."""
        office, rules, at = self.office, self.decision.rules, self.office.wall()
        limit = rules.policy.max_recipients_per_hour
        name = f"client {self.client_ip}"
        if not limit:
            office.tally.add(name, 1, at)
        elif not office.tally.take(name, 1, limit, at):
            return rate_refusal(rules, self.client, Demand.CLIENT_RATE)
        limit = rules.policy.max_sender_recipients_per_hour
        sender = cast(Transaction, self.transaction).sender
        if limit and sender is not None:  # the null sender is everybody's
            if not office.tally.take(f"sender {sender.canonical.lower()}", 1, limit, at):
                return rate_refusal(rules, self.client, Demand.SENDER_RATE)
        return ALLOW

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
        self.counts.messages += 1
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
        context = self.desk.context_for(self.decision.rules.policy)
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
    events.AuthBegin: Session._auth_begin,
    events.AuthResponse: Session._auth_response,
    events.XClient: Session._xclient,
    events.Reset: Session._reset,
    events.Quit: Session._quit,
    events.CommandRefused: Session._refused,
    events.ProtocolViolation: Session._violation,
}
