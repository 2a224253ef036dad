# SPDX-License-Identifier: Apache-2.0
"""What is said about one connection to one address, in the order of the log grammar.

Each method records the facts of one happening and, where it ends the attempt, makes the value that
says why. What counts for TLS reports (RFC 8460) is said once for each attempt that came so far that
TLS could be judged.
"""

from gatehouse.journal import facts
from gatehouse.mail.reply import Reply
from gatehouse.policy import bounce, routes
from gatehouse.policy.outbound_values import HostPlan, Rule
from gatehouse.policy.server_identity import IdentityVerdict
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.link import Link, LinkLost, source_address
from gatehouse.service.deliver.login import NotLoggedIn
from gatehouse.service.deliver.routing import ConnectTools
from gatehouse.tls.engine import HandshakeReport
from gatehouse.tls.failures import TlsFailure

# How a failure begins whose reason was TLS; the queue keeps it, and a late bounce knows it by that.
TLS_REQUIRED = "TLS required"


class AttemptLog:
    """Tells the journal about one attempt."""

    def __init__(self, tools: ConnectTools, hop: routes.NextHop, ip: str, plan: HostPlan) -> None:
        self._tools = tools
        self._hop = hop
        self._ip = ip
        self._plan = plan
        self._link: Link | None = None
        # Who ignores the recipient's policies, as the mail that carries reports does, says nothing
        # about them (RFC 8460 §3: such sessions are not to be included).
        self._reported = any(one.rule is Rule.TLS_REQUIRED_NO for one in plan.reasons)
        self.dcid = 0

    @property
    def _now(self) -> float:
        return self._tools.clock.wall()

    # --- the connection -------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """TCP stands."""
        self._link = link
        link.dcid = self.dcid = self._tools.ids.next("dcid")
        self._tools.record(
            facts.DeliveryConnectionOpened(
                at=self._now,
                dcid=self.dcid,
                interface_ip=link.local_ip,
                ip=self._ip,
                port=self._hop.port,
                domain=self._hop.domain,
            )
        )

    def closed(self) -> None:
        """The connection was given up."""
        self._tools.record(facts.DeliveryConnectionClosed(at=self._now, dcid=self.dcid))

    def unreachable(self, lost: LinkLost) -> NotConnected:
        """Nobody answered."""
        self.dcid = self._tools.ids.next("dcid")
        return self.network_error(lost.details)

    def network_error(self, details: str) -> NotConnected:
        """The connection failed without a word of the server."""
        self._connection_error(details, "network error")
        return self._failure(bounce.Trouble.NETWORK, details)

    def replied(self, reply: Reply) -> NotConnected:
        """The server does not want us."""
        details = reply_details(reply)
        self._connection_error(details, "unexpected SMTP response")
        # Another host may take it, and this one may tomorrow: a connection never bounces mail.
        return NotConnected(
            classification=bounce.classify_reply(421, bounce.Stage.CONNECT),
            detail=details,
            reply=reply,
            host=self._hop.host,
            dcid=self.dcid,
        )

    def broken(self, what: str) -> NotConnected:
        """The server broke the protocol."""
        self._connection_error(what, "unexpected SMTP response")
        return self._failure(bounce.Trouble.BROKEN_DIALOGUE, what)

    def _connection_error(self, details: str, reason: str) -> None:
        link = self._link
        self._tools.record(
            facts.DeliveryConnectionFailed(
                at=self._now,
                dcid=self.dcid,
                domain=self._hop.domain,
                ip=self._ip,
                port=self._hop.port,
                details=details,
                interface_ip=link.local_ip if link is not None else source_address(self._ip),
                reason="network error" if reason == "network error" else "unexpected SMTP response",
            )
        )

    # --- TLS ------------------------------------------------------------------------------------

    def starttls_refused(self, reply: Reply) -> None:
        """STARTTLS was answered with anything but 220."""
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._now,
                dcid=self.dcid,
                kind="refused",
                text=reply_details(reply),
                domain=self._hop.domain,
                level=self._plan.level.value,
                rule=self._plan.rule.value,
                result="starttls-not-supported",
            )
        )

    def library_failed(self, failure: TlsFailure, seen: HandshakeReport | None) -> None:
        """The handshake failed; `seen` is what was seen of it."""
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._now,
                dcid=self.dcid,
                kind="library",
                number=failure.number,
                text=failure.text,
                domain=self._hop.domain,
                level=self._plan.level.value,
                rule=self._plan.rule.value,
                result=failure.report_word.value,
                protocol="" if seen is None else seen.protocol,
                cipher="" if seen is None else seen.cipher,
                group=None if seen is None else seen.group,
                dh_bits=None if seen is None else seen.dh_bits,
            )
        )

    def socket_failed(self, errno: int, text: str) -> None:
        """The connection ended within the handshake."""
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._now,
                dcid=self.dcid,
                kind="socket",
                errno=errno,
                text=text,
                domain=self._hop.domain,
                level=self._plan.level.value,
                rule=self._plan.rule.value,
                result="validation-failure",
            )
        )

    def tls_up(self, report: HandshakeReport, verdict: IdentityVerdict) -> None:
        """TLS is up, and what it proved lets the mail pass."""
        leaf = verdict.leaf
        self._tools.record(
            facts.TlsDelivered(
                at=self._now,
                dcid=self.dcid,
                domain=self._hop.domain,
                level=self._plan.level.value,
                rule=self._plan.rule.value,
                protocol=report.protocol,
                cipher=report.cipher,
                group=report.group,
                dh_bits=report.dh_bits,
                resumed=report.resumed,
                verdict=verdict.said,
                result=_word(verdict),
                basis=verdict.basis,
                weak=verdict.weak,
                reason=verdict.text,
                peer=leaf.subject or None,
                issuer=leaf.issuer or None,
                not_after=leaf.not_after,
                names=leaf.names,
                fingerprints=verdict.fingerprints,
            )
        )

    def not_verified(self, report: HandshakeReport, verdict: IdentityVerdict) -> NotConnected:
        """TLS is up, and the server is not proven to be the one: nothing is sent."""
        leaf = verdict.leaf
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._now,
                dcid=self.dcid,
                kind="verify",
                text=verdict.said,
                domain=self._hop.domain,
                level=self._plan.level.value,
                rule=self._plan.rule.value,
                result=_word(verdict),
                protocol=report.protocol,
                cipher=report.cipher,
                group=report.group,
                dh_bits=report.dh_bits,
                reason=verdict.text,
                peer=leaf.subject or None,
                issuer=leaf.issuer or None,
                not_after=leaf.not_after,
                names=leaf.names,
                fingerprints=verdict.fingerprints,
            )
        )
        self._unavailable(f"certificate not verified: {verdict.said}")
        return self._failure(
            bounce.Trouble.TLS_NOT_VERIFIED,
            f"{TLS_REQUIRED} but the certificate was not verified: {verdict.said}",
            tls=f"verify error: {verdict.said}",
        )

    def required(self, why: str) -> NotConnected:
        """The rule demands TLS and this host does not give it: nothing is sent."""
        self._unavailable(why)
        return self._failure(
            bounce.Trouble.TLS_UNAVAILABLE, f"{TLS_REQUIRED} but not available", tls=why
        )

    def handshake_failed(self, why: str) -> NotConnected:
        """After the 220 there is no way back, also where TLS is only preferred."""
        return self._failure(bounce.Trouble.TLS_FAILED, f"TLS handshake failed: {why}")

    def no_requiretls(self) -> NotConnected:
        """RFC 8689 §4.2.1: the next hop must promise to keep the demand. For good if all say so."""
        self._unavailable("REQUIRETLS not offered")
        return self._failure(
            bounce.Trouble.REQUIRETLS_UNSUPPORTED,
            "REQUIRETLS was asked for, and the server does not offer it",
            tls="REQUIRETLS not offered",
        )

    def logged_in(self, name: str, mechanism: str) -> None:
        """The smart host knows us."""
        self._record_login(name, mechanism, "", ok=True)

    def login_failed(self, name: str, failed: NotLoggedIn) -> NotConnected:
        """The smart host does not know us, or must not hear the password: the mail waits."""
        reason, reply = failed.reason, failed.reply
        said = reason if reply is None else f"{reason}: {reply.code}"
        self._record_login(name, failed.mechanism, said, ok=False)
        detail = f"login: {reason}" if reply is None else f"login: {reason}: {reply_details(reply)}"
        self._connection_error(detail, "unexpected SMTP response")
        return self._failure(bounce.Trouble.LOGIN_FAILED, detail)

    def _record_login(self, name: str, mechanism: str, reason: str, *, ok: bool) -> None:
        self._tools.record(
            facts.SmartHostLogin(
                at=self._now,
                dcid=self.dcid,
                name=name,
                ok=ok,
                mechanism=mechanism,
                reason=reason,
            )
        )

    def _unavailable(self, why: str) -> None:
        self._tools.record(
            facts.TlsRequiredUnavailable(
                at=self._now, dcid=self.dcid, ip=self._ip, domain=self._hop.domain, why=why
            )
        )

    def _failure(self, trouble: bounce.Trouble, detail: str, *, tls: str = "") -> NotConnected:
        return NotConnected(
            classification=bounce.classify_trouble(trouble),
            detail=detail,
            host=self._hop.host,
            dcid=self.dcid,
            tls=bool(tls),
            cause=tls,
        )

    # --- TLS reports ----------------------------------------------------------------------------

    def result(self, word: str, reason: str = "") -> None:
        """What this attempt counts for; only the first word for it stands. "" is success."""
        if self._reported:
            return
        self._reported = True
        policy, link = self._plan.reported, self._link
        self._tools.record(
            facts.TlsPolicyResult(
                at=self._now,
                dcid=self.dcid,
                domain=self._hop.domain,
                policy_type=policy.type,
                policy_strings=policy.strings,
                mx_patterns=policy.mx,
                result=word or policy.fault,
                sending_ip="" if link is None else link.local_ip,
                receiving_mx=self._hop.host,
                receiving_ip=self._ip,
                reason=reason,
            )
        )


def reply_details(reply: Reply) -> str:
    """`454-'4.7.0 TLS not available right now'`, the form of the Connection Error line."""
    text = " ".join(reply.lines if reply.enhanced is None else (reply.enhanced, *reply.lines))
    return f"{reply.code}-{text!r}"


def _word(verdict: IdentityVerdict) -> str:
    return "" if verdict.report_word is None else verdict.report_word.value
