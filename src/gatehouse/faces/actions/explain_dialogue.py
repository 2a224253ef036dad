# SPDX-License-Identifier: Apache-2.0
"""A client that does not exist talks to the engine that serves those that do.

Rule: nothing is decided here. The commands go through the SMTP engine, its questions are answered
by the decisions of `policy.inbound`, with the settings of a real desk and the facts of
`policy.inbound_facts`; only sockets, counts and DNS are taken as given. That a real client hears
the same is shown by `tests/live/test_explain.py`.
"""

from dataclasses import replace
from typing import Any, cast

from gatehouse.config.running import Listener
from gatehouse.faces.actions.explain_values import Demanded, Exchange, Played, Situation
from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.reply import Reply
from gatehouse.policy import inbound, inbound_facts
from gatehouse.policy.inbound_texts import full_recipient, full_sender
from gatehouse.policy.inbound_values import (
    Admit,
    AskDomain,
    ClientFacts,
    Counts,
    Demand,
    Deny,
    Mail,
    Overhear,
    RefuseTcp,
    SenderDomain,
    Step,
)
from gatehouse.policy.mail_flow import AuthDemand, MailFlowPolicy, TlsDemand
from gatehouse.policy.smtp_auth import may_send_as
from gatehouse.service.receive import replies
from gatehouse.service.receive.desk import Desk
from gatehouse.smtp import server_events as events
from gatehouse.smtp.server import ServerEngine

_ICID = _MID = 0  # numbers are given to connections and messages that exist
_PLAIN = "PLAIN"
_READY, _TAKEN = 220, 250  # RFC 5321 §4.2.3


def play(situation: Situation, at: float) -> Played:
    """From the connection to QUIT."""
    return _Rehearsal(situation, at).run()


