# SPDX-License-Identifier: Apache-2.0
"""Certificates with their keys: making self-signed ones, reading what is brought, matching both.

Rule: a key is checked against its certificate before anything is saved or served, and a private key
never shows: not in a repr, not in a message. Profile of what we make: RFC 5280; names are subject
alternative names (RFC 9525 §2), and a common name that is a host name is always among them.

The clock and the serial number come from the caller.
"""

import enum
import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

DEMO_COMMON_NAME = "Gatehouse Demo Certificate"
DEMO_DAYS = 3650  # made at first start for tests; nobody should meet its end in a running demo

LARGEST_PEM = 1024 * 1024  # certificates of 1 MB are an attack; all of Mozilla's roots are 220 KB
MOST_CERTIFICATES = 1000  # in one file; Mozilla's list holds about 140
LONGEST_DAYS = 36_500  # a hundred years; also keeps the dates inside RFC 5280 §4.1.2.5
_LARGEST_RSA = 16_384  # OPENSSL_RSA_MAX_MODULUS_BITS; using it costs the cube of its size
_EXPONENT = 65_537

# RFC 1123 §2.1 labels of letters, digits and hyphens, at least one dot; a wildcard in front.
_HOST_LIKE = re.compile(
    r"(?:\*\.)?(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-)){1,126}", re.ASCII
)
_PEM_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----"
    rb"[^-]{1,200000}"
    rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_PEM_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----")
_BEGIN_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")


class KeyKind(enum.Enum):
    """The keys that we make. RSA-4096 costs five times RSA-3072 for each handshake."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P256 = "p-256"  # the default: the cheapest handshake that every MTA can do
    P384 = "p-384"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The subject of a certificate; what is empty is left out."""

    common_name: str
    organization: str = ""
    organizational_unit: str = ""
    locality: str = ""
    state: str = ""
    country: str = ""  # two letters, ISO 3166


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfSigned:
    """What a self-signed certificate shall say."""

    subject: Subject
    alternative_names: tuple[str, ...] = ()  # host names (also `*.` ones) and IP addresses
    days: int = 365
    key_kind: KeyKind = KeyKind.P256


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A private key with its certificate and the intermediates behind it, as PEM."""

    key_pem: bytes = field(repr=False)
    chain_pem: tuple[bytes, ...]  # the leaf first, one certificate each


@dataclass(frozen=True, slots=True)
class CertificateFault:
    """Why key material was refused, in words for the operator."""

    text: str


def create_key(kind: KeyKind) -> PrivateKey:
    """A new private key; the only randomness is the library's own."""
    match kind:
        case KeyKind.RSA_2048:
            return rsa.generate_private_key(_EXPONENT, 2048)
        case KeyKind.RSA_3072:
            return rsa.generate_private_key(_EXPONENT, 3072)
        case KeyKind.RSA_4096:
            return rsa.generate_private_key(_EXPONENT, 4096)
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())


def create_self_signed(
    wanted: SelfSigned, *, now: datetime, serial: int
) -> CertifiedKey | CertificateFault:
    """A new key and its self-signed certificate, good from `now` (with a time zone) on."""
    names = _wanted_names(wanted)
    if isinstance(names, CertificateFault):
        return names
    if not 1 <= wanted.days <= LONGEST_DAYS:
        return CertificateFault(f"Days must be between 1 and {LONGEST_DAYS}, not {wanted.days}")
    try:
        subject = _name(wanted.subject)
    except ValueError as error:
        return CertificateFault(f"The subject cannot be written: {error}")
    key = create_key(wanted.key_kind)
    try:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=wanted.days))
        )
        signed = _with_extensions(builder, key, names).sign(key, _digest(key))
    except (ValueError, OverflowError) as error:
        return CertificateFault(f"The certificate cannot be made: {error}")
    return CertifiedKey(pem_of_key(key), (signed.public_bytes(serialization.Encoding.PEM),))


def create_demo(*, now: datetime, serial: int) -> CertifiedKey:
    """The Demo certificate: encrypts, proves nothing. Made per installation, never shipped."""
    made = create_self_signed(
        SelfSigned(subject=Subject(common_name=DEMO_COMMON_NAME), days=DEMO_DAYS),
        now=now,
        serial=serial,
    )
    if isinstance(made, CertificateFault):
        raise ValueError(made.text)
    return made


def load(
    key_pem: bytes, certificates_pem: bytes, *, password: bytes | None = None
) -> CertifiedKey | CertificateFault:
    """A key and its chain as brought by an operator: parsed, matched, normalised."""
    key = read_key(key_pem, password=password)
    if isinstance(key, CertificateFault):
        return key
    chain = read_certificates(certificates_pem)
    if isinstance(chain, CertificateFault):
        return chain
    leaf = next((each for each in chain if key_matches(key, each)), None)
    if leaf is None:
        return CertificateFault(_MISMATCH.format(subject=describe(chain[0])))
    rest = [each for each in chain if each != leaf]
    pem = tuple(each.public_bytes(serialization.Encoding.PEM) for each in (leaf, *rest))
    return CertifiedKey(pem_of_key(key), pem)


_MISMATCH = "The private key does not belong to the certificate {subject}"


def open_key(
    certified: CertifiedKey,
) -> tuple[PrivateKey, tuple[x509.Certificate, ...]] | CertificateFault:
    """The objects behind a CertifiedKey, with the key matched against the leaf."""
    key = read_key(certified.key_pem, known=True)
    if isinstance(key, CertificateFault):
        return key
    chain = read_certificates(b"\n".join(certified.chain_pem))
    if isinstance(chain, CertificateFault):
        return chain
    if not key_matches(key, chain[0]):
        return CertificateFault(_MISMATCH.format(subject=describe(chain[0])))
    return key, chain


