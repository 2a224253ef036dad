# SPDX-License-Identifier: Apache-2.0
"""Channel bindings: both ends compute the same, and two connections never share them."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.tls import certificates
from gatehouse.tls.channel_binding import END_POINT, EXPORTER, channel_bindings, end_point_hash
from tests.unit.tls.authority import NOW, issue, named
from tests.unit.tls.pairing import V12, certified, connected, server


def test_the_exporter_is_the_same_at_both_ends_and_differs_between_connections() -> None:
    client_end, server_end = connected()
    found = dict(channel_bindings(server_end))
    assert found[EXPORTER] == client_end.export(b"EXPORTER-Channel-Binding", 32)
    assert len(found[EXPORTER]) == 32
    assert dict(channel_bindings(connected()[1]))[EXPORTER] != found[EXPORTER]


def test_the_end_point_is_the_certificate_that_the_client_saw() -> None:
    other = certified("other.example.com", certificates.KeyKind.RSA_2048)
    client_end, server_end = connected(server(certified(), other), name="other.example.com")
    (leaf,) = client_end.report().peer_chain
    assert dict(channel_bindings(server_end))[END_POINT] == hashlib.sha256(leaf).digest()


def test_with_tls_1_2_there_is_no_exporter() -> None:
    _, server_end = connected(server(max_version=V12))
    assert [kind for kind, _ in channel_bindings(server_end)] == [END_POINT]


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [(hashes.SHA256(), "sha256"), (hashes.SHA384(), "sha384"), (hashes.SHA512(), "sha512")],
)
def test_the_hash_is_that_of_the_signature(algorithm: hashes.HashAlgorithm, digest: str) -> None:
    der = signed(rsa.generate_private_key(65537, 2048), algorithm)
    assert end_point_hash(der) == hashlib.new(digest, der).digest()


def test_a_signature_without_a_hash_of_its_own_defines_no_end_point() -> None:
    assert end_point_hash(signed(ed25519.Ed25519PrivateKey.generate(), None)) is None


def test_before_the_handshake_there_is_nothing_to_export() -> None:
    with pytest.raises(RuntimeError):
        server().session().export(b"EXPORTER-Channel-Binding", 32)


def signed(key: object, algorithm: hashes.HashAlgorithm | None) -> bytes:
    whole = issue("x.example").certificate
    builder = x509.CertificateBuilder(named("x.example"), named("x.example"))
    builder = builder.public_key(key.public_key()).serial_number(7)  # type: ignore[attr-defined]
    builder = builder.not_valid_before(NOW).not_valid_after(whole.not_valid_after_utc)
    made = builder.sign(key, algorithm)  # type: ignore[arg-type]
    return made.public_bytes(Encoding.DER)
