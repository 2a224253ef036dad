# SPDX-License-Identifier: Apache-2.0
"""PKCS#12: old and new files are opened, every fault has its own sentence, no file costs much."""

import hmac
import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import der
from gatehouse.tls import pkcs12 as ours
from gatehouse.tls.certificates import CertificateFault, CertifiedKey
from gatehouse.tls.pkcs12 import Imported, Style
from tests.unit.tls import authority
from tests.unit.tls.authority import LEAF, MIDDLE, ROOT

PASSWORD = "correct horse"
KEY_PEM = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
CERTIFIED = CertifiedKey(KEY_PEM, (LEAF.pem, MIDDLE.pem))


def exported(style: Style = Style.MODERN, password: str = PASSWORD) -> bytes:
    made = ours.export_file(CERTIFIED, password, name="mx", style=style)
    assert isinstance(made, bytes)
    return made


MODERN = exported()
COMPATIBLE = exported(Style.COMPATIBLE)


def built(rounds: int = 2000) -> bytes:
    locked = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(rounds)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(PASSWORD.encode())
    )
    return pkcs12.serialize_key_and_certificates(
        b"mx", LEAF.key, LEAF.certificate, [MIDDLE.certificate], locked
    )


def text_of(found: object) -> str:
    assert isinstance(found, CertificateFault), found
    return found.text


def openssl(*arguments: str) -> bytes:
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("style", list(Style))
def test_what_is_exported_is_imported(style: Style) -> None:
    found = ours.import_file(exported(style), PASSWORD)
    assert isinstance(found, Imported), found
    assert found.certified == CERTIFIED
    assert found.friendly_name == "mx"
    assert "PRIVATE" not in repr(found)


def test_the_two_styles_use_what_they_say() -> None:
    modern, compatible = ours.survey(MODERN), ours.survey(COMPATIBLE)
    assert isinstance(modern, ours.Contents)
    assert isinstance(compatible, ours.Contents)
    assert "2.16.840.1.101.3.4.1.42" in modern.algorithms
    assert "2.16.840.1.101.3.4.2.1" in modern.algorithms
    assert set(compatible.algorithms) == {"1.2.840.113549.1.12.1.3", "1.3.14.3.2.26"}
    assert modern.has_mac
    assert modern.unsupported == compatible.unsupported == ()
    assert modern.iterations >= 40_000


@pytest.mark.parametrize("style", list(Style))
def test_openssl_reads_what_we_export(style: Style, tmp_path: Path) -> None:
    file = tmp_path / "out.p12"
    file.write_bytes(exported(style))
    legacy = ["-legacy"] if style is Style.COMPATIBLE else []
    out = openssl("pkcs12", "-in", str(file), "-passin", f"pass:{PASSWORD}", "-nodes", *legacy)
    assert out.count(b"BEGIN CERTIFICATE") == 2
    assert out.count(b"BEGIN PRIVATE KEY") == 1


