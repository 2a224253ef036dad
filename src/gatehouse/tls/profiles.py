# SPDX-License-Identifier: Apache-2.0
"""Which protocol versions, ciphers and groups we speak, and in which order.

Rule: TLS 1.2 and 1.3 (RFC 8996, RFC 8997, RFC 9325 §3.1), forward secrecy always, AEAD first
(RFC 9325 §4.1, §4.2), finite-field DH from 2048 bits only (security level 2 of OpenSSL). A cipher
string is OpenSSL's; the TLS 1.3 suites are not governed by it and stay at the library's default.
"""

import enum

from OpenSSL import SSL


class TlsVersion(enum.Enum):
    """Protocol versions by the name that OpenSSL and the mail log give them."""

    TLS_1_0 = "TLSv1"  # RFC 2246; only for a peer that the operator names, RFC 8996 forbids it
    TLS_1_1 = "TLSv1.1"  # RFC 4346; as above
    TLS_1_2 = "TLSv1.2"  # RFC 5246; the default minimum
    TLS_1_3 = "TLSv1.3"  # RFC 8446

    @property
    def number(self) -> int:
        """The protocol number on the wire, which is also OpenSSL's."""
        return _NUMBERS[self]

    @property
    def needs_level_zero(self) -> bool:
        """Below TLS 1.2 OpenSSL demands security level 0 (SHA-1 and MD5 in the handshake)."""
        return self in (TlsVersion.TLS_1_0, TlsVersion.TLS_1_1)


_NUMBERS = {
    TlsVersion.TLS_1_0: SSL.TLS1_VERSION,
    TlsVersion.TLS_1_1: SSL.TLS1_1_VERSION,
    TlsVersion.TLS_1_2: SSL.TLS1_2_VERSION,
    TlsVersion.TLS_1_3: SSL.TLS1_3_VERSION,
}

# TLS 1.2, server side. AES-128 before AES-256 is RFC 9325's "MUST implement" first and the cheaper
# one; the CBC suites at the end keep MTAs of the Windows 2012 kind out of clear text.
SERVER_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256"
    ":ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384"
    ":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
    ":ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
)

# DHE stands behind every ECDHE AEAD suite: a peer with a small DH group then mostly picks ECDHE,
# and "dh key too small" stays the rare case.
CLIENT_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    ":DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
    ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256"
    ":ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384"
    ":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
    ":ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
    ":DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256"
    ":DHE-RSA-AES128-SHA:DHE-RSA-AES256-SHA"
)

# Appended to a cipher string for the second try at a destination whose DH group is too weak
# (failure "dh key too small"): without DHE the peer picks ECDHE.
WITHOUT_DHE = ":!kDHE"

# Appended to every cipher string: suites without a certificate or without encryption are no TLS
# to us, whatever the string and the level say (RFC 9325 §4.1).
NEVER = ":!aNULL:!eNULL"

SECURITY_LEVEL = 2  # 112 bits: RSA and DH >= 2048, EC >= 224 (SSL_CTX_set_security_level(3))


def cipher_string(ciphers: str, oldest: TlsVersion, level: int | None = None) -> str:
    """The string for OpenSSL with a security level: the one in it, that given, or ours."""
    ciphers += NEVER
    if "@SECLEVEL" in ciphers:
        return ciphers
    if level is None:
        level = 0 if oldest.needs_level_zero else SECURITY_LEVEL
    return f"{ciphers}:@SECLEVEL={level}"
