# SPDX-License-Identifier: Apache-2.0
"""Single questions to one certificate, answered without raising, whatever the certificate holds.

Rule: a certificate is a stranger's data. An extension that cannot be read is told apart from one
that is not there (`Unreadable`), because "absent" is a licence in RFC 5280 and "broken" is not.
"""

import enum
import hashlib
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID

from gatehouse.tls.certificates import bounded

MOST_URLS = 8  # of one certificate; more is no help to anybody

# All that the library raises for what a stranger wrote into a certificate; the TypeError is for a
# name constraint with an address mask that is none.
BROKEN = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

NameKey = tuple[tuple[str, str], ...]
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Unreadable(enum.Enum):
    """The certificate's extensions are damaged, doubled or not understood at all."""

    EXTENSIONS = "its extensions cannot be read"


def extension(
    certificate: x509.Certificate, kind: type[_Extension]
) -> _Extension | Literal[Unreadable.EXTENSIONS] | None:
    """One extension's value; None when it is not there."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except BROKEN:
        return Unreadable.EXTENSIONS


def readable(certificate: x509.Certificate) -> bool:
    """Whether names, key and extensions can be read at all."""
    try:
        _ = certificate.extensions, certificate.subject, certificate.issuer
        certificate.public_key()
    except BROKEN:
        return False
    return True


def der_of(certificate: x509.Certificate) -> bytes:
    """The certificate as it stands on the wire."""
    return certificate.public_bytes(Encoding.DER)


def digest(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the whole certificate: its identity in every comparison here."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def key_digest(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the public key (SubjectPublicKeyInfo), as in a TLSA record with selector 1."""
    try:
        key = certificate.public_key()
    except BROKEN:
        return digest(certificate)
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()


def subject_key(certificate: x509.Certificate) -> NameKey | None:
    """The subject in the form in which names are compared; None when it is empty or unreadable."""
    try:
        return _name_key(certificate.subject) or None
    except ValueError:
        return None


def issuer_key(certificate: x509.Certificate) -> NameKey | None:
    """The issuer in the form in which names are compared; None when it is empty or unreadable."""
    try:
        return _name_key(certificate.issuer) or None
    except ValueError:
        return None


def issuer_text(certificate: x509.Certificate) -> str:
    """The issuer's name for a message: printable and bounded."""
    try:
        return bounded(certificate.issuer.rfc4514_string()) or "without a name"
    except ValueError:
        return "with an unreadable name"


def self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer (RFC 5280 §3.2); a rollover does so as well."""
    subject = subject_key(certificate)
    return subject is not None and subject == issuer_key(certificate)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature."""
    try:
        if certificate.issuer != issuer.subject:
            # Same name in another string type: OpenSSL decides such a link (RFC 5280 §7.1).
            return True
        certificate.verify_directly_issued_by(issuer)
    except (TypeError, InvalidSignature):
        return False
    except (ValueError, UnsupportedAlgorithm):
        # The library no longer checks SHA-1 and MD5. OpenSSL decides, and the link counts as weak:
        # the operator must hear "weak", not "unknown issuer".
        return weak_signature(certificate) is not None
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    """A root, or a leaf that vouches for itself."""
    return self_issued(certificate) and signed_by(certificate, certificate)


def key_identifiers_differ(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether both name a key identifier and it is not the same one (RFC 5280 §4.2.1.1)."""
    wanted = extension(certificate, x509.AuthorityKeyIdentifier)
    held = extension(issuer, x509.SubjectKeyIdentifier)
    if not isinstance(wanted, x509.AuthorityKeyIdentifier):
        return False
    if not isinstance(held, x509.SubjectKeyIdentifier) or wanted.key_identifier is None:
        return False
    return wanted.key_identifier != held.digest


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether basicConstraints says CA."""
    constraints = extension(certificate, x509.BasicConstraints)
    return isinstance(constraints, x509.BasicConstraints) and constraints.ca


def may_sign_certificates(certificate: x509.Certificate) -> bool:
    """CA, and key usage, where present, allows keyCertSign."""
    usage = extension(certificate, x509.KeyUsage)
    if usage is Unreadable.EXTENSIONS:
        return False
    return is_ca(certificate) and (usage is None or usage.key_cert_sign)


def issuer_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the issuer's certificate can be fetched (AIA caIssuers); clean text, never fetched."""
    access = extension(certificate, x509.AuthorityInformationAccess)
    if not isinstance(access, x509.AuthorityInformationAccess):
        return ()
    found = [
        bounded(each.access_location.value, 300)
        for each in access
        if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ]
    return tuple(found[:MOST_URLS])


def weak_key(certificate: x509.Certificate, *, min_rsa_bits: int) -> str | None:
    """What is weak about the key, in words; the bound is OpenSSL's security level 2 by default."""
    try:
        key = certificate.public_key()
    except BROKEN:
        return "its key is of a kind that is not supported"
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < min_rsa_bits:
            return f"its RSA key has {key.key_size} bits; at least {min_rsa_bits} are needed"
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < _SMALLEST_CURVE:
            return f"its EC key has {key.key_size} bits; at least {_SMALLEST_CURVE} are needed"
        return None
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return None
    if isinstance(key, dsa.DSAPublicKey):
        return "its key is DSA, which no current TLS version uses"
    return "its key cannot be used for signatures in TLS"


_SMALLEST_CURVE = 224  # OpenSSL's security level 2: 112 bits
_WEAK_DIGESTS = frozenset({"md5", "sha1"})


def weak_signature(certificate: x509.Certificate) -> str | None:
    """What is weak about the signature on it, in words (collisions: SHA-1 since 2017)."""
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "its signature algorithm is not supported"
    if used is not None and used.name in _WEAK_DIGESTS:
        return f"its signature uses {used.name.upper()}, which can be forged"
    return None


def _name_key(name: x509.Name) -> NameKey:
    """RFC 5280 §7.1: case and runs of blanks do not count, nor does the string type."""
    return tuple((each.oid.dotted_string, _folded(each.value)) for rdn in name.rdns for each in rdn)


def _folded(value: str | bytes) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return " ".join(text.casefold().split())
