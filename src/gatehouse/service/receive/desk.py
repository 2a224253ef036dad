# SPDX-License-Identifier: Apache-2.0
"""A desk: one listener with everything decided that can be decided before a client comes.

When a new revision is applied, new receivers with new desks take the place of the old ones;
sessions that are open keep theirs and end under the rules with which they began.
"""

from dataclasses import dataclass, replace

from gatehouse.config.running import Listener, ListenerType, TlsMode
from gatehouse.policy import inbound
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.inbound_values import ClientFacts, InboundRules
from gatehouse.policy.mail_flow import MailFlowPolicy, TlsDemand
from gatehouse.policy.smtp_auth import offered
from gatehouse.service.base.resolver import ReverseName
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.tls.engine import ServerContext

# Decisions that a desk remembers; when there are more, all are forgotten and found again.
MAX_DECISIONS = 4096
NOT_LISTED: frozenset[str] = frozenset()
_Key = tuple[str, str | None, bool, bool, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the host access table said about an address with its name."""

    access: AccessMatch
    settings: ServerSettings
    rules: InboundRules
    client: ClientFacts  # as it comes
    client_tls: ClientFacts  # in TLS, without a certificate that anybody looked at


@dataclass(frozen=True, slots=True)
class Contexts:
    """TLS for a listener. `asking` asks clients for a certificate; None: no policy wants one."""

    plain: ServerContext
    asking: ServerContext | None


class Desk:
    """What a session needs to know about the listener it came in by."""

    def __init__(self, listener: Listener, contexts: Contexts | None) -> None:
        self.name = listener.name
        self.public = listener.type is ListenerType.PUBLIC
        self.interface = listener.interface.name
        self.interface_ip = listener.interface.address
        self.hostname = listener.interface.hostname
        self.hat = listener.access
        self.rat = listener.recipients
        self.delayed_reject = listener.delayed_reject
        self.implicit_tls = listener.tls_mode is TlsMode.IMPLICIT
        self.idle_timeout = float(listener.idle_timeout)
        self.connection_timeout = float(listener.connection_timeout)
        self.max_connections = listener.max_concurrency
        self.contexts = contexts
        self.entrance = listener.entrance
        self.proxies = listener.proxies if listener.proxies else None
        self.xclients = listener.xclients if listener.xclients else None
        self.auth = listener.auth
        self.counted_as = f"listener {listener.name}"
        self._decisions: dict[_Key, Decision] = {}
        self._offering: dict[ServerSettings, ServerSettings] = {}
        self._rules: dict[str, InboundRules] = {}
        self._by_policy: dict[tuple[str, bool, bool], ServerSettings] = {}
        # Until the host access table has decided, nothing is promised.
        self.settings = ServerSettings(
            hostname=self.hostname, max_message_size=1, offer_starttls=False, require_tls=False
        )

    def decide(self, ip: str, name: ReverseName, listed: frozenset[str] = NOT_LISTED) -> Decision:
        """Who a client is here, and what the engine is told about it."""
        # Plain values: the hash of an enum's member costs as much as the rest (Python 3.11).
        key = (ip, name.host, name.verified, name.failed, listed)
        decision = self._decisions.get(key)
        if decision is None:
            if len(self._decisions) >= MAX_DECISIONS:
                self._decisions.clear()
            state = name.state
            access = self.hat.match(ip, name.host, state=state, listed=listed)
            settings = self.settings_for(access.policy, tls=self.implicit_tls)
            client = ClientFacts(
                ip=ip, access=access, host=name.host, host_state=state, tls=self.implicit_tls
            )
            rules = self.rules_for(access.policy)
            decision = Decision(access, settings, rules, client, replace(client, tls=True))
            self._decisions[key] = decision
        return decision

    def with_xclient(self, settings: ServerSettings) -> ServerSettings:
        """The same settings for a client that may speak for others."""
        offering = self._offering.get(settings)
        if offering is None:
            offering = self._offering[settings] = replace(settings, offer_xclient=True)
        return offering

    def rules_for(self, policy: MailFlowPolicy) -> InboundRules:
        """The demands of this listener and a policy; made once for each policy."""
        rules = self._rules.get(policy.name)
        if rules is None:
            rules = self._rules[policy.name] = inbound.rules_for(self.entrance, policy)
        return rules

    def context_for(self, policy: MailFlowPolicy | None) -> ServerContext | None:
        """TLS for a client; `policy` None: it begins before anybody knows who the client is."""
        contexts = self.contexts
        if contexts is None:
            return None
        asks = policy is None or policy.verify_client_certificate or self.auth.asks_for_certificate
        return contexts.asking if asks and contexts.asking is not None else contexts.plain

    def settings_for(
        self, policy: MailFlowPolicy, *, tls: bool = False, certificate: bool = False
    ) -> ServerSettings:
        """The engine's settings under a mail flow policy; made once for each policy and state.

        `tls`: the connection is encrypted; `certificate`: the client's proves who it is.
        """
        key = (policy.name, tls, certificate)
        settings = self._by_policy.get(key)
        if settings is None:
            starttls = policy.tls is not TlsDemand.OFF and not self.implicit_tls
            settings = ServerSettings(
                hostname=self.hostname if policy.banner_host is None else policy.banner_host,
                max_message_size=policy.max_message_size,
                max_recipients=policy.max_recipients_per_message,
                offer_starttls=starttls,
                require_tls=policy.tls is TlsDemand.REQUIRED and not self.implicit_tls,
                greeting_text=policy.banner_text,
                greeting_code=policy.banner_code,
                accept_bare_addresses=self.entrance.default_domain is not None,
                auth_mechanisms=offered(policy, self.auth, tls=tls, certificate=certificate),
                auth_needs_tls=policy.auth_needs_tls,
            )
            self._by_policy[key] = settings
        return settings
