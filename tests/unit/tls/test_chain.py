# SPDX-License-Identifier: Apache-2.0
"""The verdict on a chain: what is trusted, why not, and the rule for what operators add."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from gatehouse.tls import chain, paths
from gatehouse.tls.chain import ChainVerdict, Purpose, VerifyOptions
from gatehouse.tls.failures import ReportWord, VerifyWord
from tests.unit.tls import authority
from tests.unit.tls.authority import CROSS, DAY, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, Made, issue


def judge(
    *presented: Made,
    custom: tuple[Made, ...] = (),
    system: tuple[Made, ...] = (),
    stored: tuple[Made, ...] = (),
    at: datetime.datetime = NOW,
    options: VerifyOptions | None = None,
) -> ChainVerdict:
    store = paths.trust_store(
        custom=[each.certificate for each in custom],
        system=[each.certificate for each in system],
        intermediates=[each.certificate for each in stored],
    )
    certificates = tuple(each.certificate for each in presented)
    return chain.verify(certificates, store, at=at, options=options)


@pytest.mark.parametrize("lists", ["custom", "system"])
def test_a_chain_to_a_root_in_either_list_is_trusted(lists: str) -> None:
    verdict = judge(LEAF, MIDDLE, **{lists: (ROOT,)})  # type: ignore[arg-type]
    assert verdict.trusted
    assert (verdict.word, verdict.report_word) == (None, None)
    assert verdict.anchor is not None
    assert verdict.anchor.origin.value == lists
    assert verdict.path == (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)
    assert len(verdict.fingerprints) == 2


def test_order_duplicates_and_strangers_in_what_was_sent_do_not_matter() -> None:
    stranger = issue("Stranger", ca=True)
    assert judge(LEAF, stranger, ROOT, MIDDLE, MIDDLE, LEAF, custom=(ROOT,)).trusted


def test_a_missing_intermediate_is_found_among_the_stored_ones() -> None:
    assert judge(LEAF, custom=(ROOT,)).word is VerifyWord.INCOMPLETE_CHAIN
    assert judge(LEAF, custom=(ROOT,), stored=(MIDDLE,)).trusted


@pytest.mark.parametrize("anchor", [MIDDLE, CROSS, LEAF])
def test_whatever_the_operator_put_into_the_custom_list_is_an_anchor(anchor: Made) -> None:
    verdict = judge(LEAF, MIDDLE, custom=(anchor,))
    assert verdict.trusted
    assert verdict.path[-1] == anchor.certificate
    assert verdict.exact == (anchor is LEAF)


def test_the_harvested_set_of_a_server_works_as_a_trust_store() -> None:
    # The trust-store trap: all that the server sends, and nothing self-signed among it.
    assert judge(LEAF, MIDDLE, CROSS, custom=(LEAF, MIDDLE, CROSS)).trusted


def test_an_intermediate_of_the_system_list_is_no_anchor() -> None:
    verdict = judge(LEAF, MIDDLE, system=(MIDDLE,))
    assert not verdict.trusted
    assert verdict.word is VerifyWord.UNTRUSTED_ANCHOR
    assert verdict.report_word is ReportWord.CERTIFICATE_NOT_TRUSTED
    assert judge(LEAF, system=(MIDDLE, ROOT)).trusted


@pytest.mark.parametrize("ca", [True, False, None])
def test_a_self_signed_certificate_is_trusted_when_exactly_it_is_in_the_list(
    ca: bool | None,
) -> None:
    device = issue("device.example", ca=ca, dns=("device.example",))
    other = issue("device.example", ca=ca, own_key=authority.key("another"))
    assert judge(device, custom=(device,)).exact
    refused = judge(device, custom=(other,))
    assert refused.word is VerifyWord.SELF_SIGNED
    assert not refused.trusted


def test_a_leaf_in_the_list_vouches_for_nothing_but_itself() -> None:
    no_ca = issue("No CA", ROOT, ca=False)
    child = issue("child.example", no_ca)
    verdict = judge(child, no_ca, custom=(no_ca,))
    assert not verdict.trusted
    assert verdict.word is VerifyWord.BAD_PURPOSE


def test_a_chain_can_end_at_a_root_although_a_cross_signed_copy_was_sent() -> None:
    assert judge(LEAF, MIDDLE, CROSS, custom=(ROOT,)).path[-1] == ROOT.certificate
    assert judge(LEAF, MIDDLE, CROSS, custom=(OTHER_ROOT,)).path[-1] == OTHER_ROOT.certificate


def test_the_words_for_a_chain_without_an_anchor() -> None:
    assert judge(LEAF).word is VerifyWord.INCOMPLETE_CHAIN
    assert judge(LEAF, MIDDLE, custom=(OTHER_ROOT,)).word is VerifyWord.UNKNOWN_ISSUER
    assert judge(LEAF, MIDDLE, ROOT, custom=(OTHER_ROOT,)).word is VerifyWord.UNKNOWN_ISSUER


def test_a_root_of_the_same_name_with_another_key_is_told() -> None:
    impostor = issue("Test Root", ca=True, own_key=authority.key("impostor"))
    verdict = judge(LEAF, MIDDLE, custom=(impostor,))
    assert verdict.word is VerifyWord.UNKNOWN_ISSUER
    assert "none of them signed it" in verdict.problems[0].text


def test_dates_count_at_every_place() -> None:
    old = issue("Old Intermediate", ROOT, ca=True, end=NOW - DAY)
    verdict = judge(issue("a.example", old), old, custom=(ROOT,))
    assert (verdict.word, verdict.problems[0].position) == (VerifyWord.EXPIRED, 1)
    assert verdict.report_word is ReportWord.CERTIFICATE_EXPIRED
    future = judge(LEAF, MIDDLE, custom=(ROOT,), at=NOW - 101 * DAY)
    assert future.word is VerifyWord.NOT_YET_VALID
    pinned = issue("pinned.example", end=NOW - DAY)
    assert judge(pinned, custom=(pinned,)).word is VerifyWord.EXPIRED
    old_root = issue("Old Root", ca=True, end=NOW - DAY)
    assert judge(issue("b.example", old_root), custom=(old_root,)).word is VerifyWord.EXPIRED


def test_the_last_second_of_a_certificate_still_counts() -> None:
    end = LEAF.certificate.not_valid_after_utc
    assert judge(LEAF, MIDDLE, custom=(LEAF,), at=end).trusted
    half = datetime.timedelta(milliseconds=500)
    assert judge(LEAF, MIDDLE, custom=(LEAF,), at=end + half).trusted
    assert not judge(LEAF, MIDDLE, custom=(LEAF,), at=end + 2 * half).trusted


def test_the_better_of_two_ways_is_taken() -> None:
    expired = issue("Test Intermediate", ROOT, ca=True, end=NOW - DAY)
    assert judge(LEAF, expired, MIDDLE, custom=(ROOT,)).trusted


def test_what_is_no_ca_cannot_issue() -> None:
    fake = issue("fake.example", ROOT, ca=False)
    verdict = judge(issue("victim.example", fake), fake, custom=(ROOT,))
    assert verdict.word is VerifyWord.BAD_PURPOSE
    assert verdict.report_word is ReportWord.CERTIFICATE_NOT_TRUSTED


def test_path_length_is_kept() -> None:
    last = issue("Last CA", ROOT, ca=True, path_length=0)
    below = issue("Below", last, ca=True)
    verdict = judge(issue("c.example", below), below, last, custom=(ROOT,))
    assert verdict.word is VerifyWord.BAD_PURPOSE


def test_extended_key_usage_follows_the_purpose() -> None:
    server = issue("s.example", ROOT, purposes=(authority.SERVER,))
    client = issue("c.example", ROOT, purposes=(authority.CLIENT,))
    as_client = VerifyOptions(purpose=Purpose.CLIENT)
    lenient = VerifyOptions(purpose=Purpose.CLIENT, accept_server_auth_for_clients=True)
    assert judge(server, custom=(ROOT,)).trusted
    assert judge(client, custom=(ROOT,)).word is VerifyWord.BAD_PURPOSE
    assert judge(client, custom=(ROOT,), options=as_client).trusted
    assert judge(server, custom=(ROOT,), options=as_client).word is VerifyWord.BAD_PURPOSE
    assert judge(server, custom=(ROOT,), options=lenient).trusted


def test_a_ca_for_other_purposes_does_not_vouch_for_servers() -> None:
    limited = issue("Client CA", ROOT, ca=True, purposes=(authority.CLIENT,))
    verdict = judge(issue("d.example", limited), limited, custom=(ROOT,))
    assert (verdict.word, verdict.problems[0].position) == (VerifyWord.BAD_PURPOSE, 1)


def test_key_usage_must_allow_a_handshake() -> None:
    usage = x509.KeyUsage(False, True, False, False, False, False, False, False, False)
    verdict = judge(issue("e.example", ROOT, extra=[(usage, True)]), custom=(ROOT,))
    assert verdict.word is VerifyWord.BAD_PURPOSE


def test_weak_keys_are_refused_at_every_place_also_when_pinned() -> None:
    weak = issue("weak.example", ROOT, own_key=authority.small_rsa())
    assert judge(weak, custom=(ROOT,)).word is VerifyWord.WEAK
    assert judge(weak, custom=(weak,)).word is VerifyWord.WEAK
    assert judge(weak, custom=(ROOT,), options=VerifyOptions(min_rsa_bits=1024)).trusted
    weak_ca = issue("Weak CA", ca=True, own_key=authority.small_rsa())
    assert judge(issue("f.example", weak_ca), custom=(weak_ca,)).word is VerifyWord.WEAK


def test_a_sha1_signature_is_weak_below_the_anchor_and_free_at_it() -> None:
    key = authority.key("sha1.example")
    made = Made(_sha1("sha1.example", ROOT, key), key)
    assert judge(made, custom=(ROOT,)).word is VerifyWord.WEAK
    assert judge(made, custom=(made,)).trusted


def test_name_constraints_bind() -> None:
    only = x509.NameConstraints([x509.DNSName("inside.example")], None)
    bound = issue("Bound CA", ROOT, ca=True, extra=[(only, True)])
    inside = issue("mx.inside.example", bound, dns=("mx.inside.example",))
    outside = issue("mx.outside.example", bound, dns=("mx.outside.example",))
    assert judge(inside, bound, custom=(ROOT,)).trusted
    assert judge(outside, bound, custom=(ROOT,)).word is VerifyWord.BAD_PURPOSE


def test_a_wildcard_cannot_reach_into_an_excluded_name() -> None:
    never = x509.NameConstraints(None, [x509.DNSName("bank.example.com")])
    bound = issue("Excluding CA", ROOT, ca=True, extra=[(never, True)])
    wild = issue("wild.example.com", bound, dns=("*.example.com",))
    verdict = judge(wild, bound, custom=(ROOT,))
    assert verdict.word is VerifyWord.BAD_PURPOSE
    plain = issue("mx.example.com", bound, dns=("mx.example.com",))
    assert judge(plain, bound, custom=(ROOT,)).trusted


def test_an_unknown_critical_extension_is_refused() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    verdict = judge(issue("g.example", ROOT, extra=[(odd, True)]), custom=(ROOT,))
    assert verdict.word is VerifyWord.BAD_PURPOSE
    assert judge(issue("g.example", ROOT, extra=[(odd, False)]), custom=(ROOT,)).trusted


def test_too_many_intermediates_are_not_followed() -> None:
    top, line = ROOT, []
    for number in range(chain.MAX_INTERMEDIATES + 1):
        top = issue(f"CA {number}", top, ca=True)
        line.append(top)
    leaf = issue("deep.example", top)
    assert not judge(leaf, *line, custom=(ROOT,)).trusted
    longer = VerifyOptions(max_intermediates=chain.MAX_INTERMEDIATES + 1)
    assert judge(leaf, *line, custom=(ROOT,), options=longer).trusted


def test_strict_is_a_switch() -> None:
    bare = Made(_bare("bare.example", ROOT), authority.key("bare.example"))
    assert judge(bare, custom=(ROOT,)).trusted
    assert not judge(bare, custom=(ROOT,), options=VerifyOptions(strict=True)).trusted


def test_what_a_handshake_brought_is_loaded_and_garbage_behind_the_leaf_left_out() -> None:
    loaded = chain.load_presented([LEAF.der, b"\x30\x03garbage", MIDDLE.der])
    assert loaded == (LEAF.certificate, MIDDLE.certificate)
    assert isinstance(chain.load_presented([b"garbage"]), chain.ChainProblem)
    nothing = chain.load_presented([])
    assert isinstance(nothing, chain.ChainProblem)
    assert nothing.word is VerifyWord.INCOMPLETE_CHAIN


def _sha1(common_name: str, issuer: Made, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """SHA-256 written over by SHA-1 in both places, and signed anew by hand.

    The library no longer makes such certificates.
    """
    made = issue(common_name, issuer, own_key=key).certificate
    sha256, sha1 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06072a8648ce3d0401")
    tbs = _shorter(made, sha256, sha1)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    signature = issuer.key.sign(tbs, ec.ECDSA(hashes.SHA1()))
    algorithm = b"\x30" + bytes([len(sha1)]) + sha1
    bits = b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    return x509.load_der_x509_certificate(_wrapped(tbs + algorithm + bits))


def _shorter(made: x509.Certificate, old: bytes, new: bytes) -> bytes:
    tbs = made.tbs_certificate_bytes
    wrapped_old = b"\x30" + bytes([len(old)]) + old
    wrapped_new = b"\x30" + bytes([len(new)]) + new
    content = tbs[4:].replace(wrapped_old, wrapped_new, 1)
    return _wrapped(content)


def _wrapped(content: bytes) -> bytes:
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


def _bare(common_name: str, issuer: Made) -> x509.Certificate:
    """Without key identifiers, as old CAs made them."""
    return (
        x509.CertificateBuilder()
        .subject_name(authority.named(common_name))
        .issuer_name(issuer.certificate.subject)
        .public_key(authority.key(common_name).public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(issuer.key, hashes.SHA256())
    )