@pytest.mark.parametrize(
    "choice",
    [
        ["-legacy"],
        ["-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-RC2-40"],
        ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-legacy"],
        ["-certpbe", "AES-256-CBC", "-keypbe", "AES-128-CBC"],
        ["-certpbe", "NONE", "-keypbe", "NONE"],
        ["-macalg", "sha512", "-iter", "50000"],
        ["-nomac"],
        [],
    ],
)
def test_files_of_openssl_are_opened(choice: list[str], tmp_path: Path) -> None:
    pem, file = tmp_path / "in.pem", tmp_path / "in.p12"
    with os.fdopen(os.open(pem, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as out:
        out.write(KEY_PEM + LEAF.pem + MIDDLE.pem)
    openssl("pkcs12", "-export", "-in", str(pem), "-out", str(file), "-passout",
            f"pass:{PASSWORD}", *choice)  # fmt: skip
    found = ours.import_file(file.read_bytes(), PASSWORD)
    assert isinstance(found, Imported), found
    assert found.certified == CERTIFIED


@pytest.mark.parametrize("data", [MODERN, COMPATIBLE])
@pytest.mark.parametrize("password", ["wrong", "", PASSWORD.upper()])
def test_a_wrong_password_is_told(data: bytes, password: str) -> None:
    assert text_of(ours.import_file(data, password)) == "The password is wrong"


def test_an_empty_password_opens_a_file_without_one() -> None:
    bare = pkcs12.serialize_key_and_certificates(
        None, LEAF.key, LEAF.certificate, [MIDDLE.certificate], NoEncryption()
    )
    assert isinstance(ours.import_file(bare, ""), Imported)


def test_a_password_that_is_not_ascii_opens_our_own_file() -> None:
    assert isinstance(ours.import_file(exported(password="schlüssel"), "schlüssel"), Imported)
    assert "ASCII" in text_of(ours.import_file(MODERN, "schlüssel"))


@pytest.mark.parametrize("cut", [1, 100, 700])
def test_a_file_that_is_cut_off_is_damaged(cut: int) -> None:
    found = text_of(ours.import_file(MODERN[:-cut], PASSWORD))
    assert found == "The PKCS#12 file is damaged or cut off"


def test_an_unknown_cipher_is_named() -> None:
    old, unknown = "060960864801650304012a", "060960864801650304017a"
    patched = MODERN.replace(bytes.fromhex(old), bytes.fromhex(unknown))
    found = text_of(ours.import_file(patched, PASSWORD))
    assert "not supported here: 2.16.840.1.101.3.4.1.122" in found


def test_damage_under_a_right_mac_is_told_from_a_wrong_password() -> None:
    frame = der.element(MODERN).children()[1].children()[1].children()[0].content
    at = MODERN.index(frame)
    spoiled = bytearray(frame)
    spoiled[-150] ^= 1  # inside the encrypted key, before its name
    parts = der.element(MODERN).children()[2].children()
    salt, rounds = parts[1].content, der.integer(parts[2])
    mac = parts[0].children()[1].content
    key = ours._derive("sha256", PASSWORD.encode("utf-16-be") + b"\0\0", salt, rounds)
    right = hmac.digest(key, bytes(spoiled), "sha256")
    data = MODERN[:at] + bytes(spoiled) + MODERN[at + len(frame) :].replace(mac, right)
    assert text_of(ours.import_file(data, PASSWORD)).startswith("The password is right")


def test_an_algorithm_that_is_not_supported_is_named() -> None:
    old = bytes.fromhex("060a2a864886f70d010c0103")
    unknown = bytes.fromhex("060a2a864886f70d010c0109")
    found = text_of(ours.import_file(COMPATIBLE.replace(old, unknown), PASSWORD))
    assert found == "The PKCS#12 file uses what is not supported here: 1.2.840.113549.1.12.1.9"


def test_hostile_iteration_counts_are_refused_before_any_work() -> None:
    made = built(70_000)
    assert made.count(bytes.fromhex("0203011170")) >= 2
    hostile = made.replace(bytes.fromhex("0203011170"), bytes.fromhex("02037fffff"))
    found = text_of(ours.import_file(hostile, PASSWORD))
    assert "demands" in found
    assert "at most 10000000 are accepted" in found


@pytest.mark.parametrize("value", ["020100", "0203ffffff", "020900ffffffffffffffff"])
def test_a_work_parameter_that_is_no_number_of_rounds_is_damage(value: str) -> None:
    mac_rounds = bytes.fromhex("02024e20")
    assert mac_rounds in MODERN
    padded = bytes.fromhex(value)
    broken = _replaced(MODERN, mac_rounds, padded)
    assert "damaged" in text_of(ours.survey(broken))


def _replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """All INTEGERs of this value replaced, with every length around them put right."""

    def rebuild(element: der.Element) -> bytes:
        if element.whole == old:
            return new
        inside = element.content
        if element.tag & 0x20 or element.tag == der.OCTET_STRING:
            try:
                inside = b"".join(rebuild(each) for each in der.elements(element.content))
            except der.DerError:
                inside = element.content
        size = len(inside).to_bytes(4, "big")
        return bytes([element.tag]) + b"\x84" + size + inside

    return rebuild(der.element(data))


def test_a_large_file_is_refused_unread() -> None:
    assert "larger than 1 MiB" in text_of(ours.import_file(b"\x30" * (2**20 + 1), PASSWORD))


def test_a_long_password_is_refused() -> None:
    assert "too long" in text_of(ours.import_file(MODERN, "x" * 1025))


def test_what_is_no_pkcs12_is_told() -> None:
    assert "PEM text" in text_of(ours.import_file(LEAF.pem, PASSWORD))
    assert "not a PKCS#12 file" in text_of(ours.import_file(b"hello", PASSWORD))
    assert "damaged" in text_of(ours.import_file(LEAF.der, PASSWORD))
    assert "BER" in text_of(ours.import_file(b"\x30\x80\x02\x01\x03\x00\x00", PASSWORD))


def test_a_missing_content_is_damage() -> None:
    # CVE-2024-0727: contentInfo without its content.
    empty = bytes.fromhex("3010020103300b06092a864886f70d010701")
    assert "damaged" in text_of(ours.import_file(empty, PASSWORD))


def locked(key: authority.Key | None, certificate: x509.Certificate | None, *more: object) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"x", key, certificate, list(more) or None,  # type: ignore[arg-type]
        BestAvailableEncryption(PASSWORD.encode()),
    )  # fmt: skip


def test_a_file_without_key_or_certificate_is_told() -> None:
    only_ca = locked(None, None, ROOT.certificate, MIDDLE.certificate)
    only_leaf = locked(None, LEAF.certificate)
    only_key = locked(LEAF.key, None)
    stranger = locked(LEAF.key, None, ROOT.certificate)
    assert "only CA certificates" in text_of(ours.import_file(only_ca, PASSWORD))
    assert "no private key" in text_of(ours.import_file(only_leaf, PASSWORD))
    assert "only a private key" in text_of(ours.import_file(only_key, PASSWORD))
    assert "belongs to none" in text_of(ours.import_file(stranger, PASSWORD))


def test_a_hostile_friendly_name_is_made_harmless() -> None:
    made = pkcs12.serialize_key_and_certificates(
        b"../../x\n<script>" + b"y" * 500, LEAF.key, LEAF.certificate, None,
        BestAvailableEncryption(PASSWORD.encode()),
    )  # fmt: skip
    found = ours.import_file(made, PASSWORD)
    assert isinstance(found, Imported)
    assert found.friendly_name.isprintable()
    assert len(found.friendly_name) <= 65


def test_export_wants_a_password_that_the_reader_can_type() -> None:
    assert "needs a password" in text_of(ours.export_file(CERTIFIED, "", name="mx"))
    found = ours.export_file(CERTIFIED, "schlüssel", name="mx", style=Style.COMPATIBLE)
    assert "ASCII" in text_of(found)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(COMPATIBLE) - 1), st.integers(1, 255))
def test_no_damaged_file_raises_or_is_taken_for_whole(at: int, bits: int) -> None:
    damaged = bytearray(COMPATIBLE)
    damaged[at] ^= bits
    found = ours.survey(bytes(damaged))
    if isinstance(found, ours.Contents) and found.iterations > 200_000:
        return  # the work is refused or long; the bounds have their own test
    opened = ours.import_file(bytes(damaged), PASSWORD)
    assert isinstance(opened, CertificateFault) or opened.certified == CERTIFIED