class _Rehearsal:
    """One imagined connection."""

    def __init__(self, situation: Situation, at: float) -> None:
        self._given = situation
        self._at = at
        # Not `Desk.decide`: a real client's name has been asked for, this one's maybe not.
        access = situation.listener.access.match(
            situation.ip, situation.host, state=situation.host_state, listed=situation.listed
        )
        self._desk = Desk(situation.listener, None)
        self._policy = access.policy
        self._rules = self._desk.rules_for(access.policy)
        self._implicit = self._desk.implicit_tls
        self._counts = Counts(listener_connections=1, client_connections=1)
        self._counts.sender_domain = situation.sender_domain
        client = ClientFacts(
            ip=situation.ip,
            access=access,
            host=situation.host,
            host_state=situation.host_state,
            tls=self._implicit,
        )
        self._played = Played(client)
        self._engine = ServerEngine(self._desk.settings, tls_active=self._implicit)
        self._login_tried = False
        self._lost = False  # as the journal calls it when TLS was the end
        self._tls_wanted = False  # a sender was refused because he must use TLS
        self._said = ""

    def run(self) -> Played:
        """The client says what it has to say, as long as it is listened to."""
        if self._connect():
            self._talk()
        if self._played.exchanges:
            self._hang_up()
        return self._played

    # --- the connection -----------------------------------------------------------------------

    def _connect(self) -> bool:
        """Up to the greeting; False when there is no use in talking on."""
        played, client = self._played, self._played.client
        trace: list[Step] = []
        outcome = inbound.decide_connection(self._rules, client, self._counts, trace)
        self._note("connection", "", trace)
        if isinstance(outcome, RefuseTcp):
            played.recorded.append(inbound_facts.matched(client, self._at, 0))
            return False
        played.recorded += [
            inbound_facts.opened(self._rules, client, self._at, _ICID, 0, None),
            inbound_facts.matched(client, self._at, _ICID),
            *inbound_facts.of_connection(outcome, client, self._at, _ICID),
        ]
        self._engine.settings = self._desk.settings_for(self._policy, tls=self._implicit)
        greeting = outcome.greeting if isinstance(outcome, Admit) else outcome.reply
        if isinstance(outcome, Deny):
            played.denied.append(outcome)
        self._engine.greet(greeting)
        served = isinstance(outcome, Admit)
        if self._implicit:
            served = self._shake_hands() and served
        self._heard("")
        return served

    def _talk(self) -> None:
        given = self._given
        self._say(f"EHLO {given.helo}")
        if not self._implicit and self._starts_tls():
            self._say("STARTTLS")
            if self._played.last_code != _READY:
                self._played.tls_refused = True
            else:
                self._shake_hands()
                self._say(f"EHLO {given.helo}")
        if given.user is not None:
            offered = self._engine.settings.auth_mechanisms
            self._say(f"AUTH {_PLAIN if _PLAIN in offered or not offered else offered[0]}")
        if given.sender is not None:
            self._say(f"MAIL FROM:<{given.sender}>{_smtputf8(given)}")
            for recipient in given.recipients:
                self._say(f"RCPT TO:<{recipient}>")
                taken = self._played.last_code == _TAKEN
                (self._played.accepted if taken else self._played.refused).append(recipient)

    def _starts_tls(self) -> bool:
        if self._given.tls is None:
            return self._engine.settings.offer_starttls
        return self._given.tls

    def _shake_hands(self) -> bool:
        """TLS comes up; False when the client's certificate ends the service."""
        given, played = self._given, self._played
        shown = given.certificate if asks_for_certificate(given.listener, self._policy) else None
        played.client = replace(played.client, tls=True)
        if shown is not None:
            played.client = replace(played.client, certificate=shown)
        if not self._implicit:
            self._engine.tls_started()
        trace: list[Step] = []
        outcome = inbound.decide_handshake(self._rules, played.client, self._counts, trace)
        self._note("handshake", "", trace)
        if isinstance(outcome, Deny):
            played.denied.append(outcome)
            played.recorded += inbound_facts.of_handshake(outcome, played.client, self._at, _ICID)
            self._engine.turn_away(outcome.reply)
            self._lost = True
            return False
        played.recorded.append(
            facts.TlsReceived(
                at=self._at,
                icid=_ICID,
                protocol=given.protocol,
                cipher=given.cipher,
                peer=None if shown is None else shown.subject,
            )
        )
        self._engine.settings = self._desk.settings_for(self._policy, tls=True)
        return True

    # --- what is said ---------------------------------------------------------------------------

    def _say(self, command: str) -> None:
        """Send a line and answer the questions that it raises."""
        if self._engine.closing:
            return
        self._said = command
        self._engine.receive(f"{command}\r\n".encode())
        while (event := self._engine.next_event()) is not None:
            self._answer(event)
        self._heard(command)

    def _heard(self, command: str) -> None:
        lines = self._engine.take_output().decode("utf-8", "replace").removesuffix("\r\n")
        self._played.exchanges.append(
            Exchange(command, tuple(lines.split("\r\n")) if lines else ())
        )

    def _answer(self, event: events.Event) -> None:
        match event:
            case events.MailFrom(sender):
                self._engine.answer(self._mail(sender))
            case events.RcptTo(recipient):
                self._engine.answer(self._recipient(recipient.address))
            case events.AuthBegin(mechanism):
                self._engine.answer(self._login(mechanism))
            case events.Hello() | events.StartTls():
                self._engine.answer()
            case events.CommandRefused():
                self._refused(event)
            case _:
                pass  # the rest is for messages that have a body

    def _refused(self, event: events.CommandRefused) -> None:
        """The engine itself refused: said to the client, and for some kinds to the journal."""
        kind, record = event.kind, self._played.recorded.append
        if kind == "sender":
            record(facts.InvalidSender(at=self._at, icid=_ICID, reason=event.text))
        elif kind == "recipient":
            record(facts.InvalidRecipient(at=self._at, icid=_ICID, mid=_MID, reason=event.text))
        elif kind in ("unknown", "syntax"):
            record(
                facts.CommandRefused(at=self._at, icid=_ICID, kind=cast(Any, kind), text=event.text)
            )
        elif kind == "recipients":
            limit = self._policy.max_recipients_per_message
            step = Step(Demand.RECIPIENTS, True, False, f"{limit} of {limit}")
            self._note("recipient", "", [step])
            self._played.denied.append(Deny(Demand.RECIPIENTS, event.reply))
        elif kind == "tls-required" and self._said.startswith("MAIL"):
            # The engine does not wait for the decision, which would say the same.
            trace: list[Step] = []
            outcome = inbound.decide_mail(
                self._rules, self._played.client, self._counts, None, trace
            )
            self._note("mail", self._given.sender or "<>", trace)
            if isinstance(outcome, Deny):
                self._played.denied.append(outcome)

    def _mail(self, sender: Address | None) -> Reply | None:
        played, text = self._played, "" if sender is None else sender.text
        trace: list[Step] = []
        outcome: Mail = inbound.decide_mail(self._rules, played.client, self._counts, sender, trace)
        if isinstance(outcome, AskDomain):
            # Nobody asked DNS: the walk goes on as if the domain existed.
            self._counts.sender_domain = SenderDomain.EXISTS
            trace = []
            outcome = inbound.decide_mail(self._rules, played.client, self._counts, sender, trace)
        self._note("mail", text or "<>", trace)
        if isinstance(outcome, Deny):
            self._tls_wanted = outcome.demand is Demand.SENDER_TLS
            played.denied.append(outcome)
            played.recorded += inbound_facts.of_refused_mail(outcome, self._at, _ICID, text)
            return outcome.reply
        if isinstance(outcome, Overhear):
            played.recorded += inbound_facts.of_overheard(
                played.client, self._at, _ICID, "sender", text
            )
            return None
        if sender is not None:
            sender = full_sender(self._desk.entrance, sender)
        return self._own_sender(sender)

    def _own_sender(self, sender: Address | None) -> Reply | None:
        """A user may send only as who he is."""
        played, profile = self._played, self._desk.auth
        text = "" if sender is None else sender.text
        user = played.client.user
        if user is not None and not may_send_as(profile, user, sender):
            played.recorded.append(
                facts.AuthSenderRefused(
                    at=self._at, icid=_ICID, user=user, sender=text, profile=profile.name
                )
            )
            played.denied.append(Deny(Demand.AUTH, replies.NOT_YOUR_ADDRESS, profile.name))
            return replies.NOT_YOUR_ADDRESS
        played.recorded.append(facts.MessageStarted(at=self._at, mid=_MID, icid=_ICID, sender=text))
        return None

    def _recipient(self, recipient: Address) -> Reply | None:
        played, text = self._played, recipient.text
        trace: list[Step] = []
        outcome = inbound.decide_recipient(
            self._rules, played.client, self._counts, recipient, trace
        )
        self._note("recipient", text, trace)
        if isinstance(outcome, Deny):
            played.denied.append(outcome)
            played.recorded += inbound_facts.of_refused_recipient(
                outcome, played.client, self._at, _ICID, _MID, text
            )
            if outcome.demand is Demand.RECIPIENT:
                self._counts.refused_recipients += 1
            return outcome.reply
        full = full_recipient(self._desk.entrance, recipient) or recipient
        played.recorded.append(
            facts.RecipientAccepted(
                at=self._at, mid=_MID, icid=_ICID, rid=self._counts.recipients, address=full.text
            )
        )
        self._counts.recipients += 1
        self._counts.client_recipients += 1
        self._counts.sender_recipients += 1
        return None

    def _login(self, mechanism: str) -> Reply | None:
        given, played = self._given, self._played
        profile, user = self._desk.auth, given.user or ""
        self._login_tried = True
        played.recorded.append(
            facts.AuthResult(
                at=self._at,
                icid=_ICID,
                ok=given.user_known,
                user=user,
                mechanism=mechanism,
                profile=profile.name,
            )
        )
        if not given.user_known:
            return replies.AUTH_FAILED
        played.client = replace(played.client, user=user, may_relay=profile.relay)
        return None

    # --- the end --------------------------------------------------------------------------------

    def _hang_up(self) -> None:
        """What the journal hears when the client leaves."""
        record, client, policy = self._played.recorded.append, self._played.client, self._policy
        required = policy.tls is TlsDemand.REQUIRED
        said_hello = len(self._played.exchanges) > 1
        if (
            policy.smtp_auth is AuthDemand.REQUIRED
            and said_hello
            and not self._login_tried
            and (client.tls or not required)
            and not policy.refuses
        ):
            record(facts.AuthMissing(at=self._at, icid=_ICID))
        if (required or self._tls_wanted) and not client.tls and not policy.refuses:
            record(facts.TlsNeverStarted(at=self._at, icid=_ICID))
        record(facts.ConnectionClosed(at=self._at, icid=_ICID, lost=self._lost))

    def _note(self, stage: str, about: str, trace: list[Step]) -> None:
        self._played.demands += [Demanded(stage, about, step) for step in trace]


def asks_for_certificate(listener: Listener, policy: MailFlowPolicy) -> bool:
    """Does the handshake ask the client for a certificate, and is it looked at?"""
    return policy.verify_client_certificate or listener.auth.asks_for_certificate


def _smtputf8(given: Situation) -> str:
    plain = all(text.isascii() for text in (given.sender or "", *given.recipients))
    return "" if plain else " SMTPUTF8"
