# SPDX-License-Identifier: Apache-2.0
"""A certification authority for tests: roots, intermediates and leaves with chosen faults."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    """The key of this name, the same one each time."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def small_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)


@dataclass(frozen=True)
class Made:
    """A certificate with its key; it can issue others."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def issue(
    common_name: str,
    issuer: Made | None = None,
    *,
    ca: bool | None = False,
    dns: Sequence[str] = (),
    start: datetime.datetime = NOW - 100 * DAY,
    end: datetime.datetime = NOW + 300 * DAY,
    own_key: Key | None = None,
    path_length: int | None = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    aia: str = "",
    serial: int | None = None,
) -> Made:
    """One certificate; without an issuer it signs itself."""
    mine = own_key if own_key is not None else key(common_name)
    signer = mine if issuer is None else issuer.key
    issuer_name = named(common_name) if issuer is None else issuer.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(common_name))
        .issuer_name(issuer_name)
        .public_key(mine.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(mine.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), True)
    if dns:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in dns]), False
        )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), False)
    if aia:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(aia)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
    for value, critical in extra:
        builder = builder.add_extension(value, critical)
    return Made(builder.sign(signer, hashes.SHA256()), mine)


ROOT = issue("Test Root", ca=True)
OTHER_ROOT = issue("Other Root", ca=True)
MIDDLE = issue("Test Intermediate", ROOT, ca=True)
LEAF = issue("mx.example.com", MIDDLE, dns=("mx.example.com",), aia="http://ca.example/middle.der")
CROSS = issue("Test Root", OTHER_ROOT, ca=True, own_key=ROOT.key)
