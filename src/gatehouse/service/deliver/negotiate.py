# SPDX-License-Identifier: Apache-2.0
"""One connection to one address, from the greeting to the end of STARTTLS.

What happens next in each situation is the outcome table's (`policy/outbound_tls.py`), and what the
server has to prove stands in the plan; this file sees the situation and does what the table says.
RFC 3207 §4, RFC 5321 §3.1.
"""

import errno
import os
import secrets
from typing import NoReturn

from gatehouse.mail.reply import Reply
from gatehouse.policy.outbound_tls import (
    Achieved,
    OutboundTlsLevel,
    Situation,
    TlsAction,
    decide,
    is_required,
)
from gatehouse.policy.server_identity import IdentityVerdict
from gatehouse.service.deliver.attempt_log import AttemptLog, reply_details
from gatehouse.service.deliver.failures import (
    HostFailed,
    NotConnected,
    ReconnectClear,
    RetryWithoutDh,
)
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.service.deliver.login import NotLoggedIn, log_in
from gatehouse.service.deliver.routing import ConnectTools, Target
from gatehouse.service.deliver.tls_sessions import Manner, SessionKey, policy_of
from gatehouse.smtp import client_events as events
from gatehouse.tls.engine import HandshakeReport
from gatehouse.tls.failures import DH_KEY_TOO_SMALL, ReportWord, TlsFailure

# RFC 5802 §5.1 asks for a nonce that never comes twice; 18 octets are 24 characters.
NONCE_OCTETS = 18
_NO_STARTTLS = ReportWord.STARTTLS_NOT_SUPPORTED.value


