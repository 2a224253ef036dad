# SPDX-License-Identifier: Apache-2.0
"""DANE: which records count, what they match, and what a match is worth."""

import hashlib
import itertools
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.tls import dane
from gatehouse.tls.dane import DaneVerdict, TlsaRecord
from gatehouse.tls.failures import ReportWord, VerifyWord
from gatehouse.tls.names import Basis, Misfit
from tests.unit.tls.authority import DAY, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, Made, issue

EE, TA = 3, 2
CHAIN = (LEAF, MIDDLE, ROOT)
HOST = "mx.example.com"


def part_of(made: Made, selector: int) -> bytes:
    if selector == 0:
        return made.der
    return made.certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


def record(usage: int, selector: int, matching: int, made: Made) -> TlsaRecord:
    part = part_of(made, selector)
    digests = {0: part, 1: hashlib.sha256(part).digest(), 2: hashlib.sha512(part).digest()}
    return TlsaRecord(usage, selector, matching, digests[matching])


def judge(
    *records: TlsaRecord,
    sent: tuple[Made, ...] = CHAIN,
    references: tuple[str, ...] = (HOST,),
    at: datetime = NOW,
) -> DaneVerdict:
    return dane.verify(records, tuple(each.der for each in sent), references, at)


COMBINATIONS = list(itertools.product((0, 1), (0, 1, 2)))


# --- usage 3 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("selector", "matching"), COMBINATIONS)
def test_usage_3_matches_the_leaf(selector: int, matching: int) -> None:
    wanted = record(EE, selector, matching, LEAF)
    verdict = judge(wanted)
    assert verdict.verified
    assert (verdict.record, verdict.usage, verdict.depth) == (wanted, 3, 0)
    assert (verdict.word, verdict.report_word, verdict.text) == (None, None, "")


@pytest.mark.parametrize(("selector", "matching"), COMBINATIONS)
@pytest.mark.parametrize("other", [MIDDLE, ROOT, issue("mx.example.org")])
def test_usage_3_matches_nothing_but_the_leaf(selector: int, matching: int, other: Made) -> None:
    verdict = judge(record(EE, selector, matching, other))
    assert not verdict.verified
    assert verdict.word is VerifyWord.DANE_MISMATCH
    assert verdict.report_word is ReportWord.VALIDATION_FAILURE
    assert "no TLSA record matches" in verdict.text


def test_usage_3_asks_neither_for_dates_nor_names_nor_a_chain_nor_a_strong_key() -> None:
    old = issue("somebody else", OTHER_ROOT, start=NOW - 90 * DAY, end=NOW - 60 * DAY)
    assert judge(record(EE, 1, 1, old), sent=(old,), references=()).verified


def test_usage_3_needs_no_certificate_that_can_be_read() -> None:
    broken = b"\x30\x03\x02\x01\x00"
    wanted = TlsaRecord(EE, 0, 1, hashlib.sha256(broken).digest())
    assert dane.verify((wanted,), (broken,), (HOST,), NOW).verified
    by_key = TlsaRecord(EE, 1, 1, hashlib.sha256(b"").digest())
    assert not dane.verify((by_key,), (b"\x30\x00",), (HOST,), NOW).verified


def test_a_renewed_certificate_with_the_same_key_still_matches() -> None:
    renewed = issue(HOST, MIDDLE, dns=(HOST,), serial=4711)
    assert judge(record(EE, 1, 1, LEAF), sent=(renewed,)).verified
    assert not judge(record(EE, 0, 1, LEAF), sent=(renewed,)).verified


def test_one_of_several_records_is_enough() -> None:
    other = record(EE, 1, 1, issue("the next key"))
    assert judge(other, record(EE, 1, 1, LEAF)).verified
    assert judge(record(TA, 0, 1, OTHER_ROOT), record(EE, 1, 1, LEAF)).depth == 0
    assert judge(other, record(TA, 1, 1, ROOT)).depth == 2


