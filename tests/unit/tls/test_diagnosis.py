# SPDX-License-Identifier: Apache-2.0
"""The diagnosis of a chain: every fault is found, named, explained, and comes with its cure."""

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import chain, diagnosis, facets, paths, trust
from gatehouse.tls.findings import TEXTS, Finding, Kind, Severity
from tests.unit.tls import authority
from tests.unit.tls.authority import CROSS, DAY, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, Made, issue

HOST = "mx.example.com"


def diagnose(
    *chain: Made,
    key: Made | None = None,
    hosts: tuple[str, ...] = (HOST,),
    stored: tuple[Made, ...] = (),
    anchors: tuple[Made, ...] = (ROOT,),
) -> tuple[Finding, ...]:
    return diagnosis.diagnose(
        [each.certificate for each in chain],
        now=NOW,
        key=None if key is None else key.key,
        host_names=hosts,
        stored=[each.certificate for each in stored],
        anchors=[each.certificate for each in anchors],
    )


def kinds(*chain: Made, **more: object) -> list[tuple[Kind, int]]:
    return [(each.kind, each.position) for each in diagnose(*chain, **more)]  # type: ignore[arg-type]


def complete(
    *chain: Made, stored: tuple[Made, ...] = (), anchors: tuple[Made, ...] = (ROOT,)
) -> diagnosis.Completed:
    return diagnosis.complete(
        [each.certificate for each in chain],
        [each.certificate for each in stored],
        [each.certificate for each in anchors],
    )


OLD_MIDDLE = issue("Test Intermediate", ROOT, ca=True, end=NOW - DAY, own_key=MIDDLE.key)
OTHER_MIDDLE = issue("Test Intermediate", ROOT, ca=True, own_key=authority.key("renewed"))
STRANGER = issue("Stranger", OTHER_ROOT, ca=True)


def test_a_good_chain_has_no_findings() -> None:
    assert diagnose(LEAF, MIDDLE, key=LEAF) == ()


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ((LEAF,), [(Kind.MISSING_INTERMEDIATE, 0)]),
        ((LEAF, MIDDLE, MIDDLE), [(Kind.DUPLICATE, 2)]),
        ((LEAF, MIDDLE, ROOT), [(Kind.ROOT_INCLUDED, 2)]),
        ((LEAF, MIDDLE, STRANGER), [(Kind.UNRELATED, 2)]),
        ((LEAF, OTHER_MIDDLE, MIDDLE), [(Kind.STALE, 1)]),
        ((LEAF, MIDDLE, OLD_MIDDLE), [(Kind.EXPIRED, 2), (Kind.STALE, 2)]),
        ((LEAF, CROSS, MIDDLE), [(Kind.MISSING_INTERMEDIATE, 1), (Kind.WRONG_ORDER, 0)]),
        ((LEAF, OTHER_MIDDLE), [(Kind.MISSING_INTERMEDIATE, 0), (Kind.STALE, 1)]),
        ((LEAF, OLD_MIDDLE), [(Kind.EXPIRED, 1)]),
    ],
)
def test_what_is_wrong_with_the_composition(
    chain: tuple[Made, ...], found: list[tuple[Kind, int]]
) -> None:
    assert kinds(*chain) == found


def test_a_missing_intermediate_comes_with_its_name_and_address() -> None:
    (found,) = diagnose(LEAF)
    assert found.severity is Severity.ERROR
    assert found.what == "The issuer of the certificate is missing: CN=Test Intermediate"
    assert found.urls == ("http://ca.example/middle.der",)
    assert "http://ca.example/middle.der" in found.do
    assert found.subject == "CN=mx.example.com"


def test_a_missing_intermediate_at_hand_is_offered() -> None:
    (found,) = diagnose(LEAF, stored=(MIDDLE,))
    assert "stored intermediates" in found.do


def test_the_dates_count_at_every_place() -> None:
    dead = issue("dead.example", MIDDLE, dns=(HOST,), end=NOW - DAY)
    future = issue("future.example", MIDDLE, dns=(HOST,), start=NOW + DAY)
    soon = issue("Soon CA", ROOT, ca=True, start=NOW - 400 * DAY, end=NOW + 29 * DAY)
    assert kinds(dead, MIDDLE) == [(Kind.EXPIRED, 0)]
    assert kinds(future, MIDDLE) == [(Kind.NOT_YET_VALID, 0)]
    assert kinds(issue("x.example", soon, dns=(HOST,)), soon) == [(Kind.SOON_TO_EXPIRE, 1)]


def test_soon_is_relative_for_a_short_life() -> None:
    short = issue("s.example", MIDDLE, dns=(HOST,), start=NOW - 17 * DAY, end=NOW + 30 * DAY)
    late = issue("s.example", MIDDLE, dns=(HOST,), start=NOW - 41 * DAY, end=NOW + 6 * DAY)
    assert kinds(short, MIDDLE) == []
    assert kinds(late, MIDDLE) == [(Kind.SOON_TO_EXPIRE, 0)]


def test_the_key_must_fit_and_a_swapped_order_is_recognised() -> None:
    assert kinds(LEAF, MIDDLE, key=ROOT)[0] == (Kind.KEY_MISMATCH, 0)
    swapped = diagnose(MIDDLE, LEAF, key=LEAF)
    assert swapped[0].kind is Kind.KEY_MISMATCH
    assert "belongs to certificate 2" in swapped[0].do


