# SPDX-License-Identifier: Apache-2.0
"""Certificates are made, signed, imported and removed; nothing is in force before a commit."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.faces.actions import (
    certificates_assign,
    certificates_change,
    certificates_files,
    configuration_work,
)
from gatehouse.faces.actions import configuration_commit_work as configuration
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates import (
    AssignInput,
    CreateInput,
    DeleteInput,
    InstallInput,
    NameInput,
)
from gatehouse.faces.actions.certificates_look import ExportInput, ImportInput, ShowInput
from gatehouse.faces.actions.certificates_show import show
from gatehouse.faces.actions.certificates_work import list_certificates
from gatehouse.faces.actions.configuration import CommitInput
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import keyring, opening, pending
from gatehouse.tls import pkcs12
from gatehouse.tls.certificates import CertificateFault, CertifiedKey
from tests.unit.faces.conftest import NOW, PretendGateway

T = TypeVar("T")


def do(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def fault(work: Coroutine[Any, Any, object]) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(work)
    return caught.value


def create(house: House, name: str = "mx", commit: str | None = None) -> None:
    given = CreateInput(name=name, common_name="mx.example.com", commit=commit)
    do(certificates_change.create(house, given))


def sign(csr: str) -> bytes:
    """A certificate for a request, by an issuer that is nobody's."""
    request = x509.load_pem_x509_csr(csr.encode())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Issuer")])
    start = datetime.fromtimestamp(NOW, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer)
        .public_key(request.public_key())
        .serial_number(9)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=start.year + 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mx.example.com")]), False)
    )
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)


def test_a_new_certificate_waits_and_its_request_is_refused_until_it_is_committed(
    house: House,
) -> None:
    create(house)
    error = fault(certificates_change.csr(house, NameInput(name="mx")))
    assert error.fault.reference == "not-committed"
    do(configuration.commit(house, CommitInput(comment="key")))
    assert "CERTIFICATE REQUEST" in do(certificates_change.csr(house, NameInput(name="mx"))).pem


def test_the_signed_answer_takes_the_place_of_the_self_signed_one(house: House) -> None:
    create(house, commit="key")
    key = keyring.get(house.store, "mx").key_pem
    pem = sign(do(certificates_change.csr(house, NameInput(name="mx"))).pem)
    done = do(certificates_change.install(house, InstallInput(name="mx", file=pem)))
    assert done.certificate is not None
    assert (done.certificate.state, done.certificate.pending) == ("signed", "changed")
    assert any("CN=Issuer" in remark for remark in done.remarks)
    do(configuration.commit(house, CommitInput(comment="signed")))
    assert keyring.get(house.store, "mx") == CertifiedKey(key, (pem,))


def test_an_answer_for_another_key_is_refused_and_nothing_is_stored(house: House) -> None:
    create(house, commit="one")
    create(house, "other", commit="two")
    pem = sign(do(certificates_change.csr(house, NameInput(name="other"))).pem)
    error = fault(certificates_change.install(house, InstallInput(name="mx", file=pem)))
    assert "another key" in error.fault.message
    assert pending.names(house.store, house.operator) == ()


@pytest.mark.parametrize("name", ["a\x1b[31mb", "a\nb", "", "-a", "a/b", "x" * 64])
def test_a_bad_name_is_refused_and_shown_clean(house: House, name: str) -> None:
    error = fault(certificates_change.create(house, CreateInput(name=name, common_name="a.b.c")))
    assert error.fault.reference == "bad-name"
    assert error.fault.sentence().isprintable()


def test_a_name_is_not_taken_twice_and_never_the_demo(house: House) -> None:
    create(house)
    for name in ("mx", "Demo"):
        given = CreateInput(name=name, common_name="a.example.com")
        assert fault(certificates_change.create(house, given)).fault.reference == "name-taken"
    for work in (
        certificates_change.csr(house, NameInput(name="Demo")),
        certificates_change.install(house, InstallInput(name="Demo", file=b"x")),
        certificates_change.delete(house, DeleteInput(name="Demo")),
    ):
        assert fault(work).fault.reference == "demo-certificate"


def test_a_certificate_in_use_is_not_deleted_neither_by_what_runs_nor_by_the_candidate(
    house: House,
) -> None:
    create(house, commit="key")
    do(certificates_assign.assign(house, AssignInput(name="mx", listener=("InboundMail",))))
    error = fault(certificates_change.delete(house, DeleteInput(name="mx")))
    assert "InboundMail" in error.fault.context
    do(configuration_work.clear(house, Nothing()))
    gone = do(certificates_change.delete(house, DeleteInput(name="mx", commit="gone")))
    assert gone.commit is not None
    assert "mx" not in keyring.names(house.store)


