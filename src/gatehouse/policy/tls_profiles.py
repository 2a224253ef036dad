# SPDX-License-Identifier: Apache-2.0
"""Named TLS profiles: which versions, ciphers and groups a destination is spoken to with.

Rule: without a profile TLS 1.2 and later, forward secrecy and OpenSSL's security level 2 (RFC 9325
§3.1, §4). Less than that is spoken only where a profile says so in as many words: a version below
1.2 needs `security_level = 0`, and no other field of the configuration lowers the level.
"""

import enum
from dataclasses import dataclass

DEFAULT_SECURITY_LEVEL = 2  # 112 bits: RSA and DH from 2048, EC from 224 (OpenSSL's manual)


class TlsVersionName(enum.Enum):
    """Protocol versions as the configuration writes them."""

    TLS_1_0 = "1.0"  # RFC 8996 forbids it; for a peer that cannot do better
    TLS_1_1 = "1.1"  # as above
    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"

    @property
    def rank(self) -> int:
        """Newer versions have higher numbers."""
        return _ORDER.index(self)

    @property
    def outdated(self) -> bool:
        """RFC 8996 retired it, and OpenSSL speaks it at security level 0 only."""
        return self in (TlsVersionName.TLS_1_0, TlsVersionName.TLS_1_1)


_ORDER = tuple(TlsVersionName)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsProfile:
    """How TLS is spoken; empty `ciphers` and `groups` stand for the built-in lists."""

    name: str = "default"
    min_version: TlsVersionName = TlsVersionName.TLS_1_2
    max_version: TlsVersionName = TlsVersionName.TLS_1_3
    ciphers: str = ""  # OpenSSL's cipher string, for TLS 1.2 and older
    groups: tuple[str, ...] = ()
    security_level: int = DEFAULT_SECURITY_LEVEL

    @property
    def weak(self) -> bool:
        """It allows less than the house's own rule."""
        return self.security_level < DEFAULT_SECURITY_LEVEL or self.min_version.outdated
