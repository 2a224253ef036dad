# SPDX-License-Identifier: Apache-2.0
"""certconfig: from a new key to a signed certificate, answers in, certificates out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatehouse.faces.actions import certificates
from gatehouse.faces.actions.action import Nothing
from tests.unit.faces.cli.shell.conftest import Desk

WAY = "certconfig"
NEW = ["NEW", "mx", "mx.example.com", "mail.example.com", *[""] * 4, "de", "90", "1"]


def held(desk: Desk) -> dict[str, str]:
    found = desk.carry(certificates.LIST, Nothing())
    assert isinstance(found, certificates.CertificateList)
    return {one.name: one.subject for one in found.certificates}


def signed(request: str) -> tuple[bytes, bytes]:
    """What a CA answers, and its own certificate."""
    csr, key = x509.load_pem_x509_csr(request.encode()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A CA")])
    now = datetime.now(UTC)
    made = []
    for subject, public, ca in ((csr.subject, csr.public_key(), False), (issuer, key, True)):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        public = public.public_key() if ca else public  # type: ignore[union-attr]
        builder = builder.public_key(public).serial_number(x509.random_serial_number())  # type: ignore[arg-type]
        builder = builder.not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if not ca:
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            builder = builder.add_extension(names, critical=False)
        made.append(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return made[0], made[1]


def request(screen: list[str]) -> str:
    text = "\n".join(screen)
    begin, end = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"
    return f"{begin}{text.split(begin, 1)[1].split(end, 1)[0]}{end}\n"


def test_a_name_and_a_country_are_judged_where_they_are_typed(desk: Desk) -> None:
    wrong = ["NEW", "Demo", "a b", "mx", "mx.example.com", *[""] * 5, "Germany", "de", "90", "1"]
    desk.play(WAY, *wrong, "")
    assert set(held(desk)) == {"Demo", "mx"}
    assert "There is one of this name already." in desk.said
    assert any("at most 63" in line for line in desk.said)
    assert "Two letters, as in DE, or an empty line are needed." in desk.said


def test_a_request_is_there_only_when_the_key_is_committed(desk: Desk, tmp_path: Path) -> None:
    desk.play(WAY, *NEW, "EDIT", "mx", "CSR", "")
    assert not any("BEGIN CERTIFICATE REQUEST" in line for line in desk.said)
    desk.play("commit", "a key", WAY, "EDIT", "mx", "CSR", "")
    answer, authority = signed(request(desk.said))
    leaf, issuer = tmp_path / "leaf.pem", tmp_path / "issuer.pem"
    leaf.write_bytes(answer)
    issuer.write_bytes(authority)
    desk.play(WAY, "EDIT", "mx", "UPLOAD", str(leaf), str(issuer), "EDIT", "mx", "SHOW", "")
    assert any("CN=A CA" in line for line in desk.said)
    desk.play(WAY, "EDIT", "mx", "UPLOAD", "", *answer.decode().splitlines(), ".", str(issuer), "")
    assert any("mx" in line and "A CA" in line for line in desk.said[-25:])
    desk.play(WAY, "EDIT", "Demo", "UPLOAD", str(leaf), "", "EDIT", "mx", "UPLOAD", "gone", "")
    assert any("gone" in line for line in desk.said)


def test_a_certificate_goes_into_a_file_and_comes_back_under_its_password(
    desk: Desk, tmp_path: Path
) -> None:
    path = str(tmp_path / "mx.p12")
    new = [NEW[0], "other", *NEW[2:]]
    desk.play(WAY, *new, "EXPORT", "other", path, "a password", "N", "")
    desk.play(WAY, "DELETE", "other", "N", "DELETE", "other", "Y", "")
    assert "other" not in held(desk)
    come_back = ["IMPORT", "again", path, "wrong one", "IMPORT", "again", path, "a password"]
    desk.play(WAY, *come_back, "")
    assert held(desk)["again"] == "CN=mx.example.com,C=DE"
    assert not any("a password" in line for line in desk.said)


@pytest.mark.parametrize("word", ["EXPORT", "EDIT", "DELETE"])
def test_the_demo_certificate_is_offered_like_all_others(desk: Desk, word: str) -> None:
    desk.play("help certconfig", f"help certconfig {word}")
    assert any("1. Demo" in line for line in desk.said)


def test_who_uses_which_is_printed(desk: Desk) -> None:
    desk.play(WAY, "PRINT", "")
    assert any(line.startswith("Demo: ") and "InboundMail" in line for line in desk.said)
