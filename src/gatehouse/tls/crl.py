# SPDX-License-Identifier: Apache-2.0
"""Revocation lists: reading one, checking that it may be believed, looking a chain up in it.

Rule: RFC 5280 §5 and §6.3 for complete lists that the certificate's issuer signs itself. A list
with a critical extension that we do not process (delta, indirect, partial scope) proves nothing.
What to do when nothing is proven, fail open or fail closed, is the caller's decision.
"""

import enum
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from gatehouse.tls import facets
from gatehouse.tls.certificates import CertificateFault, bounded
from gatehouse.tls.failures import VerifyWord

LARGEST_CRL = 16 * 1024 * 1024  # the largest public lists have some 10 MB; hostile ones any size
_PEM = b"-----BEGIN X509 CRL-----"
# Critical extensions of a list that change nothing for a complete list of its own issuer.
_UNDERSTOOD = frozenset({x509.OID_AUTHORITY_KEY_IDENTIFIER})


_SIGNERS = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)


class ListState(enum.Enum):
    """Whether a list may be believed for one issuer at one moment."""

    GOOD = "good"  # signed by the issuer and current
    OTHER_ISSUER = "it is another issuer's list"  # not an error: sources are mixed
    BAD_SIGNATURE = "its signature does not come from the issuer"
    NOT_ALLOWED = "the issuer's key usage does not allow it to sign lists"
    NOT_YET_VALID = "it is dated in the future"
    STALE = "its next update is overdue"
    UNSUPPORTED = "it is partial, indirect or a delta, or breaks RFC 5280"


class Status(enum.Enum):
    """What the lists say about a chain."""

    GOOD = "good"  # every certificate below the anchor was looked up and is not listed
    REVOKED = "revoked"  # one of them is listed
    UNKNOWN = "unknown"  # for at least one there is no list that may be believed


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate's line in its issuer's list."""

    revoked_at: datetime
    reason: str  # RFC 5280 §5.3.1, "unspecified" when the list gives none


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The answer for a chain: which certificate decided it, and why."""

    status: Status
    position: int = 0  # in the path, the leaf is 0
    entry: Entry | None = None
    text: str = ""

    @property
    def word(self) -> VerifyWord | None:
        """The operator's reason word; whether UNKNOWN counts is the caller's setting."""
        match self.status:
            case Status.GOOD:
                return None
            case Status.REVOKED:
                return VerifyWord.REVOKED
            case Status.UNKNOWN:
                return VerifyWord.CRL_UNAVAILABLE


def read_crl(data: bytes) -> x509.CertificateRevocationList | CertificateFault:
    """A list in DER or PEM."""
    if len(data) > LARGEST_CRL:
        return CertificateFault(f"The revocation list is larger than {LARGEST_CRL // 2**20} MiB")
    try:
        if _PEM in data[:4096]:
            return x509.load_pem_x509_crl(data)
        return x509.load_der_x509_crl(data)
    except facets.BROKEN:
        return CertificateFault("The revocation list cannot be read")


def judge_list(
    revocations: x509.CertificateRevocationList, issuer: x509.Certificate, *, at: datetime
) -> ListState:
    """Whether the list may be believed about certificates of this issuer."""
    moment = at.astimezone(UTC)
    try:
        if revocations.issuer != issuer.subject:
            return ListState.OTHER_ISSUER
        if not _complete(revocations):
            return ListState.UNSUPPORTED
        usage = facets.extension(issuer, x509.KeyUsage)
        if usage is not None and not (isinstance(usage, x509.KeyUsage) and usage.crl_sign):
            return ListState.NOT_ALLOWED
        if not _signed(revocations, issuer):
            return ListState.BAD_SIGNATURE
        if moment < revocations.last_update_utc:
            return ListState.NOT_YET_VALID
        end = revocations.next_update_utc
    except facets.BROKEN:
        return ListState.UNSUPPORTED
    # RFC 5280 §5.1.2.5: nextUpdate must be there; without it a list could be replayed for ever.
    if end is None:
        return ListState.UNSUPPORTED
    return ListState.STALE if moment > end else ListState.GOOD


def look_up(
    revocations: x509.CertificateRevocationList, certificate: x509.Certificate
) -> Entry | None:
    """The certificate's line in a list that `judge_list` found good."""
    try:
        found = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if found is None:
            return None
        revoked_at = found.revocation_date_utc
        reason = found.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, *facets.BROKEN):
        # Listed is listed, whatever else the line holds.
        return Entry(_date_of(revocations, certificate), "unspecified")
    if reason == x509.ReasonFlags.remove_from_crl.value:
        return None
    return Entry(revoked_at, str(reason))


def check_path(
    path: Sequence[x509.Certificate],
    lists: Iterable[x509.CertificateRevocationList],
    *,
    at: datetime,
) -> Revocation:
    """Look up every certificate below the anchor; the worst answer wins."""
    held = tuple(lists)
    unknown: Revocation | None = None
    for position, (certificate, issuer) in enumerate(itertools.pairwise(path)):
        states = [(judge_list(each, issuer, at=at), each) for each in held]
        good = [each for state, each in states if state is ListState.GOOD]
        for each in good:
            entry = look_up(each, certificate)
            if entry is not None:
                text = f"revoked on {entry.revoked_at:%Y-%m-%d}, reason {entry.reason}"
                return Revocation(status=Status.REVOKED, position=position, entry=entry, text=text)
        if not good and unknown is None:
            unknown = Revocation(
                status=Status.UNKNOWN, position=position, text=_why_none([s for s, _ in states])
            )
    return unknown or Revocation(status=Status.GOOD)


def distribution_points(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the certificate says that its list is; shown to people, fetched only when asked for."""
    points = facets.extension(certificate, x509.CRLDistributionPoints)
    if not isinstance(points, x509.CRLDistributionPoints):
        return ()
    return tuple(
        bounded(name.value, 300)
        for point in points
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )[: facets.MOST_URLS]


def _why_none(states: list[ListState]) -> str:
    telling = [each for each in states if each is not ListState.OTHER_ISSUER]
    if not telling:
        return "there is no revocation list of its issuer"
    return f"the issuer's revocation list cannot be used: {telling[0].value}"


def _complete(revocations: x509.CertificateRevocationList) -> bool:
    numbered = False
    for each in revocations.extensions:
        if each.critical and each.oid not in _UNDERSTOOD:
            return False
        if isinstance(each.value, x509.DeltaCRLIndicator | x509.FreshestCRL):
            return False
        numbered = numbered or isinstance(each.value, x509.CRLNumber)
    # RFC 5280 §5.2.3: a conforming CA numbers every list; without it, old ones pass for new.
    return numbered


def _signed(revocations: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, _SIGNERS):
        return False
    return revocations.is_signature_valid(key)


def _date_of(
    revocations: x509.CertificateRevocationList, certificate: x509.Certificate
) -> datetime:
    try:
        found = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if found is not None:
            return found.revocation_date_utc
    except facets.BROKEN:
        pass
    return revocations.last_update_utc