# --- usage 2 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("selector", "matching"), COMBINATIONS)
@pytest.mark.parametrize(("anchor", "depth"), [(MIDDLE, 1), (ROOT, 2)])
def test_usage_2_makes_a_sent_certificate_the_anchor(
    selector: int, matching: int, anchor: Made, depth: int
) -> None:
    wanted = record(TA, selector, matching, anchor)
    verdict = judge(wanted)
    assert (verdict.record, verdict.usage, verdict.depth) == (wanted, 2, depth)
    assert verdict.names is not None
    assert (verdict.names.basis, verdict.names.reference) == (Basis.MX_SECURE, HOST)
    assert verdict.tried == ()


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [1, 2])
def test_a_digest_of_an_anchor_that_was_not_sent_proves_nothing(
    selector: int, matching: int
) -> None:
    verdict = judge(record(TA, selector, matching, ROOT), sent=(LEAF, MIDDLE))
    assert verdict.word is VerifyWord.DANE_MISMATCH
    assert "the anchor must be sent" in verdict.text


@pytest.mark.parametrize("selector", [0, 1])
def test_an_anchor_that_stands_whole_in_the_record_need_not_be_sent(selector: int) -> None:
    wanted = record(TA, selector, 0, ROOT)
    verdict = judge(wanted, sent=(LEAF, MIDDLE))
    assert (verdict.record, verdict.depth) == (wanted, 2)
    assert judge(record(TA, selector, 0, MIDDLE), sent=(LEAF,)).depth == 1


@pytest.mark.parametrize("selector", [0, 1])
def test_a_whole_anchor_that_signed_nothing_proves_nothing(selector: int) -> None:
    verdict = judge(record(TA, selector, 0, OTHER_ROOT), sent=(LEAF, MIDDLE))
    assert not verdict.verified
    assert verdict.word is not None


def test_the_leaf_is_not_its_own_anchor() -> None:
    assert not judge(record(TA, 0, 1, LEAF)).verified
    assert not judge(record(TA, 0, 0, LEAF)).verified
    alone = issue(HOST, ca=True, dns=(HOST,))
    assert not judge(record(TA, 0, 0, alone), sent=(alone,)).verified
    assert not judge(record(TA, 0, 1, alone), sent=(alone, alone)).verified


def test_an_anchor_somewhere_in_the_chain_that_did_not_sign_the_leaf_proves_nothing() -> None:
    stolen = issue(HOST, OTHER_ROOT, dns=(HOST,))
    verdict = judge(record(TA, 0, 1, ROOT), sent=(stolen, ROOT))
    assert not verdict.verified
    assert verdict.word is VerifyWord.INCOMPLETE_CHAIN
    assert verdict.report_word is ReportWord.CERTIFICATE_NOT_TRUSTED


def test_an_anchor_that_only_bears_the_name_of_the_issuer_proves_nothing() -> None:
    fake = issue("Test Root", ca=True, own_key=ec.generate_private_key(ec.SECP256R1()))
    verdict = judge(record(TA, 0, 1, fake), sent=(LEAF, MIDDLE, fake))
    assert not verdict.verified
    bare = judge(record(TA, 1, 0, fake), sent=(LEAF, MIDDLE))
    assert not bare.verified


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        (NOW - 9 * DAY, NOW - DAY, VerifyWord.EXPIRED),
        (NOW + DAY, NOW + 9 * DAY, VerifyWord.NOT_YET_VALID),
    ],
)
def test_under_usage_2_dates_count(start: datetime, end: datetime, word: VerifyWord) -> None:
    leaf = issue(HOST, MIDDLE, dns=(HOST,), start=start, end=end)
    verdict = judge(record(TA, 0, 1, ROOT), sent=(leaf, MIDDLE, ROOT))
    assert (verdict.word, verdict.report_word) == (word, ReportWord.CERTIFICATE_EXPIRED)
    assert verdict.chain is not None
    assert verdict.text.startswith(f"CN={HOST}: it ")


def test_under_usage_2_an_issuer_must_be_a_ca() -> None:
    leaf = issue("under a leaf", LEAF, dns=(HOST,))
    verdict = judge(record(TA, 0, 1, ROOT), sent=(leaf, LEAF, MIDDLE, ROOT))
    assert verdict.word is VerifyWord.BAD_PURPOSE


