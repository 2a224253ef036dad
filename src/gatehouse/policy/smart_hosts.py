# SPDX-License-Identifier: Apache-2.0
"""Smart hosts: relays that are reached by an SMTP route, with TLS and a login of their own.

Rule: a password goes only where the operator meant it to go. Unless he says otherwise in so many
words, it is sent over TLS whose certificate was verified, and over nothing else: whoever stands in
the middle of unverified TLS reads it as in clear text (RFC 4954 §4, RFC 8314 §4.1).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gatehouse.policy.outbound_tls import Achieved, OutboundTlsLevel


class SmartTls(enum.Enum):
    """How TLS begins."""

    STARTTLS = "starttls"  # RFC 3207
    IMPLICIT = "implicit"  # from the first octet, RFC 8314 §3.3


class PasswordOver(enum.Enum):
    """What a connection must have reached before the password is said."""

    VERIFIED_TLS = "verified-tls"  # the certificate is that of the host
    UNVERIFIED_TLS = "unverified-tls"  # any TLS: stands against passive listening only
    CLEAR_TEXT = "clear-text"  # anything: a host in one's own closed network


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartHost:
    """One relay. Its password lies sealed in the store under `secret_name`."""

    name: str
    host: str
    port: int
    tls_mode: SmartTls = SmartTls.STARTTLS
    level: OutboundTlsLevel = OutboundTlsLevel.REQUIRED_VERIFY_HOSTED
    username: str | None = None
    password_over: PasswordOver = PasswordOver.VERIFIED_TLS

    @property
    def secret_name(self) -> str:
        """The name of its password in the vault."""
        return secret_name(self.name)


def secret_name(smart_host: str) -> str:
    """The name in the vault of the password for a smart host."""
    return f"smart-host/{smart_host}"


_VERIFIED = frozenset({Achieved.VERIFIED, Achieved.VERIFIED_HOSTED})
_ALLOWED: Mapping[PasswordOver, frozenset[Achieved]] = MappingProxyType(
    {
        PasswordOver.VERIFIED_TLS: _VERIFIED,
        PasswordOver.UNVERIFIED_TLS: _VERIFIED | {Achieved.ENCRYPTED},
        PasswordOver.CLEAR_TEXT: frozenset(Achieved),
    }
)


def may_log_in(rule: PasswordOver, achieved: Achieved) -> bool:
    """May the password be said on a connection that has reached this?"""
    return achieved in _ALLOWED[rule]