def read_key(
    pem: bytes, *, password: bytes | None = None, known: bool = False
) -> PrivateKey | CertificateFault:
    """One private key in PEM (PKCS#8, PKCS#1 or SEC 1), also encrypted.

    A `known` key was made or read here before: the test of its primes is left out, which for
    RSA-4096 takes half a second and holds everything else up meanwhile.
    """
    if len(pem) > LARGEST_PEM:
        return CertificateFault("The private key file is too large")
    if len(_PEM_KEY.findall(pem)) > 1:
        return CertificateFault("There is more than one private key")
    try:
        key = serialization.load_pem_private_key(
            pem, password, unsafe_skip_rsa_key_validation=known
        )
    except TypeError:
        return CertificateFault(
            "The private key is encrypted; its passphrase is needed"
            if password is None
            else "A passphrase was given, but the private key is not encrypted"
        )
    except (ValueError, UnsupportedAlgorithm):
        # The library's text may quote what it read: it does not go any further.
        return CertificateFault(
            "The private key cannot be read"
            if password is None
            else "The private key cannot be read; wrong passphrase?"
        )
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size > _LARGEST_RSA:
            return CertificateFault(f"The RSA key is larger than {_LARGEST_RSA} bits")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return key
    return CertificateFault("The private key is neither RSA nor EC nor Ed25519")


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...] | CertificateFault:
    """All certificates of a PEM text, in its order; text around them is passed over.

    A private key among them is refused, and a certificate that is cut off is never passed over.
    """
    if len(pem) > LARGEST_PEM:
        return CertificateFault("The certificate file is too large")
    if _PEM_KEY.search(pem) is not None:
        return CertificateFault("There is a private key where certificates belong")
    blocks = _PEM_CERTIFICATE.findall(pem)
    if len(blocks) != len(_BEGIN_CERTIFICATE.findall(pem)):
        return CertificateFault("A certificate is cut off or damaged")
    if not blocks:
        return CertificateFault("There is no certificate in PEM form")
    if len(blocks) > MOST_CERTIFICATES:
        return CertificateFault(f"There are more than {MOST_CERTIFICATES} certificates")
    chain: list[x509.Certificate] = []
    for number, block in enumerate(blocks, 1):
        try:
            certificate = x509.load_pem_x509_certificate(block)
            certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            return CertificateFault(f"Certificate {number} cannot be read")
        chain.append(certificate)
    return tuple(chain)


def key_matches(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the certificate holds the public half of this key."""
    return _public_der(key.public_key()) == _public_der(certificate.public_key())


def fingerprint(der: bytes) -> str:
    """SHA-256 over the whole certificate, as upper-case pairs with colons."""
    return hashlib.sha256(der).digest().hex(":").upper()


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Host names that choose this certificate by SNI, in lower case: the SANs, else the CN."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = []
    if not names:
        names = [str(each.value) for each in _common_names(certificate)]
    return frozenset(name.lower().rstrip(".") for name in names if is_host_like(name.rstrip(".")))


def is_host_like(name: str) -> bool:
    """Whether the text is a host name with a dot in it, perhaps with a wildcard label in front."""
    return len(name) <= 253 and _HOST_LIKE.fullmatch(name) is not None


def describe(certificate: x509.Certificate) -> str:
    """The subject for a message: printable and bounded."""
    try:
        return bounded(certificate.subject.rfc4514_string()) or "without a subject"
    except ValueError:
        return "with an unreadable subject"


def bounded(text: str, limit: int = 200) -> str:
    """Text from a certificate for an operator: no control characters, not too long."""
    clean = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return clean if len(clean) <= limit else clean[:limit] + "…"


def pem_of_key(key: PrivateKey) -> bytes:
    """PKCS#8 without encryption: for memory, and for a vault that encrypts."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _common_names(certificate: x509.Certificate) -> list[x509.NameAttribute[str | bytes]]:
    try:
        return list(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    except ValueError:
        return []


def _public_der(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | None:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256:
        return hashes.SHA384()
    return hashes.SHA256()


def _name(subject: Subject) -> x509.Name:
    fields = (
        (NameOID.COUNTRY_NAME, subject.country),
        (NameOID.STATE_OR_PROVINCE_NAME, subject.state),
        (NameOID.LOCALITY_NAME, subject.locality),
        (NameOID.ORGANIZATION_NAME, subject.organization),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, subject.organizational_unit),
        (NameOID.COMMON_NAME, subject.common_name),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in fields if value])


def _wanted_names(wanted: SelfSigned) -> list[x509.GeneralName] | CertificateFault:
    common_name = wanted.subject.common_name
    if not common_name or not common_name.isprintable():
        return CertificateFault("The common name is empty or holds control characters")
    texts = list(wanted.alternative_names)
    if is_host_like(common_name) and common_name.lower() not in (each.lower() for each in texts):
        texts.insert(0, common_name)
    names: list[x509.GeneralName] = []
    for text in dict.fromkeys(each.lower().rstrip(".") for each in texts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(text)))
        except ValueError:
            if not (is_host_like(text) or is_host_like(f"{text}.localdomain")):
                return CertificateFault(
                    f"Not a host name or IP address (write U-labels as xn--): {bounded(text)!r}"
                )
            names.append(x509.DNSName(text))
    return names


def _with_extensions(
    builder: x509.CertificateBuilder, key: PrivateKey, names: list[x509.GeneralName]
) -> x509.CertificateBuilder:
    """A leaf that is no CA (RFC 5280 §4.2.1.9), for server and client side of SMTP."""
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=isinstance(key, rsa.RSAPrivateKey),
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder
