# SPDX-License-Identifier: Apache-2.0
"""One vocabulary: numbers and texts as in the mail log, words as in reports."""

import pytest
from cryptography.hazmat.bindings.openssl.binding import Binding

from gatehouse.tls import failures
from gatehouse.tls.failures import ReportWord, VerifyWord


@pytest.mark.parametrize(
    ("reason", "number", "text"),
    [
        ("no shared cipher", 167772353, "error:0A0000C1:SSL routines::no shared cipher"),
        ("dh key too small", 167772554, "error:0A00018A:SSL routines::dh key too small"),
        (
            "unexpected eof while reading",
            0x0A000126,
            "error:0A000126:SSL routines::unexpected eof while reading",
        ),
        ("never heard of", 0x0A000000, "error:0A000000:SSL routines::never heard of"),
    ],
)
def test_a_reason_has_the_packed_number_and_the_text_of_the_mail_log(
    reason: str, number: int, text: str
) -> None:
    failure = failures.failure_from_reason(reason)
    assert (failure.number, failure.text, failure.reason) == (number, text, reason)
    assert str(failure) == str((number, text)), "the form of the mail log line"


def test_the_first_word_of_the_ssl_library_counts() -> None:
    failure = failures.failure_from_errors(
        [
            ("Provider routines", "", "cipher operation failed"),
            ("SSL routines", "", "decryption failed or bad record mac"),
            ("SSL routines", "", "record layer failure"),
        ]
    )
    assert failure.reason == "decryption failed or bad record mac"


def test_without_the_ssl_library_the_last_word_of_another_counts() -> None:
    failure = failures.failure_from_errors([("asn1 encoding routines", "", "wrong tag")])
    assert failure.text == "error:068000A8:asn1 encoding routines::wrong tag"


@pytest.mark.parametrize("errors", [None, [], "x", [3], ()])
def test_an_empty_queue_is_an_internal_error(errors: object) -> None:
    assert failures.failure_from_errors(errors).reason == "internal error"


@pytest.mark.parametrize(
    ("reason", "report", "verify"),
    [
        ("no shared cipher", ReportWord.VALIDATION_FAILURE, None),
        ("dh key too small", ReportWord.VALIDATION_FAILURE, VerifyWord.WEAK),
        ("tlsv1 alert unknown ca", ReportWord.CERTIFICATE_NOT_TRUSTED, VerifyWord.UNKNOWN_ISSUER),
        (
            "ssl/tls alert certificate expired",
            ReportWord.CERTIFICATE_EXPIRED,
            VerifyWord.EXPIRED,
        ),
    ],
)
def test_a_handshake_failure_has_its_words(
    reason: str, report: ReportWord, verify: VerifyWord | None
) -> None:
    failure = failures.failure_from_reason(reason)
    assert failure.report_word is report
    assert failure.verify_word is verify


@pytest.mark.parametrize(
    ("constant", "word", "report"),
    [
        ("CERT_HAS_EXPIRED", VerifyWord.EXPIRED, ReportWord.CERTIFICATE_EXPIRED),
        ("CERT_NOT_YET_VALID", VerifyWord.NOT_YET_VALID, ReportWord.CERTIFICATE_EXPIRED),
        (
            "DEPTH_ZERO_SELF_SIGNED_CERT",
            VerifyWord.SELF_SIGNED,
            ReportWord.CERTIFICATE_NOT_TRUSTED,
        ),
        (
            "SELF_SIGNED_CERT_IN_CHAIN",
            VerifyWord.UNKNOWN_ISSUER,
            ReportWord.CERTIFICATE_NOT_TRUSTED,
        ),
        (
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            VerifyWord.INCOMPLETE_CHAIN,
            ReportWord.CERTIFICATE_NOT_TRUSTED,
        ),
        ("CERT_REVOKED", VerifyWord.REVOKED, ReportWord.CERTIFICATE_NOT_TRUSTED),
        ("UNABLE_TO_GET_CRL", VerifyWord.CRL_UNAVAILABLE, ReportWord.VALIDATION_FAILURE),
        ("INVALID_PURPOSE", VerifyWord.BAD_PURPOSE, ReportWord.CERTIFICATE_NOT_TRUSTED),
        ("HOSTNAME_MISMATCH", VerifyWord.NAME_MISMATCH, ReportWord.CERTIFICATE_HOST_MISMATCH),
        ("CERT_UNTRUSTED", VerifyWord.UNTRUSTED_ANCHOR, ReportWord.CERTIFICATE_NOT_TRUSTED),
    ],
)
def test_a_verify_error_of_the_library_has_its_words(
    constant: str, word: VerifyWord, report: ReportWord
) -> None:
    number = getattr(Binding.lib, f"X509_V_ERR_{constant}")
    assert failures.word_of_verify_error(number) is word
    assert failures.report_word_of(word) is report


def test_no_complaint_has_no_word_and_every_word_has_a_result_type() -> None:
    assert failures.word_of_verify_error(0) is None
    for each in VerifyWord:
        assert failures.report_word_of(each) in ReportWord