def test_clear_forgets_candidate_and_certificates_together(house: House) -> None:
    create(house)
    do(certificates_assign.assign(house, AssignInput(name="mx", outbound=True)))
    cleared = do(configuration_work.clear(house, Nothing()))
    assert cleared.secrets == ("certificate/mx",)
    assert Candidate(house).read() is None
    assert keyring.names_to_be(house.store, house.operator) == {"Demo"}


def test_a_revision_that_cannot_be_applied_takes_its_certificates_back(
    running_house: House, gateway: PretendGateway
) -> None:
    create(running_house)
    gateway.refuses = "no"
    fault(configuration.commit(running_house, CommitInput(comment="x")))
    assert keyring.names(running_house.store) == {"Demo"}
    assert keyring.names_to_be(running_house.store, running_house.operator) == {"Demo", "mx"}


def test_every_place_can_be_assigned_and_an_unknown_one_is_named(house: House) -> None:
    create(house, commit="key")
    given = AssignInput(name="mx", outbound=True, ldap=True, url_filtering=True, commit="there")
    assert do(certificates_assign.assign(house, given)).places == (
        "all outgoing TLS",
        "LDAP",
        "URL filtering",
    )
    (line,) = [c for c in do(list_certificates(house, Nothing())).certificates if c.name == "mx"]
    assert line.used_by == ("delivery", "LDAP", "URL filtering")
    error = fault(certificates_assign.assign(house, AssignInput(name="mx", listener=("In",))))
    assert "InboundMail" in error.fault.hint
    error = fault(certificates_assign.assign(house, AssignInput(name="mx", https=("Nowhere",))))
    assert error.fault.reference == "no-such-interface"


def test_also_adds_beside_the_listeners_own_certificate(house: House) -> None:
    create(house, commit="key")
    given = AssignInput(name="mx", listener=("InboundMail",), also=True)
    do(certificates_assign.assign(house, given))
    text = Candidate(house).read()
    assert text is not None
    assert b'certificates = ["mx"]' in text
    do(certificates_assign.assign(house, AssignInput(name="mx", listener=("InboundMail",))))
    text = Candidate(house).read()
    assert text is not None
    assert b'certificate = "mx"' in text
    assert b"certificates = []" in text


def test_export_needs_a_password_but_not_for_the_chain_alone(house: House) -> None:
    create(house)
    given = ExportInput(name="mx", file="x")
    assert fault(certificates_files.export(house, given)).fault.reference == PASSWORD_NEEDED
    pem = do(certificates_files.export(house, ExportInput(name="mx", file="x", pem=True)))
    assert pem.content.count(b"BEGIN CERTIFICATE") == 1
    assert b"PRIVATE" not in pem.content
    sealed = do(
        certificates_files.export(house, ExportInput(name="mx", file="x", password="secret"))
    )
    opened = pkcs12.import_file(sealed.content, "secret")
    assert not isinstance(opened, CertificateFault)
    assert opened.certified == keyring.to_be(house.store, house.operator, "mx")


def test_import_asks_for_a_password_only_where_one_is_needed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = trustme.CA().issue_cert("mx.example.com")
    pem = issued.private_key_and_cert_chain_pem.bytes()

    async def open_here(*_: object, **__: object) -> CertifiedKey:
        return CertifiedKey(issued.private_key_pem.bytes(), (issued.cert_chain_pems[0].bytes(),))

    monkeypatch.setattr(opening, "open_material", open_here)
    done = do(certificates_files.import_files(house, ImportInput(name="mx", files=(pem,))))
    assert done.certificate is not None
    again = ImportInput(name="mx", files=(pem,))
    assert fault(certificates_files.import_files(house, again)).fault.reference == "name-taken"
    sealed = pkcs12.export_file(
        keyring.to_be(house.store, house.operator, "mx"), "secret", name="mx"
    )
    assert isinstance(sealed, bytes)
    given = ImportInput(name="p12", files=(sealed,))
    assert fault(certificates_files.import_files(house, given)).fault.reference == PASSWORD_NEEDED


def test_show_says_what_is_wrong_and_compares_the_three_names(house: House) -> None:
    create(house, commit="key")
    do(certificates_assign.assign(house, AssignInput(name="mx", listener=("InboundMail",))))
    seen = do(show(house, ShowInput(name="mx", mx=("mx9.example.com",))))
    assert [one.kind for one in seen.findings] == ["self-signed"]
    (check,) = seen.three_names
    assert check.listener == "InboundMail"
    assert not check.agree
    assert any("mx9.example.com" in one for one in check.disagreements)