def test_under_usage_2_names_count() -> None:
    verdict = judge(record(TA, 0, 1, ROOT), references=("mx.other.example", "other.example"))
    assert verdict.word is VerifyWord.NAME_MISMATCH
    assert verdict.report_word is ReportWord.CERTIFICATE_HOST_MISMATCH
    assert [(each.reference, each.presented, each.why) for each in verdict.tried] == [
        ("mx.other.example", HOST, Misfit.DIFFERENT),
        ("other.example", HOST, Misfit.DIFFERENT),
    ]
    assert verdict.text.endswith("mx.other.example, other.example")


@pytest.mark.parametrize(
    ("dns", "common_name", "references", "basis"),
    [
        ((HOST,), "x", (HOST, "example.com"), Basis.MX_SECURE),
        (("example.com",), "x", (HOST, "example.com"), Basis.EMAIL_DOMAIN),
        (("*.example.com",), "x", (HOST,), Basis.MX_SECURE),
        ((), HOST, (HOST,), Basis.MX_SECURE),  # RFC 7672 §3.2.3: the CN where there is no DNS-ID
        (("x.example",), HOST, (HOST,), None),  # and nowhere else
        (("*.com",), "x", ("example.com",), None),
        (("m*.example.com",), "x", (HOST,), None),
        ((HOST,), "x", (), None),
    ],
)
def test_the_names_that_usage_2_accepts(
    dns: tuple[str, ...], common_name: str, references: tuple[str, ...], basis: Basis | None
) -> None:
    leaf = issue(common_name, MIDDLE, dns=dns)
    verdict = judge(record(TA, 1, 1, ROOT), sent=(leaf, MIDDLE, ROOT), references=references)
    assert verdict.verified == (basis is not None)
    assert verdict.names is not None
    assert verdict.names.basis is basis


def test_a_bare_key_is_judged_the_same_at_any_time() -> None:
    wanted = record(TA, 1, 0, ROOT)
    first = judge(wanted, sent=(LEAF, MIDDLE))
    assert first == judge(wanted, sent=(LEAF, MIDDLE))
    late = judge(wanted, sent=(LEAF, MIDDLE), at=NOW + 301 * DAY)
    assert late.word is VerifyWord.EXPIRED, "the chain below the key has its dates all the same"


def test_a_chain_of_junk_ends_with_a_reason() -> None:
    wanted = record(TA, 1, 1, ROOT)
    assert dane.verify((wanted,), (), (HOST,), NOW).word is VerifyWord.INCOMPLETE_CHAIN
    assert dane.verify((wanted,), (b"junk",), (HOST,), NOW).word is VerifyWord.BAD_PURPOSE
    sent = (LEAF.der, b"junk", MIDDLE.der, b"", ROOT.der)
    assert dane.verify((wanted,), sent, (HOST,), NOW).verified


# --- which records count --------------------------------------------------------------------------


@pytest.mark.parametrize("usage", [0, 1, 4, 255])
def test_other_usages_are_unusable(usage: int) -> None:
    for selector, matching in COMBINATIONS:
        assert dane.usable((record(usage, selector, matching, LEAF),)) == ()


@pytest.mark.parametrize(
    "unfit",
    [
        TlsaRecord(3, 2, 1, bytes(32)),
        TlsaRecord(3, 1, 3, bytes(32)),
        TlsaRecord(3, 1, 255, bytes(32)),
        TlsaRecord(3, 1, 1, bytes(31)),
        TlsaRecord(3, 1, 1, bytes(33)),
        TlsaRecord(3, 1, 1, b""),
        TlsaRecord(3, 1, 2, bytes(32)),
        TlsaRecord(2, 0, 0, b"junk"),
        TlsaRecord(3, 1, 0, b"\x30\x05\x00"),
        TlsaRecord(2, 0, 0, b"\x30\x84\x00\x01\x00\x00" + bytes(65536)),
    ],
)
def test_records_of_no_known_form_are_unusable(unfit: TlsaRecord) -> None:
    assert dane.usable((unfit,)) == ()
    verdict = judge(unfit)
    assert not verdict.verified
    assert verdict.report_word is ReportWord.TLSA_INVALID
    assert judge(unfit, record(EE, 1, 1, LEAF)).verified, "they do no harm beside a good one"


