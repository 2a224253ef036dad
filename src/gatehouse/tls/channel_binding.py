# SPDX-License-Identifier: Apache-2.0
"""What ties an authentication to its TLS connection: channel bindings of the server (RFC 5056).

Somebody in the middle has two connections with different bindings, so a proof made for one is worth
nothing on the other. tls-exporter (RFC 9266) where TLS is 1.3; with TLS 1.2 it would be safe only
with the extended master secret, which our library does not tell. tls-server-end-point (RFC 5929 §4)
always, unless the certificate is signed in a way for which no hash is defined.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gatehouse.tls.engine import TlsSession

EXPORTER = "tls-exporter"
END_POINT = "tls-server-end-point"

_LABEL = b"EXPORTER-Channel-Binding"  # RFC 9266 §2
_OCTETS = 32  # the same
_WEAK = (hashes.MD5, hashes.SHA1)  # RFC 5929 §4.1: SHA-256 takes their place


def channel_bindings(session: TlsSession) -> tuple[tuple[str, bytes], ...]:
    """Type and data of every binding of a finished handshake on the server's side."""
    found: list[tuple[str, bytes]] = []
    if session.report().protocol == "TLSv1.3":
        found.append((EXPORTER, session.export(_LABEL, _OCTETS)))
    own = session.own_certificate()
    end_point = None if own is None else end_point_hash(own)
    if end_point is not None:
        found.append((END_POINT, end_point))
    return tuple(found)


def end_point_hash(certificate: bytes) -> bytes | None:
    """RFC 5929 §4.1: the certificate, hashed as its signature is."""
    algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None:
        return None
    if isinstance(algorithm, _WEAK):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return digest.finalize()