def test_weak_keys_and_wrong_ca_flags_are_found() -> None:
    weak = issue("weak.example", MIDDLE, dns=(HOST,), own_key=authority.small_rsa())
    no_ca = issue("No CA", ROOT, ca=False)
    below = issue("below.example", no_ca, dns=(HOST,))
    ca_leaf = issue("ca.example", MIDDLE, ca=True, dns=(HOST,))
    assert kinds(weak, MIDDLE) == [(Kind.WEAK, 0)]
    assert kinds(below, no_ca) == [(Kind.CA_FLAG, 1)]
    assert kinds(ca_leaf, MIDDLE) == [(Kind.CA_FLAG, 0)]


def test_a_self_signed_certificate_is_told_and_nothing_is_missing() -> None:
    alone = issue("self.example", ca=True, dns=(HOST,))
    assert kinds(alone) == [(Kind.SELF_SIGNED, 0)]


def test_name_coverage_is_told_for_each_host() -> None:
    found = diagnose(LEAF, MIDDLE, hosts=(HOST, "mail.example.com", "mx2.example.com"))
    assert [each.what for each in found] == [
        "The certificate does not cover mail.example.com",
        "The certificate does not cover mx2.example.com",
    ]


def test_a_common_name_alone_is_no_name() -> None:
    (found,) = diagnose(issue("cn.example", MIDDLE), MIDDLE)
    assert (found.kind, found.what) == (Kind.NO_NAMES, "The certificate has only a common name")


def test_an_unreadable_certificate_is_one_finding_and_no_crash() -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x7f")
    assert kinds(issue("broken.example", MIDDLE, extra=[(broken, False)]), MIDDLE) == [
        (Kind.UNREADABLE, 0)
    ]


def test_an_empty_chain_and_a_flood_are_findings() -> None:
    assert kinds() == [(Kind.EMPTY, -1)]
    flood = diagnose(LEAF, *[MIDDLE] * 60)
    assert flood[0].kind is Kind.TOO_LONG
    assert len(flood) < 60


def test_the_gravest_come_first() -> None:
    found = diagnose(LEAF, MIDDLE, ROOT, MIDDLE, STRANGER, hosts=("other.example",))
    order = [list(Severity).index(each.severity) for each in found]
    assert order == sorted(order)
    assert found[0].kind is Kind.NAME_NOT_COVERED


def test_every_kind_has_its_texts() -> None:
    assert set(TEXTS) | {Kind.EMPTY} == set(Kind)


def test_a_chain_is_put_in_order_and_cleaned() -> None:
    found = complete(LEAF, ROOT, STRANGER, MIDDLE, MIDDLE)
    assert found.chain == (LEAF.certificate, MIDDLE.certificate)
    dropped = (ROOT.certificate, STRANGER.certificate, MIDDLE.certificate)
    assert found.dropped == dropped
    assert found.complete


def test_a_chain_is_completed_from_the_stored_intermediates() -> None:
    found = complete(LEAF, stored=(STRANGER, OTHER_MIDDLE, OLD_MIDDLE, MIDDLE))
    assert found.chain == (LEAF.certificate, MIDDLE.certificate)
    assert found.added == (MIDDLE.certificate,)
    assert found.complete
    assert not found.reordered


def test_what_is_missing_is_named() -> None:
    found = complete(LEAF)
    assert not found.complete
    assert found.missing_issuer == "CN=Test Intermediate"
    assert found.urls == ("http://ca.example/middle.der",)


def test_a_cross_signed_copy_that_was_given_is_kept() -> None:
    found = complete(LEAF, MIDDLE, CROSS, anchors=(ROOT, OTHER_ROOT))
    assert found.chain == (LEAF.certificate, MIDDLE.certificate, CROSS.certificate)
    assert found.complete
    assert complete(LEAF, MIDDLE, stored=(CROSS, ROOT)).chain[-1] == MIDDLE.certificate


def test_two_cas_that_sign_each_other_do_not_hang() -> None:
    one = issue("One", OTHER_ROOT, ca=True)
    two = issue("Two", one, ca=True)
    back = issue("One", two, ca=True)
    assert not complete(issue("y.example", two), back, two, one, anchors=()).complete


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(MIDDLE.der) - 1), st.integers(1, 255))
def test_no_damaged_certificate_makes_diagnosis_verdict_or_entry_raise(at: int, bits: int) -> None:
    data = bytearray(MIDDLE.der)
    data[at] ^= bits
    try:
        damaged = x509.load_der_x509_certificate(bytes(data))
    except facets.BROKEN:
        return
    leaf, root = LEAF.certificate, ROOT.certificate
    diagnosis.diagnose([leaf, damaged], now=NOW, key=LEAF.key, host_names=[HOST])
    diagnosis.diagnose([damaged, root], now=NOW)
    trust.inspect(damaged, custom=[root], now=NOW)
    for custom in ([root], [damaged], [root, damaged]):
        store = paths.trust_store(custom=custom, system=[damaged], intermediates=[damaged])
        chain.verify((damaged,), store, at=NOW)
        verdict = chain.verify((leaf, damaged), paths.trust_store(custom=[root]), at=NOW)
        # Only bits outside the signed part may flip without being noticed, if any.
        assert not verdict.trusted or damaged.tbs_certificate_bytes == (
            MIDDLE.certificate.tbs_certificate_bytes
        )
