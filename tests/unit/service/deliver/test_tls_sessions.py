# SPDX-License-Identifier: Apache-2.0
"""The contexts of a configuration: made where they are needed, and refused before a commit."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatehouse.policy.destinations import TlsDemands
from gatehouse.policy.tls_profiles import TlsProfile
from gatehouse.service.deliver import tls_sessions as subject
from gatehouse.service.deliver.tls_sessions import ClientTls
from gatehouse.service.trust.keyring import NoSuchCertificate
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.contexts import ClientTlsSettings
from gatehouse.tls.engine import ClientContext
from tests.unit.tls.authority import issue

MADE = issue("mx.example.com", dns=("mx.example.com",))


KEY = MADE.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def one_for_all(name: str) -> CertifiedKey:
    return CertifiedKey(KEY, (MADE.pem,))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ClientTlsSettings]:
    """The settings of every context that is made."""
    noted: list[ClientTlsSettings] = []

    class Noted(ClientContext):
        def __init__(self, settings: ClientTlsSettings) -> None:
            noted.append(settings)
            super().__init__(settings)

    monkeypatch.setattr(subject, "ClientContext", Noted)
    return noted


def test_a_hundred_certificates_are_tried_each_once_and_the_ciphers_without_dh_once(
    made: list[ClientTlsSettings],
) -> None:
    tls = ClientTls(one_for_all, "Demo")
    for number in range(100):
        assert tls.fault(TlsDemands(client_certificate=f"c{number}")) == ""
    assert [one.without_dhe for one in made].count(False) == 100
    assert [one.without_dhe for one in made].count(True) == 1


def test_each_profile_is_tried_without_dh(made: list[ClientTlsSettings]) -> None:
    tls = ClientTls(one_for_all, "Demo")
    for profile in (TlsProfile(), TlsProfile(ciphers="ECDHE+AESGCM:!aNULL")):
        assert tls.fault(TlsDemands(tls_profile=profile)) == ""
    assert [one.without_dhe for one in made].count(True) == 2


def test_what_leaves_nothing_without_dh_is_a_fault_each_time_it_is_asked_for() -> None:
    tls = ClientTls(one_for_all, "Demo")
    only_dhe = TlsProfile(ciphers="DHE-RSA-AES256-GCM-SHA384")
    for certificate in ("c1", "c2"):
        wanted = TlsDemands(tls_profile=only_dhe, client_certificate=certificate)
        assert "cipher" in tls.fault(wanted)


@pytest.mark.parametrize("missing", ["c1", "Demo"])
def test_a_certificate_that_is_not_there_is_a_fault(missing: str) -> None:
    def some(name: str) -> CertifiedKey:
        if name == missing:
            raise NoSuchCertificate(name)
        return one_for_all(name)

    tls = ClientTls(some, "Demo")
    assert (tls.fault(TlsDemands(client_certificate="c1")) != "") == (missing == "c1")
    assert (tls.fault(TlsDemands()) != "") == (missing == "Demo")
