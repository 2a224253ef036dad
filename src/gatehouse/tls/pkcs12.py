# SPDX-License-Identifier: Apache-2.0
"""PKCS#12 files: what opening one will cost, opening it, and writing one.

Rule: RFC 7292 with the algorithms of RFC 8018 and RFC 9579. The cost of opening is chosen by
whoever made the file, so size, number of bags and iterations are read from the DER and bounded
before any of the work is done. (An encrypted part may hold another one whose cost nobody can see
beforehand: callers run this where it can be stopped.) The library answers every fault alike; here a
wrong password, an algorithm that is not supported, damage, and a file without key or certificate
are told apart.
"""

import enum
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from gatehouse.tls import der, facets, pem_input
from gatehouse.tls.certificates import (
    CertificateFault,
    CertifiedKey,
    PrivateKey,
    bounded,
    open_key,
)
from gatehouse.tls.der import Element
from gatehouse.tls.p12_algorithms import (
    HASHES,
    ITERATED,
    MAC_PBMAC1,
    PBES2,
    PBKDF2,
    SCRYPT,
    SUPPORTED,
    named,
)

LARGEST_FILE = 1024 * 1024  # a key and a chain are 10 KB; more is an archive or an attack
MOST_ITERATIONS = 10_000_000  # in the whole file: some five seconds; OpenSSL writes 2,048
MOST_BAGS = 1000
LONGEST_PASSWORD = 1024  # octets; the key derivation repeats it to fill blocks
_MOST_SCRYPT_MEMORY = 256 * 1024 * 1024  # 128 * N * r octets, RFC 7914 §2

_DATA = "1.2.840.113549.1.7.1"
_ENCRYPTED_DATA = "1.2.840.113549.1.7.6"
_SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2"
_MODERN_ROUNDS = 20_000  # what the library's own best choice uses; old hardware imports it still


class Style(enum.Enum):
    """Whom an exported file is for."""

    MODERN = "modern"  # PBES2, PBKDF2, AES-256, HMAC-SHA-256
    COMPATIBLE = "compatible"  # 3DES with SHA-1: appliances that say "invalid password" otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the unencrypted frame of a file tells."""

    algorithms: tuple[str, ...]  # OIDs of key derivations, ciphers and MAC, each once
    iterations: int  # the sum over all parts
    bags: int
    scrypt_memory: int
    has_mac: bool

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Names of the algorithms that cannot be opened here."""
        return tuple(named(each) for each in self.algorithms if each not in SUPPORTED)


@dataclass(frozen=True, slots=True)
class Imported:
    """A key with its chain, and the name that the file's maker gave it (clean and bounded)."""

    certified: CertifiedKey = field(repr=False)
    friendly_name: str


@dataclass(slots=True)
class _Tally:
    algorithms: list[str] = field(default_factory=list)
    iterations: int = 0
    bags: int = 0
    scrypt_memory: int = 0


def survey(data: bytes) -> Contents | CertificateFault:
    """Read sizes, algorithms and work parameters without doing any of the work."""
    if len(data) > LARGEST_FILE:
        return CertificateFault(f"The PKCS#12 file is larger than {LARGEST_FILE // 2**20} MiB")
    tally = _Tally()
    try:
        frame = _frame(data)
        for part in der.element(frame.contents).children():
            _survey_part(part, tally)
        if frame.mac is not None:
            _survey_mac(frame.mac, tally)
    except der.DerError as error:
        if error.indefinite:
            return CertificateFault(
                "The PKCS#12 file uses BER lengths; rewrite it with a current openssl pkcs12"
            )
        return CertificateFault(_not_pkcs12(data))
    except (ValueError, IndexError):  # too few or too many parts somewhere
        return CertificateFault(_not_pkcs12(data))
    return Contents(
        algorithms=tuple(dict.fromkeys(tally.algorithms)),
        iterations=tally.iterations,
        bags=tally.bags,
        scrypt_memory=tally.scrypt_memory,
        has_mac=frame.mac is not None,
    )


def import_file(data: bytes, password: str) -> Imported | CertificateFault:
    """Open a file within the bounds; key and certificate must be there and belong together."""
    contents = survey(data)
    if isinstance(contents, CertificateFault):
        return contents
    secret = password.encode()
    too_much = _too_much(contents, secret)
    if too_much is not None:
        return too_much
    try:
        opened = pkcs12.load_pkcs12(data, secret)
    except (UnsupportedAlgorithm, *facets.BROKEN):
        # Some writers take "no password" for an empty one, RFC 7292 Appendix B.1 notwithstanding.
        if secret:
            return _why_not(data, secret, contents)
        try:
            opened = pkcs12.load_pkcs12(data, None)
        except (UnsupportedAlgorithm, *facets.BROKEN):
            return _why_not(data, secret, contents)
    return _checked(opened)