def test_no_records_are_none_that_are_usable() -> None:
    assert judge().report_word is ReportWord.TLSA_INVALID


def test_of_digests_of_one_kind_only_the_strongest_counts() -> None:
    weak, strong = record(EE, 1, 1, LEAF), record(EE, 1, 2, issue("the next key"))
    assert dane.usable((weak, strong)) == (strong,)
    assert not judge(weak, strong).verified
    assert judge(weak).verified
    broken = TlsaRecord(EE, 1, 2, bytes(63))
    assert dane.usable((weak, broken)) == (weak,), "one that is unusable pushes nothing aside"
    assert dane.usable((weak, TlsaRecord(EE, 1, 9, bytes(99)))) == (weak,)


def test_digests_of_different_kinds_and_whole_data_do_not_compete() -> None:
    kinds = (
        record(EE, 1, 1, LEAF),
        record(EE, 0, 2, LEAF),
        record(TA, 1, 1, ROOT),
        record(TA, 0, 2, ROOT),
        record(EE, 1, 0, LEAF),
    )
    assert dane.usable(kinds) == kinds


def test_equal_records_count_once_and_too_many_are_cut() -> None:
    one = record(EE, 1, 1, LEAF)
    assert dane.usable((one, one)) == (one,)
    many = tuple(TlsaRecord(EE, 1, 1, number.to_bytes(32)) for number in range(500))
    assert len(dane.usable(many)) == dane.MOST_RECORDS


# --- reading and showing --------------------------------------------------------------------------


def test_a_record_is_read_from_its_octets() -> None:
    wanted = record(EE, 1, 1, LEAF)
    assert dane.parse_tlsa(b"\x03\x01\x01" + wanted.data) == wanted
    assert dane.parse_tlsa(b"\xff\xff\xff\x00") == TlsaRecord(255, 255, 255, b"\x00")


@pytest.mark.parametrize("octets", [b"", b"\x03", b"\x03\x01\x01", bytes(4 + dane.LONGEST_DATA)])
def test_what_is_too_short_or_too_long_is_no_record(octets: bytes) -> None:
    assert dane.parse_tlsa(octets) is None


def test_a_record_is_shown_as_in_a_zone_file() -> None:
    assert TlsaRecord(3, 1, 1, b"\xab\x00").text == "3 1 1 ab00"
    assert len(record(TA, 0, 0, ROOT).text) < 150


def test_the_key_is_compared_as_it_was_sent() -> None:
    """A key of a kind that the library does not know, in a certificate made by hand."""
    key = bytes.fromhex("3011300a06082a030405060708090303000102")
    tbs = LEAF.certificate.tbs_certificate_bytes.replace(part_of(LEAF, 1), key)
    body = tbs[4:]
    tbs = b"\x30\x82" + len(body).to_bytes(2) + body
    whole = b"\x30\x82" + len(tbs).to_bytes(2) + tbs
    wanted = TlsaRecord(EE, 1, 1, hashlib.sha256(key).digest())
    assert dane.verify((wanted,), (whole,), (), NOW).verified


def test_a_certificate_of_version_1_has_its_key_elsewhere() -> None:
    tbs = LEAF.certificate.tbs_certificate_bytes
    body = tbs[4 + 5 :]  # without the version
    tbs = b"\x30\x82" + len(body).to_bytes(2) + body
    whole = b"\x30\x82" + len(tbs).to_bytes(2) + tbs
    assert dane.verify((record(EE, 1, 1, LEAF),), (whole,), (), NOW).verified


def test_hundreds_of_certificates_cost_little() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    crowd = tuple(
        x509.CertificateBuilder(
            issuer_name=MIDDLE.certificate.subject,
            subject_name=MIDDLE.certificate.subject,
            public_key=key.public_key(),
            serial_number=number + 1,
            not_valid_before=NOW - DAY,
            not_valid_after=NOW + DAY,
        )
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
        for number in range(200)
    )
    records = tuple(record(TA, 1, 0, issue(f"CA {number}")) for number in range(10))
    verdict = dane.verify(records, (LEAF.der, *crowd), (HOST,), NOW)
    assert not verdict.verified
