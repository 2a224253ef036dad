# SPDX-License-Identifier: Apache-2.0
"""What the operator and the mail flow policy say about a connection, ready to be sent.

Rule: a value that many connections share. Banner and EHLO reply are made once, here, and not for
each client. The driver may give an engine other settings once it knows who the client is.
"""

from dataclasses import dataclass, field

from gatehouse.mail.reply import Reply
from gatehouse.smtp import limits
from gatehouse.smtp.extensions import ehlo_keywords
from gatehouse.smtp.xclient import ATTRIBUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Sizes are positive numbers of octets; `auth_mechanisms` empty: AUTH is not offered."""

    hostname: str
    max_message_size: int
    max_recipients: int = limits.MAX_RECIPIENTS
    offer_starttls: bool
    require_tls: bool
    offer_smtputf8: bool = True
    max_errors: int = limits.MAX_ERRORS
    max_junk_commands: int = limits.MAX_JUNK_COMMANDS
    greeting_text: str = "ESMTP"
    greeting_code: int = 220
    accept_bare_addresses: bool = False  # somebody will put a default domain behind them
    auth_mechanisms: tuple[str, ...] = ()
    auth_needs_tls: bool = True
    offer_xclient: bool = False  # only for addresses that the operator has named
    # Made once for all connections that share the settings.
    banner: bytes = field(init=False, repr=False, compare=False)
    ehlo_clear: bytes = field(init=False, repr=False, compare=False)
    ehlo_tls: bytes = field(init=False, repr=False, compare=False)
    helo: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        def made(name: str, code: int, *lines: str) -> None:
            object.__setattr__(self, name, Reply(code, None, lines).wire())

        made("banner", self.greeting_code, f"{self.hostname} {self.greeting_text}".strip())
        made("helo", 250, self.hostname)
        clear = self._keywords(tls_active=False)
        made("ehlo_clear", 250, self.hostname, *clear)
        made("ehlo_tls", 250, self.hostname, *self._keywords(tls_active=True))

    def _keywords(self, *, tls_active: bool) -> tuple[str, ...]:
        return ehlo_keywords(
            size=self.max_message_size,
            smtputf8=self.offer_smtputf8,
            starttls=self.offer_starttls and not tls_active,
            auth=self.auth_mechanisms if tls_active or not self.auth_needs_tls else (),
            xclient=ATTRIBUTES if self.offer_xclient else (),
            requiretls=tls_active,
        )
