# SPDX-License-Identifier: Apache-2.0
"""Settings that fit become contexts; those that do not are refused in words."""

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gatehouse.tls import certificates, engine, failures
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.engine import TlsSetupError
from tests.unit.tls.pairing import NOW, V12, V13, certified, client, connected, server

ONE, OTHER = certified(), certified("other.example")


def issued(authority: trustme.CA, *names: str) -> CertifiedKey:
    made = authority.issue_cert(*names)
    loaded = certificates.load(
        made.private_key_pem.bytes(), b"".join(blob.bytes() for blob in made.cert_chain_pems)
    )
    assert isinstance(loaded, CertifiedKey)
    return loaded


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"ciphers": "NO-SUCH-CIPHER"}, "cipher list"),
        ({"ciphers": "ü"}, "cipher list"),
        ({"groups": ("X25519", "no-such-group")}, "no-such-group"),
        ({"min_version": V13, "max_version": V12}, "below the lowest"),
        ({"trust": (b"not pem",)}, "Trust store"),
        ({"trust": (ONE.key_pem,)}, "private key where"),
        ({"certificate": CertifiedKey(OTHER.key_pem, ONE.chain_pem)}, "does not belong"),
        ({"certificate": CertifiedKey(b"", ONE.chain_pem)}, "cannot be read"),
        ({"certificate": CertifiedKey(ONE.key_pem, ())}, "no certificate"),
    ],
)
def test_a_client_that_cannot_be_is_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(TlsSetupError, match=word) as caught:
        client(**settings)
    assert "PRIVATE" not in str(caught.value)


def test_a_server_without_a_certificate_is_refused() -> None:
    with pytest.raises(TlsSetupError, match="at least one certificate"):
        engine.ServerContext(engine.ServerTlsSettings(certificates=()))


def test_the_key_of_another_certificate_is_refused_before_anything_is_served() -> None:
    with pytest.raises(
        TlsSetupError, match=r"does not belong to the certificate CN=mx\.example\.com"
    ):
        server(OTHER, CertifiedKey(OTHER.key_pem, ONE.chain_pem))


def test_a_key_below_the_security_level_is_refused() -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak.example.com")])
    weak = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW.replace(year=2036))
        .sign(key, hashes.SHA256())
    )
    pem = weak.public_bytes(serialization.Encoding.PEM)
    with pytest.raises(TlsSetupError, match=r"weak\.example\.com.*ee key too small"):
        server(CertifiedKey(certificates.pem_of_key(key), (pem,)))


def test_a_refused_setting_leaves_nothing_behind_for_the_next_session() -> None:
    waiting = server().session()
    with pytest.raises(TlsSetupError):
        client(ciphers="NO-SUCH-CIPHER")
    assert waiting.handshake() is False


def test_intermediates_are_sent_and_make_the_chain() -> None:
    root = trustme.CA()
    key = issued(root.create_child_ca(), "mx.example.com")
    anchor = (root.cert_pem.bytes(),)
    client_end, _ = connected(server(key), client(trust=anchor))
    report = client_end.report()
    assert len(report.peer_chain) == 2
    assert report.verify_errors == ()


def test_a_missing_intermediate_is_told_from_an_unknown_root() -> None:
    root = trustme.CA()
    key = issued(root.create_child_ca(), "mx.example.com")
    leaf_only = CertifiedKey(key.key_pem, key.chain_pem[:1])
    ours = client(trust=(root.cert_pem.bytes(),))
    client_end, _ = connected(server(leaf_only), ours)
    words = [failures.word_of_verify_error(e.number) for e in client_end.report().verify_errors]
    assert words[0] is failures.VerifyWord.INCOMPLETE_CHAIN
    with_root = CertifiedKey(key.key_pem, (*key.chain_pem, root.cert_pem.bytes()))
    client_end, _ = connected(server(with_root), client())
    words = [failures.word_of_verify_error(e.number) for e in client_end.report().verify_errors]
    assert words == [failures.VerifyWord.UNKNOWN_ISSUER]


def test_an_intermediate_in_the_trust_store_is_an_anchor() -> None:
    middle = trustme.CA().create_child_ca()
    key = issued(middle, "mx.example.com")
    client_end, _ = connected(server(key), client(trust=(middle.cert_pem.bytes(),)))
    assert client_end.report().verify_errors == ()


def test_many_anchors_may_stand_in_one_text() -> None:
    roots = [trustme.CA() for _ in range(3)]
    bundle = b"# ours\n".join(each.cert_pem.bytes() for each in roots)
    client_end, _ = connected(server(issued(roots[2], "mx.example.com")), client(trust=(bundle,)))
    assert client_end.report().verify_errors == ()