class HostAttempt:
    """One connection to one address, from dialling to the end of STARTTLS."""

    def __init__(
        self,
        tools: ConnectTools,
        target: Target,
        ip: str,
        level: OutboundTlsLevel,
        *,
        without_dh: bool = False,
    ) -> None:
        self._tools = tools
        self.target = target
        self._plan = target.plan
        self._ip = ip
        self._level = level
        self._without_dh = without_dh
        self._log = AttemptLog(tools, target.hop, ip, target.plan)
        self._link: Link | None = None
        self._asked_tls = False
        self._achieved = Achieved.ENCRYPTED
        self.session_key: SessionKey | None = None

    def opened(self, link: Link) -> None:
        """TCP stands."""
        self._link = link
        self._log.opened(link)

    def close(self) -> None:
        """Give the connection up."""
        if self._link is not None:
            self._link.close()
            self._log.closed()

    def unreachable(self, lost: LinkLost) -> NotConnected:
        """Nobody answered."""
        return self._log.unreachable(lost)

    def lost(self, lost: LinkLost) -> NotConnected:
        """The connection ended before it was of use."""
        failure = self._log.network_error(lost.details)
        self.close()
        return failure

    def tls_broke(self, failure: TlsFailure) -> NotConnected:
        """TLS ended behind the handshake: with TLS 1.3 a server refuses our certificate so."""
        self._log.library_failed(failure, None)
        failed = self._after_220(failure.text)
        self.close()
        return failed

    async def negotiate(self) -> Achieved:
        """All that comes before MAIL: TLS as the level demands, and the login of a smart host."""
        link = self._link
        assert link is not None
        if self.target.implicit_tls:
            await self._handshake(link)
        achieved = await self._dialogue(link)
        smart = self.target.hop.smart
        if smart is not None and smart.username is not None:
            password, nonce = self._tools.password_of(smart), secrets.token_urlsafe(NONCE_OCTETS)
            result = await log_in(link, smart, achieved, password, nonce)
            if isinstance(result, NotLoggedIn):
                raise HostFailed(self._log.login_failed(smart.name, result))
            self._log.logged_in(smart.name, result.mechanism)
        return achieved

    async def _dialogue(self, link: Link) -> Achieved:
        """Greeting, EHLO, STARTTLS and EHLO again."""
        while True:
            try:
                event = await link.next()
            except LinkLost as lost:
                if self._unanswered:
                    return self._no_answer(lost)
                raise
            achieved = await self._step(link, event)
            if achieved is not None:
                return achieved

    async def _step(self, link: Link, event: events.Event) -> Achieved | None:
        """Use one event; what has been reached, when the negotiation is over."""
        match event:
            case events.Greeting(reply):
                if not reply.positive:
                    raise HostFailed(self._log.replied(reply))
            case events.HelloRefused(reply, fallback):
                self._hello_refused(link, reply, fallback)
            case events.Ready(capabilities):
                if link.encrypted:
                    return self._ready(requiretls=capabilities.requiretls)
                return (
                    None if self._start_tls(link, offered=capabilities.starttls) else self._clear()
                )
            case events.TlsGo():
                await self._handshake(link)
            case events.TlsRefused(reply):
                self._tls_refused(reply)
                return self._clear()
            case _:
                self._gone(event)
        return None

    def _ready(self, *, requiretls: bool) -> Achieved:
        """TLS is up and the server has said what it offers inside."""
        if self._plan.needs_requiretls and not requiretls:
            raise HostFailed(self._log.no_requiretls())
        return self._achieved

    def _gone(self, event: events.Event) -> NoReturn:
        """The server ended the session, in its way or in none."""
        match event:
            case events.ServerClosing(reply):
                if self._asked_tls and self._link is not None and not self._link.encrypted:
                    # 421 to STARTTLS refuses it and takes the connection along (RFC 3207 §4).
                    self._tls_refused(reply)
                    raise ReconnectClear
                raise HostFailed(self._log.replied(reply))
            case events.Broken(what, _):
                if self._unanswered and what != events.BEHIND_STARTTLS:
                    self._no_reply(what)
                raise HostFailed(self._log.broken(what))
            case events.Lost(_):
                raise LinkLost("EOF")
            case _:
                raise HostFailed(self._log.broken(f"unexpected {type(event).__name__}"))

    # --- before the handshake -------------------------------------------------------------------

    def _clear(self) -> Achieved:
        if self._level is OutboundTlsLevel.NONE:
            return Achieved.CLEAR_NOT_ASKED
        return Achieved.CLEAR_NOT_AVAILABLE

    def _hello_refused(self, link: Link, reply: Reply, fallback: bool) -> None:
        if not fallback:
            raise HostFailed(self._log.replied(reply))
        if decide(self._level, Situation.EHLO_REFUSED) is not TlsAction.CONTINUE_CLEAR:
            self._log.result(_NO_STARTTLS, "EHLO refused")
            raise HostFailed(self._log.required("EHLO refused"))
        link.engine.hello_fallback()

    def _start_tls(self, link: Link, *, offered: bool) -> bool:
        """Ask for TLS if the level wants it here; False when it goes on in clear."""
        situation = Situation.STARTTLS_OFFERED if offered else Situation.STARTTLS_NOT_OFFERED
        action = decide(self._level, situation)
        if not offered and self._level is not OutboundTlsLevel.NONE:
            self._log.result(_NO_STARTTLS, "STARTTLS not offered")
        match action:
            case TlsAction.START_TLS:
                self._asked_tls = True
                link.engine.start_tls()
                return True
            case TlsAction.CONTINUE_CLEAR:
                return False
            case _:
                raise HostFailed(self._log.required("STARTTLS not offered"))

    def _tls_refused(self, reply: Reply) -> None:
        """The server answered STARTTLS with anything but 220."""
        go_on = decide(self._level, Situation.STARTTLS_REFUSED) is TlsAction.CONTINUE_CLEAR
        if not go_on:  # the Connection Error line stands before the TLS line
            self._log.replied(reply)
        self._log.starttls_refused(reply)
        why = f"STARTTLS answered {reply_details(reply)}"
        self._log.result(_NO_STARTTLS, why)
        if not go_on:
            raise HostFailed(self._log.required(why))

    @property
    def _unanswered(self) -> bool:
        """STARTTLS was sent, and nothing that is a reply has come."""
        link = self._link
        return self._asked_tls and not (link is None or link.encrypted or link.report is not None)

    def _no_reply(self, what: str) -> NoReturn:
        """What came instead of an answer to STARTTLS is none: not the 220, in any case."""
        why = "no valid answer to STARTTLS"
        self._log.result(_NO_STARTTLS, why)
        if decide(self._level, Situation.NO_ANSWER_TO_STARTTLS) is TlsAction.RECONNECT_CLEAR:
            raise ReconnectClear
        self._log.broken(what)
        raise HostFailed(self._log.required(why))

    def _no_answer(self, lost: LinkLost) -> Achieved:
        """STARTTLS was sent and the connection ended without any reply."""
        self._log.result(_NO_STARTTLS, "no answer to STARTTLS")
        if decide(self._level, Situation.NO_ANSWER_TO_STARTTLS) is TlsAction.RECONNECT_CLEAR:
            raise ReconnectClear
        self._log.network_error(lost.details)
        raise HostFailed(self._log.required("no answer to STARTTLS"))

    # --- the handshake and what it proves -------------------------------------------------------

    def _manner(self) -> Manner:
        demands = self.target.control.demands
        return self._tools.tls.manner(demands, without_dh=self._without_dh)

    async def _handshake(self, link: Link) -> None:
        """After 220: TLS or nothing on this connection."""
        tls, hop, manner = self._tools.tls, self.target.hop, self._manner()
        policy = policy_of(self._plan, self.target.control)
        key = SessionKey(self._plan.sni, self._ip, hop.port, manner, policy)
        try:
            report = await link.handshake(tls.context(manner), self._plan.sni, tls.resume(key))
        except TlsFailure as failure:
            self._handshake_failed(failure, link)
        except LinkLost as lost:
            # A close without a word is what a reset is, to the one who waits for a handshake.
            number = lost.errno or errno.ECONNRESET
            self._log.socket_failed(number, os.strerror(number))
            self._log.result(ReportWord.VALIDATION_FAILURE.value, lost.details)
            raise HostFailed(self._after_220(lost.details)) from None
        await self._judge(link, report)
        self.session_key = key
        if not self.target.implicit_tls:
            link.engine.tls_started()

    def _handshake_failed(self, failure: TlsFailure, link: Link) -> NoReturn:
        """The library said no; a DH group that is too small is told apart and gets another try."""
        self._log.library_failed(failure, link.seen)
        why = failure.text
        if failure.reason == DH_KEY_TOO_SMALL:
            bits = None if link.seen is None else link.seen.dh_bits
            why = DH_KEY_TOO_SMALL if bits is None else f"{DH_KEY_TOO_SMALL} ({bits} bits)"
            if self.target.control.demands.retry_without_dh and not self._without_dh:
                raise RetryWithoutDh from None
        self._log.result(failure.report_word.value, why)
        raise HostFailed(self._after_220(why)) from None

    def _after_220(self, why: str) -> NotConnected:
        if is_required(self._level):
            return self._log.required(f"handshake failed: {why}")
        return self._log.handshake_failed(why)

    async def _judge(self, link: Link, report: HandshakeReport) -> None:
        """Compute the verdict, at every level; go on, or not, as the table says."""
        plan, demands = self._plan, self.target.control.demands
        verdict = await self._tools.verifier.judge(plan, demands, report.peer_chain, self._ip)
        self._report(verdict, report)
        situation = Situation.VERIFIED if verdict.verified else Situation.NOT_VERIFIED
        if decide(self._level, situation) is not TlsAction.DELIVER:
            raise HostFailed(self._log.not_verified(report, verdict))
        self._log.tls_up(report, verdict)
        if verdict.verified:
            hosted = self._level is OutboundTlsLevel.REQUIRED_VERIFY_HOSTED
            self._achieved = Achieved.VERIFIED_HOSTED if hosted else Achieved.VERIFIED

    def _report(self, verdict: IdentityVerdict, report: HandshakeReport) -> None:
        """What the recipient's own policy says about this server, for TLS reports."""
        plan = self._plan
        proof = plan.published
        if plan.watched_misfit:
            self._log.result(ReportWord.VALIDATION_FAILURE.value, "the policy does not list it")
        elif proof is None:
            self._log.result("")
        else:
            if plan.proofs != (proof,):
                demands = self.target.control.demands
                verdict = self._tools.verifier.judge_alone(proof, plan, demands, report.peer_chain)
            word = verdict.report_word
            self._log.result("" if word is None else word.value, verdict.text)
