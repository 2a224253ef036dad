# SPDX-License-Identifier: Apache-2.0
"""One connection to one address, from the greeting to the end of STARTTLS.

What happens next in each situation is the outcome table's (`policy/outbound_tls.py`); this file
sees the situation, does what the table says, and says so in the journal in the order of the log
grammar.
RFC 3207 §4, RFC 5321 §3.1.
"""

import errno
import os
from typing import NoReturn

from gatehouse.journal import facts
from gatehouse.mail.reply import Reply
from gatehouse.policy import bounce, routes
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_tls import (
    Achieved,
    OutboundTlsLevel,
    Situation,
    TlsAction,
    decide,
    is_required,
)
from gatehouse.service.deliver.failures import HostFailed, NotConnected, ReconnectClear
from gatehouse.service.deliver.link import Link, LinkLost, source_address
from gatehouse.service.deliver.routing import ConnectTools
from gatehouse.smtp import client_events as events
from gatehouse.tls.failures import TlsFailure


class HostAttempt:
    """One connection to one address, from dialling to the end of STARTTLS."""

    def __init__(
        self,
        tools: ConnectTools,
        hop: routes.NextHop,
        ip: str,
        control: DestinationControl,
        level: OutboundTlsLevel,
    ) -> None:
        self._tools = tools
        self._hop = hop
        self._ip = ip
        self._control = control
        self._level = level
        self._link: Link | None = None
        self._dcid = 0
        self._asked_tls = False

    def opened(self, link: Link) -> None:
        """TCP stands."""
        self._link = link
        link.dcid = self._dcid = self._tools.ids.next("dcid")
        self._tools.record(
            facts.DeliveryConnectionOpened(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                interface_ip=link.local_ip,
                ip=self._ip,
                port=self._hop.port,
                domain=self._hop.domain,
            )
        )

    def close(self) -> None:
        """Give the connection up."""
        if self._link is not None:
            self._link.close()
            self._tools.record(
                facts.DeliveryConnectionClosed(at=self._tools.clock.wall(), dcid=self._dcid)
            )

    def unreachable(self, lost: LinkLost) -> NotConnected:
        """Nobody answered."""
        self._dcid = self._tools.ids.next("dcid")
        return self._connection_error(lost.details, "network error")

    def lost(self, lost: LinkLost) -> NotConnected:
        """The connection ended before it was of use."""
        failure = self._connection_error(lost.details, "network error")
        self.close()
        return failure

    def _connection_error(
        self, details: str, reason: str, reply: Reply | None = None
    ) -> NotConnected:
        link = self._link
        self._tools.record(
            facts.DeliveryConnectionFailed(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                domain=self._hop.domain,
                ip=self._ip,
                port=self._hop.port,
                details=details,
                interface_ip=link.local_ip if link is not None else source_address(self._ip),
                reason="network error" if reason == "network error" else "unexpected SMTP response",
            )
        )
        if reply is None:
            classification = bounce.classify_trouble(bounce.Trouble.NETWORK)
        else:
            # Another host may take it, and this one may tomorrow: a connection never bounces mail.
            classification = bounce.classify_reply(421, bounce.Stage.CONNECT)
        return NotConnected(
            classification=classification,
            detail=details,
            reply=reply,
            host=self._hop.host,
            dcid=self._dcid,
        )

    async def negotiate(self) -> Achieved:
        """Greeting, EHLO, STARTTLS and EHLO again, as the level demands."""
        link = self._link
        assert link is not None
        while True:
            try:
                event = await link.next()
            except LinkLost as lost:
                if self._asked_tls and not link.encrypted and link.report is None:
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
                    raise HostFailed(self._replied(reply))
            case events.HelloRefused(reply, fallback):
                self._hello_refused(link, reply, fallback)
            case events.Ready(capabilities):
                return self._ready(link, offered=capabilities.starttls)
            case events.TlsGo():
                await self._handshake(link)
            case events.TlsRefused(reply):
                self._tls_refused(reply)
                return self._clear()
            case _:
                self._gone(event)
        return None

    def _ready(self, link: Link, *, offered: bool) -> Achieved | None:
        if link.encrypted:
            return self._settle(Situation.NOT_VERIFIED)
        return None if self._start_tls(link, offered=offered) else self._clear()

    def _gone(self, event: events.Event) -> NoReturn:
        """The server ended the session, in its way or in none."""
        match event:
            case events.ServerClosing(reply):
                if self._asked_tls and self._link is not None and not self._link.encrypted:
                    # 421 to STARTTLS refuses it and takes the connection along (RFC 3207 §4).
                    self._tls_refused(reply)
                    raise ReconnectClear
                raise HostFailed(self._replied(reply))
            case events.Broken(what, _):
                raise HostFailed(self._broken(what))
            case events.Lost(_):
                raise LinkLost("EOF")
            case _:
                raise HostFailed(self._broken(f"unexpected {type(event).__name__}"))

    def _replied(self, reply: Reply) -> NotConnected:
        return self._connection_error(_reply_details(reply), "unexpected SMTP response", reply)

    def _broken(self, what: str) -> NotConnected:
        failure = self._connection_error(what, "unexpected SMTP response")
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.BROKEN_DIALOGUE),
            detail=what,
            host=failure.host,
            dcid=failure.dcid,
        )

    def _clear(self) -> Achieved:
        if self._level is OutboundTlsLevel.NONE:
            return Achieved.CLEAR_NOT_ASKED
        return Achieved.CLEAR_NOT_AVAILABLE

    def _hello_refused(self, link: Link, reply: Reply, fallback: bool) -> None:
        if not fallback:
            raise HostFailed(self._replied(reply))
        if decide(self._level, Situation.EHLO_REFUSED) is not TlsAction.CONTINUE_CLEAR:
            raise HostFailed(self._required("EHLO refused", reply))
        link.engine.hello_fallback()

    def _start_tls(self, link: Link, *, offered: bool) -> bool:
        """Ask for TLS if the level wants it here; False when it goes on in clear."""
        situation = Situation.STARTTLS_OFFERED if offered else Situation.STARTTLS_NOT_OFFERED
        match decide(self._level, situation):
            case TlsAction.START_TLS:
                self._asked_tls = True
                link.engine.start_tls()
                return True
            case TlsAction.CONTINUE_CLEAR:
                return False
            case _:
                raise HostFailed(self._required("STARTTLS not offered", None))

    def _tls_refused(self, reply: Reply) -> None:
        """The server answered STARTTLS with anything but 220."""
        action = decide(self._level, Situation.STARTTLS_REFUSED)
        go_on = action is TlsAction.CONTINUE_CLEAR
        failure = None
        if not go_on:  # the Connection Error line stands before the TLS line
            failure = self._replied(reply)
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                kind="refused",
                text=_reply_details(reply),
            )
        )
        if failure is not None:
            raise HostFailed(self._required(f"STARTTLS answered {_reply_details(reply)}", reply))

    def _no_answer(self, lost: LinkLost) -> Achieved:
        """STARTTLS was sent and the connection ended without any reply."""
        if decide(self._level, Situation.NO_ANSWER_TO_STARTTLS) is TlsAction.RECONNECT_CLEAR:
            raise ReconnectClear
        self._connection_error(lost.details, "network error")
        raise HostFailed(self._required("no answer to STARTTLS", None))

    async def _handshake(self, link: Link) -> None:
        """After 220: TLS or nothing on this connection."""
        tls = self._tools.tls
        name = self._hop.host
        resume = tls.resume(name, self._ip, self._hop.port, self._level)
        try:
            report = await link.handshake(tls.context, name, resume)
        except TlsFailure as failure:
            self._tls_failed("library", failure.number, None, failure.text)
            raise HostFailed(self._handshake_failed(failure.text)) from None
        except LinkLost as lost:
            # A close without a word is what a reset is, to the one who waits for a handshake.
            number = lost.errno or errno.ECONNRESET
            self._tls_failed("socket", None, number, os.strerror(number))
            raise HostFailed(self._handshake_failed(lost.details)) from None
        self._tools.record(
            facts.TlsDelivered(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                domain=self._hop.domain,
                level=self._level.value,
                protocol=report.protocol,
                cipher=report.cipher,
                group=report.group,
                dh_bits=report.dh_bits,
                resumed=report.resumed,
                verdict="not-checked",
            )
        )
        link.engine.tls_started()

    def _tls_failed(self, kind: str, number: int | None, errno_: int | None, text: str) -> None:
        self._tools.record(
            facts.TlsDeliveryFailed(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                kind="library" if kind == "library" else "socket",
                number=number,
                errno=errno_,
                text=text,
            )
        )

    def _handshake_failed(self, text: str) -> NotConnected:
        if is_required(self._level):
            return self._required(f"handshake failed: {text}", None)
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.TLS_FAILED),
            detail=f"TLS handshake failed: {text}",
            host=self._hop.host,
            dcid=self._dcid,
        )

    def _settle(self, situation: Situation) -> Achieved:
        """TLS is up. Whether the certificate passes is not examined at the levels there are now."""
        if decide(self._level, situation) is TlsAction.DELIVER:
            return Achieved.ENCRYPTED
        raise HostFailed(self._required("certificate not verified", None))

    def _required(self, why: str, reply: Reply | None) -> NotConnected:
        """The rule demands TLS and this host does not give it: nothing is sent."""
        self._tools.record(
            facts.TlsRequiredUnavailable(
                at=self._tools.clock.wall(),
                dcid=self._dcid,
                ip=self._ip,
                domain=self._hop.domain,
                why=why,
            )
        )
        return NotConnected(
            classification=bounce.classify_trouble(bounce.Trouble.TLS_UNAVAILABLE),
            detail="TLS required but not available",
            reply=None,
            host=self._hop.host,
            dcid=self._dcid,
            tls=True,
        )


def _reply_details(reply: Reply) -> str:
    """`454-'4.7.0 TLS not available right now'`, the form of the Connection Error line."""
    text = " ".join(reply.lines if reply.enhanced is None else (reply.enhanced, *reply.lines))
    return f"{reply.code}-{text!r}"
