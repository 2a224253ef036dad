# SPDX-License-Identifier: Apache-2.0
"""What a cipher string means: the suites that OpenSSL would really use, in their order.

A string may name suites that the security level or the versions rule out. So the library is not
asked for its list but made to write a ClientHello, and what stands in that is the answer
(RFC 8446 §4.1.2).
"""

from dataclasses import dataclass

from OpenSSL import SSL

from gatehouse.tls import binding, contexts
from gatehouse.tls.contexts import ClientTlsSettings

_RANDOM_END = 5 + 4 + 2 + 32  # record header, message header, version, random
_EPHEMERAL = ("ECDHE-", "DHE-", "TLS_")  # TLS 1.3 knows nothing else
_AEAD = ("GCM", "POLY1305", "CCM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One cipher suite."""

    name: str  # OpenSSL's
    protocol: str  # the oldest version that it belongs to: "TLSv1.3", "TLSv1.2", "SSLv3" and older
    bits: int  # of the encryption
    forward_secrecy: bool
    aead: bool


def expand(settings: ClientTlsSettings) -> tuple[Suite, ...]:
    """The suites of these settings, the first choice first; raises TlsSetupError."""
    context = contexts.client_context(settings, on_verify=_refuse)
    connection = SSL.Connection(context)
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return tuple(_suites(connection, connection.bio_read(_MOST)))
    except SSL.Error:
        pass
    binding.forget_errors()
    raise contexts.TlsSetupError(
        f"No usable cipher in the cipher list {settings.ciphers!r} at this level and these versions"
    )


_MOST = 65_536


def _suites(connection: SSL.Connection, hello: bytes) -> list[Suite]:
    begin = _RANDOM_END + 1 + hello[_RANDOM_END]  # behind the session id
    size = int.from_bytes(hello[begin : begin + 2], "big")
    codes = hello[begin + 2 : begin + 2 + size]
    found = [binding.cipher_suite(connection, codes[at : at + 2]) for at in range(0, size, 2)]
    return [_suite(*one) for one in found if one is not None]


def _suite(name: str, protocol: str, bits: int) -> Suite:
    return Suite(
        name=name,
        protocol=protocol,
        bits=bits,
        forward_secrecy=name.startswith(_EPHEMERAL),
        aead=any(word in name for word in _AEAD),
    )


def _refuse(*_: object) -> bool:
    return False  # no certificate ever comes
