# SPDX-License-Identifier: Apache-2.0
"""What operators paste and upload: key, leaf and chain, in any order and any wrapping.

Rule: forgiving about the wrapping (CRLF, byte order marks, UTF-16, text around, bare base64, DER,
PKCS#7, several files) and unforgiving about the content: a block that is cut off is never passed
over, two keys are never guessed between, and a private key where only certificates belong is
refused without a byte of it in the answer.

Formats: RFC 7468 (PEM), RFC 5652 (PKCS#7 `.p7b`), X.690 (DER).
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gatehouse.tls import der, facets
from gatehouse.tls.certificates import (
    LARGEST_PEM,
    MOST_CERTIFICATES,
    CertificateFault,
    CertifiedKey,
    PrivateKey,
    describe,
    key_matches,
    pem_of_key,
    read_key,
)

_MOST_FILES = 20  # in one upload
_LABEL = r"[A-Z0-9#](?:[A-Z0-9# ]{0,38}[A-Z0-9#])?"
_BLOCK = re.compile(
    rf"-----BEGIN (?P<label>{_LABEL})-----"
    # Old encrypted keys have headers with hyphens; five of them in a row end the body.
    r"(?P<body>[^-]*(?:-(?!----)[^-]*)*)"
    r"-----END (?P=label)-----".encode()
)
_BEGIN = re.compile(rb"-----BEGIN ")
_CERTIFICATE_LABELS = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})
_P7_LABELS = frozenset({b"PKCS7", b"PKCS #7 SIGNED DATA", b"CMS"})
_REQUEST_LABELS = frozenset({b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"})
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_SIGNED_DATA = "1.2.840.113549.1.7.2"  # RFC 5652 §5.1
_KEY_HERE = (
    "There is a private key where only certificates belong. It was not stored; since it was sent "
    "here, consider whether it should be replaced"
)


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What was found in the input: at most one key, and the certificates in their order."""

    key: PrivateKey | None = field(repr=False)
    certificates: tuple[x509.Certificate, ...]


@dataclass(slots=True)
class _Found:
    keys: list[bytes] = field(default_factory=list, repr=False)
    certificates: list[bytes] = field(default_factory=list)  # DER


def read_material(
    parts: Sequence[bytes], *, password: bytes | None = None
) -> KeyMaterial | CertificateFault:
    """Everything in one or several pieces of input, a private key among it or not."""
    found = _collect(parts)
    if isinstance(found, CertificateFault):
        return found
    certificates = _parse(found.certificates)
    if isinstance(certificates, CertificateFault):
        return certificates
    keys = list(dict.fromkeys(found.keys))
    if len(keys) > 1:
        return CertificateFault("There is more than one private key; give exactly one")
    if not keys:
        return KeyMaterial(None, certificates)
    key = read_key(keys[0], password=password)
    return key if isinstance(key, CertificateFault) else KeyMaterial(key, certificates)


def read_certificates_only(
    parts: Sequence[bytes],
) -> tuple[x509.Certificate, ...] | CertificateFault:
    """The certificates of an input in which no private key has any business."""
    found = _collect(parts)
    if isinstance(found, CertificateFault):
        return found
    if found.keys:
        return CertificateFault(_KEY_HERE)
    if not found.certificates:
        return CertificateFault("There is no certificate in the input")
    return _parse(found.certificates)


def paste(
    parts: Sequence[bytes], *, password: bytes | None = None
) -> CertifiedKey | CertificateFault:
    """Key, leaf and chain in any order: the leaf is the one with the key's public half."""
    material = read_material(parts, password=password)
    if isinstance(material, CertificateFault):
        return material
    if material.key is None:
        return CertificateFault("There is no private key in the input")
    if not material.certificates:
        return CertificateFault("There is a private key, but no certificate in the input")
    return assemble(material.key, material.certificates)


def assemble(
    key: PrivateKey, certificates: Sequence[x509.Certificate]
) -> CertifiedKey | CertificateFault:
    """The key with its certificate in front, the others in their order, each once.

    Of several certificates for the key (a renewal pasted beside the old one) the one that ends last
    is the leaf, and the older ones are left out.
    """
    own = [each for each in certificates if key_matches(key, each)]
    if not own:
        subject = describe(certificates[0])
        return CertificateFault(
            f"The private key belongs to none of the certificates (first: {subject})"
        )
    leaf = max(own, key=lambda each: each.not_valid_after_utc)
    skip = {facets.digest(each) for each in own}
    chain = [leaf]
    for each in certificates:
        if facets.digest(each) not in skip:
            skip.add(facets.digest(each))
            chain.append(each)
    return CertifiedKey(pem_of_key(key), tuple(each.public_bytes(Encoding.PEM) for each in chain))


def _collect(parts: Sequence[bytes]) -> _Found | CertificateFault:
    if len(parts) > _MOST_FILES:
        return CertificateFault(f"There are more than {_MOST_FILES} files")
    if sum(map(len, parts)) > LARGEST_PEM:
        return CertificateFault(f"The input is larger than {LARGEST_PEM // 2**20} MiB")
    found = _Found()
    for part in parts:
        fault = _collect_one(_plain(part), found)
        if fault is not None:
            return fault
    if not found.keys and not found.certificates:
        return CertificateFault("There is neither a certificate nor a private key in the input")
    if len(found.certificates) > MOST_CERTIFICATES:
        return CertificateFault(f"There are more than {MOST_CERTIFICATES} certificates")
    return found


