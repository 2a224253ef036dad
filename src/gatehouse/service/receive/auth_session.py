# SPDX-License-Identifier: Apache-2.0
"""AUTH of one connection: the exchange, what comes of it, and what it allows (RFC 4954).

The SASL exchange says what it needs to know (`smtp/sasl.py`), the authenticator finds it out, and
this is what goes between. A login is of one TLS connection: whatever was proved in clear is
forgotten when TLS comes up (RFC 3207 §4.2). No text here holds what the client sent, for it may be
a password. The AUTH= parameter of MAIL is read and not believed: nobody here is trusted to vouch
for others (RFC 4954 §5).
"""

import base64
import secrets
from collections.abc import Coroutine
from typing import Any, assert_never, cast

from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.inbound_values import CertificateState
from gatehouse.policy.mail_flow import AuthDemand, TlsDemand
from gatehouse.policy.smtp_auth import may_send_as
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.receive import replies
from gatehouse.service.receive.authentication import Authenticator, Denied, Granted, Later
from gatehouse.service.receive.desk import Desk
from gatehouse.service.receive.office import Office
from gatehouse.service.receive.welcome import Welcome
from gatehouse.smtp import sasl, scram
from gatehouse.smtp import server_events as events
from gatehouse.store.errors import StoreError
from gatehouse.tls.channel_binding import channel_bindings
from gatehouse.tls.engine import TlsSession
from gatehouse.tls.identities import identities

_NONCE_OCTETS = 24  # 32 characters; RFC 5802 §5.1 wants it fresh and unguessable


