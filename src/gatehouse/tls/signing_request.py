# SPDX-License-Identifier: Apache-2.0
"""The way to a CA and back: a request for a key we hold, and the signed answer checked against it.

Rule: RFC 2986. The request repeats subject and names of the certificate in place; the answer must
hold the very same key, checked before anything is stored, or it would serve a certificate that no
client can use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.tls import diagnosis, facets, pem_input
from gatehouse.tls.certificates import (
    CertificateFault,
    CertifiedKey,
    PrivateKey,
    describe,
    key_matches,
    open_key,
    read_key,
)


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """The key with its signed certificate, and what the operator should know about the chain."""

    certified: CertifiedKey
    completed: diagnosis.Completed


def signing_request(certified: CertifiedKey) -> bytes | CertificateFault:
    """The request as PEM, with subject and alternative names of the certificate in place."""
    opened = open_key(certified)
    if isinstance(opened, CertificateFault):
        return opened
    key, chain = opened
    try:
        builder = x509.CertificateSigningRequestBuilder().subject_name(chain[0].subject)
        names = facets.extension(chain[0], x509.SubjectAlternativeName)
        if isinstance(names, x509.SubjectAlternativeName):
            builder = builder.add_extension(names, critical=False)
        return builder.sign(key, _digest(key)).public_bytes(Encoding.PEM)
    except facets.BROKEN:
        return CertificateFault("The request cannot be made: the subject cannot be written")


def accept_answer(
    key_pem: bytes,
    parts: Sequence[bytes],
    *,
    stored: Sequence[x509.Certificate] = (),
) -> SignedAnswer | CertificateFault:
    """The CA's answer, with or without intermediates, for the key of the request.

    The chain is put in order and completed from what came along and from the stored intermediates;
    roots, duplicates and strangers are left out.
    """
    key = read_key(key_pem, known=True)
    if isinstance(key, CertificateFault):
        return key
    certificates = pem_input.read_certificates_only(parts)
    if isinstance(certificates, CertificateFault):
        return certificates
    own = [each for each in certificates if key_matches(key, each)]
    if not own:
        return CertificateFault(_stranger(certificates))
    signed = [each for each in own if not facets.self_signed(each)]
    if not signed:
        return CertificateFault(
            f"The certificate {describe(own[0])} is self-signed: it is no answer from a CA"
        )
    leaf = max(signed, key=lambda each: each.not_valid_before_utc)
    others = [each for each in certificates if each not in own]
    completed = diagnosis.complete((leaf, *others), stored)
    pem = tuple(each.public_bytes(Encoding.PEM) for each in completed.chain)
    return SignedAnswer(CertifiedKey(key_pem, pem), completed)


def _stranger(certificates: Sequence[x509.Certificate]) -> str:
    if all(facets.is_ca(each) for each in certificates):
        return "The input holds only CA certificates; the certificate for the request is missing"
    leaf = next(each for each in certificates if not facets.is_ca(each))
    return (
        f"The certificate {describe(leaf)} was made for another key than the one held here. "
        "Was the request taken from another object, or before a new key was made?"
    )


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | None:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256:
        return hashes.SHA384()
    return hashes.SHA256()
