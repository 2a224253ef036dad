# SPDX-License-Identifier: Apache-2.0
"""What a certificate is to a trust store, and what is said before it is added."""

import pytest
from cryptography import x509

from gatehouse.tls import paths, trust
from gatehouse.tls.certificates import fingerprint
from gatehouse.tls.trust import Advice, Refusal, Role, TrustEntry
from tests.unit.tls import authority
from tests.unit.tls.authority import CROSS, DAY, LEAF, MIDDLE, NOW, ROOT, Made, issue


def look(
    made: Made,
    *,
    custom: tuple[Made, ...] = (),
    system: tuple[Made, ...] = (),
    together: tuple[Made, ...] = (),
) -> TrustEntry:
    return trust.inspect(
        made.certificate,
        custom=[each.certificate for each in custom],
        system=[each.certificate for each in system],
        together=[each.certificate for each in together],
        now=NOW,
    )


DEVICE = issue("device.example", ca=False)


@pytest.mark.parametrize(
    ("made", "role", "advice"),
    [
        (ROOT, Role.ROOT, ()),
        (MIDDLE, Role.INTERMEDIATE, (Advice.INTERMEDIATE, Advice.MISSING_ROOT)),
        (CROSS, Role.INTERMEDIATE, (Advice.INTERMEDIATE, Advice.MISSING_ROOT)),
        (LEAF, Role.LEAF, (Advice.LEAF,)),
        (DEVICE, Role.SELF_SIGNED_LEAF, (Advice.LEAF,)),
    ],
)
def test_each_kind_is_told_and_can_be_used(
    made: Made, role: Role, advice: tuple[Advice, ...]
) -> None:
    entry = look(made)
    assert (entry.role, entry.advice) == (role, advice)
    assert entry.usable
    assert entry.refusal is None
    assert entry.fingerprint == fingerprint(made.der)


def test_the_self_signed_twin_of_a_cross_signed_root_is_offered() -> None:
    entry = look(CROSS, system=(ROOT,))
    assert entry.role is Role.CROSS_SIGNED
    assert entry.twin == fingerprint(ROOT.der)
    assert Advice.CROSS_SIGNED in entry.advice
    assert Advice.SAME_KEY in entry.advice


def test_an_intermediate_beside_its_root_misses_nothing() -> None:
    assert look(MIDDLE, together=(ROOT,)).advice == (Advice.INTERMEDIATE,)


@pytest.mark.parametrize("ca", [True, False, None])
def test_what_is_called_usable_verifies_what_it_promises(ca: bool | None) -> None:
    made = issue("promise.example", ca=ca)
    assert look(made).usable
    store = paths.trust_store(custom=[made.certificate])
    assert paths.search((made.certificate,), store, max_intermediates=3).paths


def test_an_expired_certificate_is_refused() -> None:
    assert look(issue("Old", ca=True, end=NOW - DAY)).refusal is Refusal.EXPIRED


def test_a_duplicate_is_refused() -> None:
    entry = look(ROOT, custom=(ROOT,))
    assert (entry.refusal, entry.usable) == (Refusal.DUPLICATE, False)
    assert look(ROOT, system=(ROOT,)).usable


def test_an_issuer_without_the_ca_flag_is_refused() -> None:
    fake = issue("Fake CA", ca=False)
    child = issue("child.example", fake)
    assert look(fake, together=(fake, child)).refusal is Refusal.CA_FLAG
    assert look(fake, together=(fake,)).usable


def test_a_weak_key_is_refused() -> None:
    weak = issue("Weak", ca=True, own_key=authority.small_rsa())
    assert look(weak).refusal is Refusal.WEAK_KEY


def test_what_cannot_be_read_is_refused() -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x7f")
    assert look(issue("Broken", ca=True, extra=[(broken, False)])).refusal is Refusal.UNREADABLE


def test_dates_are_advised_about() -> None:
    assert Advice.EXPIRES_SOON in look(issue("Soon", ca=True, end=NOW + DAY)).advice
    later = issue("Later", ca=True, start=NOW + DAY)
    assert Advice.NOT_YET_VALID in look(later).advice


def test_a_ca_that_may_not_sign_is_advised_about() -> None:
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    made = issue("Mute CA", ca=True, extra=[(usage, True)])
    assert Advice.NO_KEY_CERT_SIGN in look(made).advice


@pytest.mark.parametrize(
    ("common_name", "wanted"),
    [
        ("Test Root CA", "Test-Root-CA"),
        ("*.example.com", "example.com"),
        ("../../etc/passwd", "etc-passwd"),
        ("<script>", "script"),
        ("日本", "certificate"),
        ("", "certificate"),
        ("x" * 200, "x" * 64),
    ],
)
def test_a_friendly_name_is_safe(common_name: str, wanted: str) -> None:
    if len(common_name) > 64:
        assert trust.friendly_name(_long(common_name)) == wanted
        return
    made = issue(common_name, ROOT, own_key=authority.key("friendly"))
    assert trust.friendly_name(made.certificate) == wanted


def _long(text: str) -> x509.Certificate:
    made = issue("short", ROOT, own_key=authority.key("friendly"))
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, text, _validate=False)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(ROOT.certificate.subject)
        .public_key(made.key.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
    )
    return builder.sign(ROOT.key, made.certificate.signature_hash_algorithm)  # type: ignore[arg-type]


def test_a_taken_friendly_name_is_numbered() -> None:
    taken = frozenset({"Test-Root", "Test-Root-2"})
    assert trust.friendly_name(ROOT.certificate, taken) == "Test-Root-3"
