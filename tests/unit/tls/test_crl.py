# SPDX-License-Identifier: Apache-2.0
"""Revocation lists: which may be believed, and what they say."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.tls import crl
from gatehouse.tls.certificates import CertificateFault
from gatehouse.tls.crl import ListState, Status
from gatehouse.tls.failures import VerifyWord
from tests.unit.tls.authority import DAY, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, Made, issue

SIGNER = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
NOT_SIGNER = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
PATH = (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)


def make(
    issuer: Made,
    *revoked: Made,
    start: datetime.datetime = NOW - DAY,
    end: datetime.datetime = NOW + DAY,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ((x509.CRLNumber(1), False),),
    reason: x509.ReasonFlags | None = None,
    signer: Made | None = None,
) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(start).next_update(end)
    for value, critical in extra:
        builder = builder.add_extension(value, critical)
    for each in revoked:
        line = x509.RevokedCertificateBuilder().revocation_date(NOW - DAY)
        line = line.serial_number(each.certificate.serial_number)
        if reason is not None:
            line = line.add_extension(x509.CRLReason(reason), False)
        builder = builder.add_revoked_certificate(line.build())
    return builder.sign((signer or issuer).key, hashes.SHA256())


def test_a_chain_whose_lists_are_all_there_is_good() -> None:
    found = crl.check_path(PATH, [make(ROOT), make(MIDDLE), make(OTHER_ROOT)], at=NOW)
    assert (found.status, found.word) == (Status.GOOD, None)


@pytest.mark.parametrize(("victim", "position"), [(LEAF, 0), (MIDDLE, 1)])
def test_a_listed_certificate_is_revoked_at_its_place(victim: Made, position: int) -> None:
    lists = [make(ROOT, victim), make(MIDDLE, victim)]
    found = crl.check_path(PATH, lists, at=NOW)
    assert (found.status, found.position) == (Status.REVOKED, position)
    assert found.word is VerifyWord.REVOKED
    assert found.text == "revoked on 2026-11-21, reason unspecified"


def test_the_reason_is_told() -> None:
    lists = [make(MIDDLE, LEAF, reason=x509.ReasonFlags.key_compromise)]
    found = crl.check_path(PATH[:2], lists, at=NOW)
    assert found.entry == crl.Entry(NOW - DAY, "keyCompromise")


def test_a_certificate_taken_off_the_list_is_good_again() -> None:
    lists = [make(MIDDLE, LEAF, reason=x509.ReasonFlags.remove_from_crl)]
    assert crl.check_path(PATH[:2], lists, at=NOW).status is Status.GOOD


def test_a_serial_number_on_another_issuers_list_means_nothing() -> None:
    found = crl.check_path(PATH[:2], [make(MIDDLE), make(OTHER_ROOT, LEAF)], at=NOW)
    assert found.status is Status.GOOD


def test_a_missing_list_is_unknown_and_names_the_place() -> None:
    found = crl.check_path(PATH, [make(MIDDLE)], at=NOW)
    assert (found.status, found.position) == (Status.UNKNOWN, 1)
    assert found.word is VerifyWord.CRL_UNAVAILABLE
    assert found.text == "there is no revocation list of its issuer"


def test_a_revocation_outweighs_a_missing_list() -> None:
    assert crl.check_path(PATH, [make(ROOT, MIDDLE)], at=NOW).status is Status.REVOKED


FORGED = make(MIDDLE, LEAF, signer=OTHER_ROOT)
DELTA = make(MIDDLE, extra=((x509.CRLNumber(2), False), (x509.DeltaCRLIndicator(1), True)))
PARTIAL = make(
    MIDDLE,
    extra=(
        (x509.CRLNumber(2), False),
        (x509.IssuingDistributionPoint(None, None, True, False, None, False, False), True),
    ),
)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (make(MIDDLE), ListState.GOOD),
        (make(ROOT), ListState.OTHER_ISSUER),
        (FORGED, ListState.BAD_SIGNATURE),
        (make(MIDDLE, start=NOW + DAY, end=NOW + 2 * DAY), ListState.NOT_YET_VALID),
        (make(MIDDLE, start=NOW - 3 * DAY, end=NOW - DAY), ListState.STALE),
        (make(MIDDLE, extra=()), ListState.UNSUPPORTED),
        (make(MIDDLE, extra=((x509.CRLNumber(2), True),)), ListState.UNSUPPORTED),
        (DELTA, ListState.UNSUPPORTED),
        (PARTIAL, ListState.UNSUPPORTED),
    ],
)
def test_which_lists_may_be_believed(
    found: x509.CertificateRevocationList, state: ListState
) -> None:
    assert crl.judge_list(found, MIDDLE.certificate, at=NOW) is state
    if state is not ListState.GOOD:
        assert crl.check_path(PATH[:2], [found], at=NOW).status is Status.UNKNOWN


def test_an_issuer_must_be_allowed_to_sign_lists() -> None:
    may = issue("Lister", ROOT, ca=True, extra=[(SIGNER, True)])
    may_not = issue("Not Lister", ROOT, ca=True, extra=[(NOT_SIGNER, True)])
    assert crl.judge_list(make(may), may.certificate, at=NOW) is ListState.GOOD
    assert crl.judge_list(make(may_not), may_not.certificate, at=NOW) is ListState.NOT_ALLOWED


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_both_encodings_are_read(encoding: Encoding) -> None:
    made = make(ROOT)
    assert crl.read_crl(made.public_bytes(encoding)) == made


@pytest.mark.parametrize("data", [b"", b"garbage", make(ROOT).public_bytes(Encoding.DER)[:-3]])
def test_garbage_is_refused_in_words(data: bytes) -> None:
    assert crl.read_crl(data) == CertificateFault("The revocation list cannot be read")


def test_a_huge_list_is_refused_before_it_is_read() -> None:
    found = crl.read_crl(b"\x30" * (crl.LARGEST_CRL + 1))
    assert found == CertificateFault("The revocation list is larger than 16 MiB")


def test_distribution_points_are_shown() -> None:
    name = x509.UniformResourceIdentifier("http://crl.example/a.crl")
    points = x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])
    made = issue("h.example", ROOT, extra=[(points, False)])
    assert crl.distribution_points(made.certificate) == ("http://crl.example/a.crl",)
    assert crl.distribution_points(LEAF.certificate) == ()
