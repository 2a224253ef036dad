# SPDX-License-Identifier: Apache-2.0
"""A desk: one listener with everything decided that can be decided before a client comes.

When a new revision is applied, new receivers with new desks take the place of the old ones;
sessions that are open keep theirs and end under the rules with which they began.
"""

from dataclasses import dataclass

from gatehouse.config.running import Listener, ListenerType, TlsMode
from gatehouse.policy.access import AccessMatch
from gatehouse.policy.mail_flow import MailFlowPolicy, TlsDemand
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.tls.engine import ServerContext

# Decisions that a desk remembers; when there are more, all are forgotten and found again.
MAX_DECISIONS = 4096
_PRIVATE_172 = frozenset(str(n) for n in range(16, 32))


@dataclass(frozen=True, slots=True)
class Decision:
    """What the host access table said about an address with its confirmed name."""

    access: AccessMatch
    settings: ServerSettings
    word: str  # the behaviour as the log writes it
    score: str  # the reputation as the log writes it


class Desk:
    """What a session needs to know about the listener it came in by."""

    def __init__(self, listener: Listener, context: ServerContext | None) -> None:
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
        self.context = context
        self.counted_as = f"listener {listener.name}"
        self._decisions: dict[tuple[str, str | None], Decision] = {}
        self._by_policy: dict[str, ServerSettings] = {}
        # Until the host access table has decided, nothing is promised.
        self.settings = ServerSettings(
            hostname=self.hostname, max_message_size=1, offer_starttls=False, require_tls=False
        )

    def decide(self, ip: str, host: str | None) -> Decision:
        """Who a client is here, and what the engine is told about it."""
        key = (ip, host)
        decision = self._decisions.get(key)
        if decision is None:
            if len(self._decisions) >= MAX_DECISIONS:
                self._decisions.clear()
            access = self.hat.match(ip, host)
            settings = self.settings_for(access.policy)
            decision = Decision(access, settings, access.behavior.name, _score(ip))
            self._decisions[key] = decision
        return decision

    def settings_for(self, policy: MailFlowPolicy) -> ServerSettings:
        """The engine's settings under a mail flow policy; made once for each policy."""
        settings = self._by_policy.get(policy.name)
        if settings is None:
            starttls = policy.tls is not TlsDemand.OFF and not self.implicit_tls
            settings = ServerSettings(
                hostname=self.hostname if policy.banner_host is None else policy.banner_host,
                max_message_size=policy.max_message_size,
                max_recipients=policy.max_recipients_per_message,
                offer_starttls=starttls,
                require_tls=policy.tls is TlsDemand.REQUIRED and not self.implicit_tls,
                greeting_text=policy.banner_text,
            )
            self._by_policy[policy.name] = settings
        return settings


def _score(ip: str) -> str:
    """The reputation word of the log: there is no score source, private addresses say so."""
    private = ip.startswith(("10.", "192.168.")) or (
        ip.startswith("172.") and ip.split(".")[1] in _PRIVATE_172
    )
    return "rfc1918" if private else "None"
