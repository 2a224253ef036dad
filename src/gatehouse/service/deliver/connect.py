# SPDX-License-Identifier: Apache-2.0
"""From a destination to a connection that may carry its mail, or to the reason why there is none.

Plan the hosts, look up their addresses, try one after the other, each to the end of STARTTLS. A
host that refuses, breaks off or cannot give the demanded TLS costs a try of the next one at the
same level; nothing about it is remembered as a reason for clear text. RFC 5321 §5.1, RFC 3207 §4.
"""

from dataclasses import dataclass

from gatehouse.policy import routes
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_tls import Achieved, OutboundTlsLevel
from gatehouse.service.deliver.failures import HostFailed, NotConnected, ReconnectClear, worse
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.service.deliver.negotiate import HostAttempt
from gatehouse.service.deliver.routing import ConnectTools, DeliveryRules, Router
from gatehouse.smtp.client import ClientSettings


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection on which MAIL may be said."""

    link: Link
    achieved: Achieved
    host: str


Attempt = Connected | NotConnected


class Connector:
    """Opens connections under one configuration."""

    def keep_session(self, connected: Connected, control: DestinationControl) -> None:
        """Remember the TLS session of a connection that ends, for the same host and level."""
        link = connected.link
        if link.encrypted and link.alive:
            key = (connected.host, link.peer_ip, link.peer_port, control.tls)
            self._tools.tls.keep(key, link)

    def __init__(self, rules: DeliveryRules, tools: ConnectTools) -> None:
        self._rules = rules
        self._tools = tools
        self._router = Router(rules, tools)
        self._settings = ClientSettings(hostname=rules.hostname)

    async def connect(self, domain: str, control: DestinationControl) -> Attempt:
        """The first host of a destination that will do, or why none did."""
        plan = await self._router.plan(domain)
        if not isinstance(plan, routes.Hosts):
            return self._router.no_plan(domain, plan)
        last: NotConnected | None = None
        for hop in plan.hops:
            found = await self._router.addresses(hop, control)
            if isinstance(found, NotConnected):
                last = worse(last, found)
                if found.final:
                    break  # RFC 5321 §5.1: hosts behind ourselves in the list are not tried
                continue
            for ip in found:
                try:
                    return await self._host(hop, ip, control)
                except HostFailed as failed:
                    last = worse(last, failed.failure)
        assert last is not None
        return last

    # --- planning -----------------------------------------------------------------------------

    async def _host(self, hop: routes.NextHop, ip: str, control: DestinationControl) -> Connected:
        try:
            return await self._try(hop, ip, control, control.tls)
        except ReconnectClear:
            # Before any reply to STARTTLS the preferred levels may go on in clear; the connection
            # is gone, so it takes a new one. Never after 220 (RFC 3207 §4.1 and the outcome table).
            return await self._try(hop, ip, control, OutboundTlsLevel.NONE, again=True)

    async def _try(
        self,
        hop: routes.NextHop,
        ip: str,
        control: DestinationControl,
        level: OutboundTlsLevel,
        *,
        again: bool = False,
    ) -> Connected:
        attempt = HostAttempt(self._tools, hop, ip, control, level)
        try:
            link = await Link.dial(ip, hop.port, self._settings, self._rules.connect_timeout)
        except LinkLost as lost:
            raise HostFailed(attempt.unreachable(lost)) from None
        attempt.opened(link)
        try:
            achieved = await attempt.negotiate()
        except LinkLost as lost:
            raise HostFailed(attempt.lost(lost)) from None
        except (HostFailed, ReconnectClear):
            attempt.close()
            raise
        except BaseException:
            attempt.close()
            raise
        if again:
            achieved = Achieved.CLEAR_NOT_AVAILABLE
        return Connected(link, achieved, hop.host)