def _plain(part: bytes) -> bytes:
    """Without byte order marks, and UTF-16 (an editor's "Unicode") turned into what was meant."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if part.startswith(mark):
            text = part[2:].decode(encoding, "replace")
            return text.encode("ascii", "replace")
    if part[:12].count(0) >= 5 and b"-\0-\0" in part[:4096]:
        encoding = "utf-16-be" if part[:1] == b"\0" else "utf-16-le"
        return part.decode(encoding, "replace").encode("ascii", "replace")
    return part.removeprefix(b"\xef\xbb\xbf")


def _collect_one(part: bytes, found: _Found) -> CertificateFault | None:
    if not _BEGIN.search(part):
        return _collect_bare(part, found)
    blocks = list(_BLOCK.finditer(part))
    if len(blocks) != len(_BEGIN.findall(part)):
        if b"PRIVATE KEY-----" in part:
            return CertificateFault("A private key or certificate is cut off or damaged")
        return CertificateFault("A certificate is cut off or damaged")
    for number, block in enumerate(blocks, 1):
        fault = _collect_block(block, number, found)
        if fault is not None:
            return fault
    return None


def _collect_block(block: re.Match[bytes], number: int, found: _Found) -> CertificateFault | None:
    label = block["label"]
    if label.endswith(b"PRIVATE KEY"):
        found.keys.append(block[0].replace(b"\r", b""))
        return None
    if label in _REQUEST_LABELS:
        return CertificateFault(
            "There is a certificate request (CSR) in the input; the CA's signed answer belongs here"
        )
    if label not in _CERTIFICATE_LABELS | _P7_LABELS:
        return None  # parameters, public keys: text around
    try:
        content = base64.b64decode(b"".join(block["body"].split()), validate=True)
    except binascii.Error:
        return CertificateFault(f"Block {number} of the input is damaged: it is not base64")
    if label in _P7_LABELS:
        return _collect_p7(content, found)
    if label == b"TRUSTED CERTIFICATE":
        content = _first_element(content)  # OpenSSL puts its own trust settings behind it
    found.certificates.append(content)
    return None


def _collect_bare(part: bytes, found: _Found) -> CertificateFault | None:
    """Input without PEM lines: DER itself, or base64 of it."""
    stripped = part.strip()
    content = part
    if stripped and _BASE64.fullmatch(stripped):
        try:
            content = base64.b64decode(b"".join(stripped.split()), validate=True)
        except binascii.Error:
            return CertificateFault("The input looks like base64, but it is cut off or damaged")
    if not content.startswith(b"\x30"):
        return CertificateFault("There is neither a certificate nor a private key in the input")
    try:
        parts = der.element(content).children()
    except der.DerError:
        return CertificateFault("The input looks like DER, but it is cut off or damaged")
    if parts and parts[0].tag == der.INTEGER:
        if len(parts) > 1 and parts[1].tag == der.SEQUENCE and _is_pkcs12(parts):
            return CertificateFault("The input is a PKCS#12 file; import it as such")
        body = base64.encodebytes(content).strip()
        # PKCS#8, PKCS#1 and SEC 1 all begin with a version; the reader tells them apart.
        for name in (b"PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"):
            if _fits_key(name, parts):
                lines = (b"-----BEGIN " + name, b"-----\n", body, b"\n-----END ", name, b"-----\n")
                found.keys.append(b"".join(lines))
                return None
    if parts and parts[0].tag == der.OBJECT_IDENTIFIER:
        return _collect_p7(content, found)
    found.certificates.append(content)
    return None


def _fits_key(name: bytes, parts: tuple[der.Element, ...]) -> bool:
    tags = [each.tag for each in parts[:3]]
    match name:
        case b"PRIVATE KEY":
            return tags[1:2] == [der.SEQUENCE]
        case b"RSA PRIVATE KEY":
            return tags[1:2] == [der.INTEGER]
        case _:
            return tags[1:2] == [der.OCTET_STRING]


def _is_pkcs12(parts: tuple[der.Element, ...]) -> bool:
    # PFX is version 3 (RFC 7292 §4); PKCS#8 is version 0 or 1.
    return parts[0].content == b"\x03"


def _collect_p7(content: bytes, found: _Found) -> CertificateFault | None:
    try:
        kind = der.dotted(der.element(content).children()[0])
        if kind != _SIGNED_DATA:
            return CertificateFault("The PKCS#7 file holds no certificates")
        certificates = pkcs7.load_der_pkcs7_certificates(content)
    except (IndexError, *facets.BROKEN):
        return CertificateFault("The PKCS#7 file is cut off or damaged")
    found.certificates.extend(facets.der_of(each) for each in certificates)
    return None


def _first_element(content: bytes) -> bytes:
    try:
        return next(der.elements(content)).whole
    except (der.DerError, StopIteration):
        return content


def _parse(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...] | CertificateFault:
    parsed: list[x509.Certificate] = []
    for number, content in enumerate(ders, 1):
        try:
            certificate = x509.load_der_x509_certificate(content)
            certificate.public_key()
        except facets.BROKEN:
            return CertificateFault(f"Certificate {number} of the input is damaged or cut off")
        parsed.append(certificate)
    return tuple(parsed)
