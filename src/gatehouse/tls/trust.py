# SPDX-License-Identifier: Apache-2.0
"""What a certificate is to a trust store, and what to tell an operator who adds it.

Rule: what the operator puts into the custom list is an anchor, whatever it is
(`paths.trust_store`). So nothing is refused that could be used; but whoever adds an intermediate or
a leaf is told when it will stop to fit. A certificate that can never verify anything is refused
with the reason.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from gatehouse.tls import facets
from gatehouse.tls.certificates import describe, fingerprint

LONGEST_FRIENDLY_NAME = 64
_SOON = timedelta(days=30)


class Role(enum.Enum):
    """What a certificate is by its own look."""

    ROOT = "root"  # a self-signed CA
    CROSS_SIGNED = "cross-signed anchor"  # its subject and key are those of a known root
    INTERMEDIATE = "intermediate"  # a CA that another CA signed
    SELF_SIGNED_LEAF = "self-signed leaf"  # the usual certificate of a device
    LEAF = "leaf"  # signed by a CA, no CA itself


class Refusal(enum.Enum):
    """Why a certificate cannot be used at all."""

    EXPIRED = "it has expired"
    DUPLICATE = "it is already in the list"
    UNREADABLE = "its extensions cannot be read"
    CA_FLAG = "it has signed other certificates here, but is not marked as a CA"
    WEAK_KEY = "its key is too weak"


class Advice(enum.Enum):
    """What the operator should know about an entry that will work."""

    NOT_YET_VALID = "it is not valid yet; until then nothing verifies with it"
    EXPIRES_SOON = "it expires within 30 days"
    INTERMEDIATE = "it is an intermediate: it stops to fit when the CA rotates its intermediates"
    CROSS_SIGNED = "it is a cross-signed copy of a root; the self-signed root lasts longer"
    LEAF = "it is a server's own certificate: it stops to fit at the next renewal"
    MISSING_ROOT = "its issuer is in no list; it is trusted by itself, without the root behind it"
    SAME_KEY = "the list holds another certificate with the same name and key"
    NO_KEY_CERT_SIGN = "its key usage does not allow it to sign certificates; only itself matches"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustEntry:
    """All that a list shows of one certificate."""

    role: Role
    subject: str
    issuer: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    usable: bool
    refusal: Refusal | None
    advice: tuple[Advice, ...]
    twin: str | None  # fingerprint of the self-signed root that could be trusted instead
    friendly_name: str  # a proposal, made safe


def inspect(
    certificate: x509.Certificate,
    *,
    custom: Sequence[x509.Certificate] = (),
    system: Sequence[x509.Certificate] = (),
    together: Sequence[x509.Certificate] = (),
    now: datetime,
    taken_names: frozenset[str] = frozenset(),
) -> TrustEntry:
    """Look at a certificate before it is added; `together` are the others of the same file.

    `taken_names` are friendly names already taken.
    """
    known = [*custom, *system, *together]
    role = classify(certificate, known)
    refusal = _refusal(certificate, role, custom, [*custom, *together], now.astimezone(UTC))
    twin = _twin(certificate, known) if role is Role.CROSS_SIGNED else None
    return TrustEntry(
        role=role,
        subject=describe(certificate),
        issuer=facets.issuer_text(certificate),
        fingerprint=fingerprint(facets.der_of(certificate)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        usable=refusal is None,
        refusal=refusal,
        advice=_advice(certificate, role, known, now.astimezone(UTC)),
        twin=None if twin is None else fingerprint(facets.der_of(twin)),
        friendly_name=friendly_name(certificate, taken_names),
    )


def classify(certificate: x509.Certificate, known: Iterable[x509.Certificate] = ()) -> Role:
    """The role of a certificate; roots among `known` tell a cross-signed copy apart."""
    own = facets.self_signed(certificate)
    if not facets.is_ca(certificate):
        # A root of version 1 has no extensions at all and is one by being self-signed.
        if own and certificate.version is x509.Version.v1:
            return Role.ROOT
        return Role.SELF_SIGNED_LEAF if own else Role.LEAF
    if own:
        return Role.ROOT
    return Role.INTERMEDIATE if _twin(certificate, known) is None else Role.CROSS_SIGNED


def friendly_name(certificate: x509.Certificate, taken: frozenset[str] = frozenset()) -> str:
    """A name for the list from the subject: letters, digits, dots, hyphens; numbered if taken."""
    parts = [part.partition("=") for part in describe(certificate).split(",")]
    parts.sort(key=lambda part: part[0].strip() != "CN")  # the common name, else what comes first
    source = next((value for _, _, value in parts if value.strip()), "certificate")
    clean = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in source)
    base = clean.strip("-.")[:LONGEST_FRIENDLY_NAME] or "certificate"
    if base not in taken:
        return base
    for number in range(2, len(taken) + 3):
        numbered = f"{base[: LONGEST_FRIENDLY_NAME - 6]}-{number}"
        if numbered not in taken:
            return numbered
    raise AssertionError("more names tried than are taken")


def _refusal(
    certificate: x509.Certificate,
    role: Role,
    custom: Sequence[x509.Certificate],
    others: Sequence[x509.Certificate],
    now: datetime,
) -> Refusal | None:
    if not facets.readable(certificate):
        return Refusal.UNREADABLE
    if any(facets.digest(each) == facets.digest(certificate) for each in custom):
        return Refusal.DUPLICATE
    if now > certificate.not_valid_after_utc:
        return Refusal.EXPIRED
    if facets.weak_key(certificate, min_rsa_bits=_MIN_RSA_BITS) is not None:
        return Refusal.WEAK_KEY
    if role in (Role.LEAF, Role.SELF_SIGNED_LEAF) and _issued_any(certificate, others):
        return Refusal.CA_FLAG
    return None


_MIN_RSA_BITS = 2048  # as chain.MIN_RSA_BITS: an anchor below it makes every chain fail


def _issued_any(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> bool:
    subject = facets.subject_key(certificate)
    return any(
        facets.issuer_key(each) == subject
        and facets.digest(each) != facets.digest(certificate)
        and facets.signed_by(each, certificate)
        for each in others
        if subject is not None
    )


def _advice(
    certificate: x509.Certificate, role: Role, known: Sequence[x509.Certificate], now: datetime
) -> tuple[Advice, ...]:
    advice: list[Advice] = []
    if now < certificate.not_valid_before_utc:
        advice.append(Advice.NOT_YET_VALID)
    if now <= certificate.not_valid_after_utc < now + _SOON:
        advice.append(Advice.EXPIRES_SOON)
    by_role = {
        Role.INTERMEDIATE: Advice.INTERMEDIATE,
        Role.CROSS_SIGNED: Advice.CROSS_SIGNED,
        Role.LEAF: Advice.LEAF,
        Role.SELF_SIGNED_LEAF: Advice.LEAF,
    }
    if role in by_role:
        advice.append(by_role[role])
    if facets.is_ca(certificate) and not facets.may_sign_certificates(certificate):
        advice.append(Advice.NO_KEY_CERT_SIGN)
    if role in (Role.INTERMEDIATE, Role.CROSS_SIGNED) and not _issuer_held(certificate, known):
        advice.append(Advice.MISSING_ROOT)
    if any(_same_name_and_key(certificate, each) for each in known):
        advice.append(Advice.SAME_KEY)
    return tuple(advice)


def _issuer_held(certificate: x509.Certificate, known: Sequence[x509.Certificate]) -> bool:
    issuer = facets.issuer_key(certificate)
    return any(
        facets.subject_key(each) == issuer and facets.signed_by(certificate, each) for each in known
    )


def _twin(
    certificate: x509.Certificate, known: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    return next(
        (e for e in known if _same_name_and_key(certificate, e) and facets.self_signed(e)), None
    )


def _same_name_and_key(one: x509.Certificate, other: x509.Certificate) -> bool:
    return (
        facets.digest(one) != facets.digest(other)
        and facets.subject_key(one) is not None
        and facets.subject_key(one) == facets.subject_key(other)
        and facets.key_digest(one) == facets.key_digest(other)
    )