class AuthSession(Welcome):
    """A connection whose client may say who it is."""

    __slots__ = ("_auth_failures", "_auth_tried", "_exchange", "_mechanism")

    def __init__(self, desk: Desk, office: Office) -> None:
        super().__init__(desk, office)
        self._exchange: sasl.Exchange | None = None
        self._mechanism = ""
        self._auth_tried = False
        self._auth_failures = 0

    @property
    def may_relay(self) -> bool:
        """A user whose profile lets him send to everywhere."""
        return self.authenticated is not None and self.desk.auth.relay

    @property
    def certificate_verified(self) -> bool:
        """The chain of the client's certificate is good; without a verdict it is not."""
        return self.client.certificate.state is CertificateState.VALID

    def auth_refusal(self, sender: Address | None) -> Reply | None:
        """What speaks against a MAIL of this client: no login, or a sender that he may not be."""
        policy = cast(AccessMatch, self.access).policy
        user = self.authenticated
        if user is None:
            required = policy.smtp_auth is AuthDemand.REQUIRED
            return replies.AUTH_REQUIRED if required and not policy.refuses else None
        profile = self.desk.auth
        if may_send_as(profile, user, sender):
            return None
        text = "" if sender is None else sender.text
        self.office.record(
            facts.AuthSenderRefused(
                at=self.office.wall(), icid=self.icid, user=user, sender=text, profile=profile.name
            )
        )
        return replies.NOT_YOUR_ADDRESS

    # --- what is offered ------------------------------------------------------------------------

    def _identify(self, name: ReverseName) -> None:
        super()._identify(name)
        if self._tls_up:
            self._offer()

    def _handshaken(self, tls: TlsSession) -> None:
        super()._handshaken(tls)
        self.authenticated = None
        self._exchange = None
        self._offer()

    def _offer(self) -> None:
        """Under TLS there are more mechanisms than in clear, and more still with a certificate."""
        access = self.access
        if access is not None and access.policy.smtp_auth is not AuthDemand.OFF:
            self.use(self.desk.settings_for(access.policy, tls=True, certificate=self._has_proof()))

    def _has_proof(self) -> bool:
        """A user is tied to the client's certificate, by its octets or by a verified name."""
        if not self.desk.auth.asks_for_certificate or self.report is None:
            return False
        if not self.report.peer_chain:
            return False
        authenticator = self.office.authenticator
        try:
            return authenticator is not None and authenticator.is_registered(self._identities())
        except StoreError as error:
            self.office.report("certificates of users", error)
            return False

    def _identities(self) -> tuple[str, ...]:
        """What the client's certificate proves, in the words in which users are tied to it."""
        report = self.report
        if report is None or not report.peer_chain:
            return ()
        return identities(report.peer_chain[0], verified=self.certificate_verified)

    # --- the exchange ---------------------------------------------------------------------------

    def _auth_begin(self, event: events.AuthBegin) -> None:
        self._auth_tried = True
        self._mechanism = event.mechanism
        bindings = () if self._tls is None else channel_bindings(self._tls)
        self._exchange = sasl.exchange(
            event.mechanism,
            nonce=secrets.token_urlsafe(_NONCE_OCTETS),
            bindings=tuple(sasl.ChannelBinding(*one) for one in bindings),
            plus_offered=sasl.SCRAM_SHA_256_PLUS in self._engine.settings.auth_mechanisms,
        )
        self._follow(self._exchange.start(event.initial))

    def _auth_response(self, event: events.AuthResponse) -> None:
        exchange = self._exchange
        if exchange is None:
            raise RuntimeError("a response without an exchange")
        self._follow(exchange.respond(event.data))

    def _follow(self, step: sasl.Step) -> None:
        """Do what the exchange asks for."""
        authenticator = self.office.authenticator
        if authenticator is None:
            self._finish(replies.AUTH_LATER)
            return
        match step:
            case sasl.Challenge(data):
                self._engine.answer(Reply(334, None, (base64.b64encode(data).decode("ascii"),)))
            case sasl.Done(user):
                self._granted(user)
            case sasl.Malformed():
                self._finish(replies.AUTH_MALFORMED)
            case _:
                self.office.tasks.start(self._ask(authenticator, step), "login")

    async def _ask(self, authenticator: Authenticator, step: sasl.Step) -> None:
        """Find out what the exchange needs; the SMTP engine waits for our answer meanwhile."""
        try:
            answer = await self._question(authenticator, step)
        except StoreError as error:
            self.office.report("users", error)
            answer = None
        if self.closed:
            return
        try:
            self._answered(step, answer)
            self._pump()
        except Exception as fault:  # the boundary, as in `data_received`
            self._broken(fault)

    def _question(
        self, authenticator: Authenticator, step: sasl.Step
    ) -> Coroutine[Any, Any, Granted | Denied | Later | scram.ScramKeys]:
        ip = self.client_ip
        match step:
            case sasl.NeedPassword(user, password):
                return authenticator.password(user, password, ip)
            case sasl.NeedScramKeys(user):
                return authenticator.scram_keys(user, ip)
            case sasl.NeedCertificate(user):
                return authenticator.certificate(self._identities(), user, ip)
            case sasl.Proven(user):
                return authenticator.proof(user, ip, right=True)
            case sasl.Refuted(user):
                return authenticator.proof(user, ip, right=False)
            case _:
                raise TypeError("a step that asks nothing")

    def _answered(
        self, step: sasl.Step, answer: Granted | Denied | Later | scram.ScramKeys | None
    ) -> None:
        match answer:
            case scram.ScramKeys():
                self._follow(cast(sasl.ScramExchange, self._exchange).keyed(answer))
            case Granted(user):
                if isinstance(step, sasl.Proven):
                    self._follow(sasl.Challenge(step.proof))
                else:
                    self._granted(user)
            case Denied(user):
                self._failed(user, replies.AUTH_FAILED)
            case Later(user, seconds):
                self.office.record(
                    facts.AuthDelayed(
                        at=self.office.wall(),
                        icid=self.icid,
                        user=user,
                        client_ip=self.client_ip,
                        seconds=round(seconds, 1),
                    )
                )
                self._failed(user, replies.AUTH_LATER)
            case None:
                self._finish(replies.AUTH_LATER)
            case _:
                assert_never(answer)

    def _granted(self, user: str) -> None:
        self.authenticated = user
        self._record(user, ok=True)
        self._finish(None)

    def _failed(self, user: str, reply: Reply) -> None:
        self._auth_failures += 1
        self._record(user, ok=False)
        enough = self._auth_failures >= self.desk.auth.max_failures
        self._finish(replies.AUTH_ENOUGH if enough else reply)

    def _finish(self, reply: Reply | None) -> None:
        self._exchange = None
        self._engine.answer(reply)

    def _record(self, user: str, *, ok: bool) -> None:
        self.office.record(
            facts.AuthResult(
                at=self.office.wall(),
                icid=self.icid,
                ok=ok,
                user=user,
                mechanism=self._mechanism,
                profile=self.desk.auth.name,
            )
        )

    # --- the end --------------------------------------------------------------------------------

    def _end(self, *, lost: bool) -> None:
        access = self.access
        # Who never said EHLO, or was not let in, had no chance to.
        if access is not None and self.helo and self.icid and not self._auth_tried:
            policy = access.policy
            possible = self._tls_up or policy.tls is not TlsDemand.REQUIRED
            if policy.smtp_auth is AuthDemand.REQUIRED and possible and not policy.refuses:
                self.office.record(facts.AuthMissing(at=self.office.wall(), icid=self.icid))
        super()._end(lost=lost)