def export_file(
    certified: CertifiedKey, password: str, *, name: str, style: Style = Style.MODERN
) -> bytes | CertificateFault:
    """Key, leaf and chain in one file under a password."""
    if not password:
        return CertificateFault("A PKCS#12 file needs a password: it holds the private key")
    if style is Style.COMPATIBLE and not password.isascii():
        return CertificateFault("Old programs read ASCII passwords only")
    opened = open_key(certified)
    if isinstance(opened, CertificateFault):
        return opened
    key, chain = opened
    builder = PrivateFormat.PKCS12.encryption_builder()
    match style:
        case Style.MODERN:
            builder = (
                builder.kdf_rounds(_MODERN_ROUNDS)
                .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
                .hmac_hash(hashes.SHA256())
            )
        case Style.COMPATIBLE:
            builder = builder.key_cert_algorithm(
                pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
            ).hmac_hash(hashes.SHA1())
    secret = builder.build(password.encode())
    return pkcs12.serialize_key_and_certificates(
        name.encode(), key, chain[0], chain[1:] or None, secret
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    contents: bytes  # AuthenticatedSafe, RFC 7292 §4.1
    mac: Element | None


def _frame(data: bytes) -> _Frame:
    parts = der.expect(der.element(data), der.SEQUENCE).children()
    if len(parts) < 2 or der.integer(parts[0]) != 3:
        raise der.DerError("Not a PFX of version 3")
    safe = parts[1].children()
    if der.dotted(safe[0]) != _DATA:
        raise der.DerError("Signed instead of protected by a password")
    # CVE-2024-0727: the content may be missing.
    content = der.expect(safe[1].children()[0], der.OCTET_STRING).content
    return _Frame(content, parts[2] if len(parts) > 2 else None)


def _survey_part(part: Element, tally: _Tally) -> None:
    kind, *rest = part.children()
    oid = der.dotted(kind)
    if oid == _DATA:
        bags = der.expect(rest[0].children()[0], der.OCTET_STRING).content
        for bag in der.element(bags).children():
            _survey_bag(bag, tally)
    elif oid == _ENCRYPTED_DATA:
        encrypted = rest[0].children()[0].children()
        _survey_algorithm(encrypted[1].children()[1], tally)
        tally.bags += 1
    else:
        tally.algorithms.append(oid)  # encrypted for a public key: nothing of ours


def _survey_bag(bag: Element, tally: _Tally) -> None:
    kind, value = bag.children()[:2]
    tally.bags += 1
    if der.dotted(kind) == _SHROUDED_KEY_BAG:
        _survey_algorithm(value.children()[0].children()[0], tally)


def _survey_algorithm(identifier: Element, tally: _Tally) -> None:
    """One AlgorithmIdentifier: its OID, and the work that its parameters ask for."""
    kind, *rest = identifier.children()
    oid = der.dotted(kind)
    tally.algorithms.append(oid)
    if oid == PBES2:
        derivation, cipher = rest[0].children()
        _survey_algorithm(derivation, tally)
        tally.algorithms.append(der.dotted(cipher.children()[0]))
    elif oid == PBKDF2:
        salt_and_more = rest[0].children()
        tally.iterations += _work(salt_and_more[1])
        for each in salt_and_more[2:]:
            if each.tag == der.SEQUENCE:
                tally.algorithms.append(der.dotted(each.children()[0]))
    elif oid == SCRYPT:
        _, cost, block, lanes, *_ = rest[0].children()
        tally.scrypt_memory += 128 * _work(cost) * _work(block) * _work(lanes)
    elif oid in ITERATED:
        tally.iterations += _work(rest[0].children()[1])


def _survey_mac(mac: Element, tally: _Tally) -> None:
    parts = mac.children()
    algorithm = parts[0].children()[0]
    oid = der.dotted(algorithm.children()[0])
    tally.algorithms.append(oid)
    if oid == MAC_PBMAC1:
        derivation, scheme = algorithm.children()[1].children()
        _survey_algorithm(derivation, tally)
        tally.algorithms.append(der.dotted(scheme.children()[0]))
    else:
        tally.iterations += _work(parts[2]) if len(parts) > 2 else 1


def _work(number: Element) -> int:
    value = der.integer(number)
    if value < 1:
        raise der.DerError("A work parameter is not positive")
    return value


def _too_much(contents: Contents, secret: bytes) -> CertificateFault | None:
    if len(secret) > LONGEST_PASSWORD:
        return CertificateFault("The password is too long")
    if contents.iterations > MOST_ITERATIONS:
        return CertificateFault(
            f"The PKCS#12 file demands {contents.iterations} iterations to open; "
            f"at most {MOST_ITERATIONS} are accepted"
        )
    if contents.bags > MOST_BAGS:
        return CertificateFault(f"The PKCS#12 file has more than {MOST_BAGS} parts")
    if contents.scrypt_memory > _MOST_SCRYPT_MEMORY:
        return CertificateFault("The PKCS#12 file demands too much memory to open")
    return None


def _why_not(data: bytes, secret: bytes, contents: Contents) -> CertificateFault:
    """After the library refused: which of the reasons it was."""
    if contents.unsupported:
        names = ", ".join(contents.unsupported)
        return CertificateFault(f"The PKCS#12 file uses what is not supported here: {names}")
    right = _mac_verifies(data, secret)
    if right is None:
        return CertificateFault("The password is wrong, or the PKCS#12 file is damaged")
    if not right:
        return CertificateFault(
            "The password is wrong"
            if secret.isascii()
            else "The password is wrong, or the file was made with another character set; "
            "make it again with an ASCII password"
        )
    return CertificateFault(
        "The password is right, but the contents of the PKCS#12 file are damaged, or encrypted "
        "under another password"
    )


def _mac_verifies(data: bytes, secret: bytes) -> bool | None:
    """Whether the password produces the file's MAC (RFC 7292 Appendix B); None: it has none."""
    try:
        frame = _frame(data)
        if frame.mac is None:
            return None
        parts = frame.mac.children()
        algorithm, expected = parts[0].children()
        digest = HASHES.get(der.dotted(algorithm.children()[0]))
        rounds = der.integer(parts[2]) if len(parts) > 2 else 1
        password = secret.decode().encode("utf-16-be") + b"\0\0"
    except (ValueError, IndexError):
        return None
    if digest is None:
        return None
    key = _derive(digest, password, parts[1].content, rounds)
    return hmac.compare_digest(hmac.digest(key, frame.contents, digest), expected.content)


def _derive(digest: str, password: bytes, salt: bytes, rounds: int) -> bytes:
    """The MAC key of RFC 7292 Appendix B.2: purpose 3, as long as the hash, so one block of it."""
    block = hashlib.new(digest).block_size
    filled = b"".join(
        (each * (block // len(each) + 2))[: -(-len(each) // block) * block]
        for each in (salt, password)
        if each
    )
    value = hashlib.new(digest, b"\x03" * block + filled).digest()
    for _ in range(rounds - 1):
        value = hashlib.new(digest, value).digest()
    return value


def _checked(opened: pkcs12.PKCS12KeyAndCertificates) -> Imported | CertificateFault:
    key = opened.key
    held = [each for each in (opened.cert, *opened.additional_certs) if each is not None]
    if key is None:
        if not held:
            return CertificateFault("The PKCS#12 file is empty")
        certificates = [each.certificate for each in held]
        if all(facets.is_ca(each) for each in certificates):
            return CertificateFault(
                "The PKCS#12 file holds only CA certificates and no private key; add them to the "
                "trust store instead"
            )
        return CertificateFault("The PKCS#12 file holds no private key")
    if not isinstance(key, PrivateKey):
        return CertificateFault("The private key is neither RSA nor EC nor Ed25519")
    if not held:
        return CertificateFault("The PKCS#12 file holds only a private key and no certificate")
    certified = pem_input.assemble(key, [each.certificate for each in held])
    if isinstance(certified, CertificateFault):
        return certified
    name = next((each.friendly_name for each in held if each.friendly_name), b"")
    return Imported(certified, bounded(name.decode("utf-8", "replace"), 64))


def _not_pkcs12(data: bytes) -> str:
    if b"-----BEGIN " in data[:4096]:
        return "The file is PEM text, not PKCS#12; paste it instead"
    if data[:1] == b"\x30":
        return "The PKCS#12 file is damaged or cut off"
    return "The file is not a PKCS#12 file"
