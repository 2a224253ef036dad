# SPDX-License-Identifier: Apache-2.0
"""A desk: one listener with everything decided that can be decided before a client comes.

When a new revision is applied, new desks take the place of the old ones; sessions that are open
keep theirs and end under the rules with which they began. Only the TLS context of a desk may be
exchanged on its own: the next handshake serves the new certificate, running sessions go on.
"""

from dataclasses import replace

from gatehouse.config.build import ListenerRules
from gatehouse.policy.mail_flow import MailFlowPolicy, TlsDemand
from gatehouse.smtp.server import ServerSettings
from gatehouse.tls.engine import ServerContext


class Desk:
    """What a session needs to know about the listener it came in by."""

    def __init__(self, rules: ListenerRules, context: ServerContext | None) -> None:
        self.name = rules.name
        self.public = rules.public
        self.interface = rules.interface
        self.interface_ip = rules.address
        self.hat = rules.hat
        self.rat = rules.rat
        self.implicit_tls = rules.implicit_tls
        self.command_timeout = rules.command_timeout
        self.max_connections = rules.max_concurrency
        self.context = context
        self.connections = 0
        self._by_policy: dict[str, ServerSettings] = {}
        self.settings = ServerSettings(
            hostname=rules.hostname,
            max_message_size=0,
            offer_starttls=False,
            require_tls=False,
        )

    @property
    def is_full(self) -> bool:
        """More clients than the listener may have at once."""
        return self.connections > self.max_connections

    def settings_for(self, policy: MailFlowPolicy) -> ServerSettings:
        """The engine's settings under a mail flow policy; made once for each policy."""
        settings = self._by_policy.get(policy.name)
        if settings is None:
            starttls = policy.tls is not TlsDemand.OFF and not self.implicit_tls
            settings = replace(
                self.settings,
                max_message_size=policy.max_message_size,
                max_recipients=policy.max_recipients_per_message,
                offer_starttls=starttls,
                require_tls=policy.tls is TlsDemand.REQUIRED and not self.implicit_tls,
                greeting_text=policy.banner_text,
            )
            self._by_policy[policy.name] = settings
        return settings
