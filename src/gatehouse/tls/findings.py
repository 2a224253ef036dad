# SPDX-License-Identifier: Apache-2.0
"""What can be said about a chain: the kinds of findings and the one table of their texts.

Rule: each says what, which certificate, why it matters to a partner, and what to do.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from gatehouse.tls import facets
from gatehouse.tls.certificates import describe, fingerprint


class Kind(enum.Enum):
    """What a finding is about."""

    EMPTY = "no certificate"
    KEY_MISMATCH = "key and certificate do not match"
    UNREADABLE = "unreadable certificate"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    SOON_TO_EXPIRE = "soon to expire"
    WEAK = "weak key or signature"
    CA_FLAG = "CA flag wrong"
    SELF_SIGNED = "self-signed"
    MISSING_INTERMEDIATE = "missing intermediate"
    WRONG_ORDER = "wrong order"
    DUPLICATE = "duplicate certificate"
    STALE = "stale intermediate"
    UNRELATED = "unrelated certificate"
    ROOT_INCLUDED = "root included"
    NO_NAMES = "no usable name"
    NAME_NOT_COVERED = "name not covered"
    TOO_LONG = "chain too long"


class Severity(enum.Enum):
    """How much a finding hurts."""

    ERROR = "error"  # partners that verify refuse, or the handshake fails
    WARNING = "warning"  # some partners refuse, or all will soon
    NOTE = "note"  # costs bytes or order, nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about a chain."""

    kind: Kind
    severity: Severity
    position: int  # in the chain as given, the first is 0; -1: the chain as a whole
    subject: str
    fingerprint: str
    what: str
    why: str
    do: str
    urls: tuple[str, ...] = ()  # where a missing issuer can be fetched


# For each kind: severity, what, why it matters to a partner, what to do.
TEXTS: dict[Kind, tuple[Severity, str, str, str]] = {
    Kind.KEY_MISMATCH: (
        Severity.ERROR,
        "The private key does not belong to the certificate",
        "No handshake can succeed with it",
        "Give the key for which the certificate was made",
    ),
    Kind.UNREADABLE: (
        Severity.ERROR,
        "A field or extension of the certificate cannot be read",
        "Partners reject a certificate that breaks the standard",
        "Have it issued again",
    ),
    Kind.EXPIRED: (
        Severity.ERROR,
        "The certificate expired on {end}",
        "Every partner that verifies refuses the chain",
        "Replace it by its successor",
    ),
    Kind.NOT_YET_VALID: (
        Severity.ERROR,
        "The certificate is valid from {start} only",
        "Every partner that verifies refuses the chain until then",
        "Wait, check the clock, or serve the former certificate until then",
    ),
    Kind.SOON_TO_EXPIRE: (
        Severity.WARNING,
        "The certificate expires on {end}",
        "From then on every partner that verifies refuses the chain",
        "Renew it now",
    ),
    Kind.WEAK: (
        Severity.ERROR,
        "The certificate is weak: {detail}",
        "Current TLS libraries refuse it at their default security level",
        "Have it issued again with an RSA key of 2048 bits or more, or P-256, and SHA-256",
    ),
    Kind.CA_FLAG: (
        Severity.ERROR,
        "{detail}",
        "Partners that verify do not accept a chain through it",
        "Ask the CA for the right certificate",
    ),
    Kind.SELF_SIGNED: (
        Severity.WARNING,
        "The certificate is self-signed",
        "It encrypts, but nobody can verify it without having this very certificate",
        "Send its request (CSR) to a CA and install the signed answer",
    ),
    Kind.MISSING_INTERMEDIATE: (
        Severity.ERROR,
        "The issuer of the certificate is missing: {detail}",
        "Partners that do not happen to know it cannot build a chain, and refuse or defer",
        "Add the issuer's certificate to the chain",
    ),
    Kind.WRONG_ORDER: (
        Severity.WARNING,
        "The certificates are not in the order leaf, issuer, issuer's issuer",
        "TLS 1.2 demands the order, and some older partners refuse another one",
        "Put them in order; this can be done from what is there",
    ),
    Kind.DUPLICATE: (
        Severity.NOTE,
        "The certificate stands in the chain more than once",
        "It costs bytes in each handshake, and some testers report it as a fault",
        "Remove the copy",
    ),
    Kind.STALE: (
        Severity.WARNING,
        "The certificate has the name of an issuer in this chain, but is not the one needed",
        "It is left over from a renewal; partners that take it find no valid chain",
        "Remove it",
    ),
    Kind.UNRELATED: (
        Severity.WARNING,
        "The certificate has nothing to do with this chain",
        "It costs bytes in each handshake, and some partners stumble over it",
        "Remove it",
    ),
    Kind.ROOT_INCLUDED: (
        Severity.NOTE,
        "The root is sent along",
        "Partners trust their own copy only; it costs bytes in each handshake",
        "Leave it out",
    ),
    Kind.NO_NAMES: (
        Severity.ERROR,
        "{detail}",
        "Partners match host names against alternative names (SAN) only",
        "Have it issued again with its host names as SAN",
    ),
    Kind.NAME_NOT_COVERED: (
        Severity.ERROR,
        "The certificate does not cover {detail}",
        "A partner that verifies this name refuses the connection",
        "Have it issued again with this name as SAN, or use a name that it covers",
    ),
    Kind.TOO_LONG: (
        Severity.ERROR,
        "The chain has far more certificates than any honest one",
        "TLS libraries refuse such a handshake",
        "Send the leaf and its intermediates only",
    ),
}

EMPTY = Finding(
    kind=Kind.EMPTY,
    severity=Severity.ERROR,
    position=-1,
    subject="",
    fingerprint="",
    what="There is no certificate",
    why="Nobody can verify a server that shows none",
    do="Install a certificate",
)


def finding(
    kind: Kind, chain: Sequence[x509.Certificate], position: int, *, detail: str = "", do: str = ""
) -> Finding:
    """The finding of this kind about one certificate of the chain."""
    severity, what, why, cure = TEXTS[kind]
    certificate = chain[position]
    what = what.format(
        detail=detail,
        start=f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
        end=f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
    )
    return Finding(
        kind=kind,
        severity=severity,
        position=position,
        subject=describe(certificate),
        fingerprint=fingerprint(facets.der_of(certificate)),
        what=what,
        why=why,
        do=do or cure,
        urls=facets.issuer_urls(certificate) if kind is Kind.MISSING_INTERMEDIATE else (),
    )
