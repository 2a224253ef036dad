# SPDX-License-Identifier: Apache-2.0
"""Outgoing TLS in the configuration: what is built, what is refused, what is warned about."""

import pytest

from gatehouse.config.checks import Loaded, Refused, load
from gatehouse.config.format import format_document
from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.policy.destinations import DaneUse, LimitType, TrustList, WeakBasis
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.tls_profiles import TlsVersionName

BASE = 'format = 1\n[destination_controls.default]\ntls = "preferred"\n'
PIN = "sha256:" + "ab" * 32
PIN_WITH_COLONS = "SHA256:" + ":".join(["AB"] * 32)


def loaded(text: str) -> Loaded:
    found = load((BASE + text).encode())
    assert isinstance(found, Loaded), [str(one) for one in found.findings]
    return found


def said(text: str) -> str:
    found = load((BASE + text).encode())
    findings = found.findings if isinstance(found, Refused) else found.warnings
    return "\n".join(str(one) for one in findings)


def test_all_fields_arrive_and_inherit() -> None:
    text = f"""
dane = "opportunistic"
mta_sts = "on"
min_tls = "1.3"
recipient_limit = 10
[destination_controls."bank.example"]
tls = "required-verify-hosted"
dane = "mandatory"
weak_basis = "refuse"
verify_ptr = false
trust = ["custom"]
pinned_fingerprints = ["{PIN_WITH_COLONS}"]
client_certificate = "Demo"
tls_profile = "strong"
retry_without_dh = false
recipient_minutes = 5
limit_type = "mx-ip"
[tls_profiles.strong]
groups = ["X25519"]
security_level = 3
"""
    running = loaded(text).running
    default, bank = running.destinations.default, running.destinations.lookup("bank.example")
    assert default.demands.dane is DaneUse.OPPORTUNISTIC
    demands = bank.demands
    assert (demands.dane, demands.mta_sts) == (DaneUse.MANDATORY, True)
    assert demands.min_tls is TlsVersionName.TLS_1_3
    assert (demands.weak_basis, demands.verify_ptr) == (WeakBasis.REFUSE, False)
    assert demands.trust == (TrustList.CUSTOM,)
    assert demands.pinned_fingerprints == (PIN,)
    assert (demands.tls_profile.name, demands.tls_profile.security_level) == ("strong", 3)
    assert not demands.retry_without_dh
    assert (bank.recipient_limit, bank.recipient_minutes) == (10, 5)
    assert bank.limit_type is LimitType.MX_IP
    assert "delivery to bank.example" in running.certificate_uses()["Demo"]


def test_the_canonical_text_reads_back() -> None:
    text = 'mta_sts = "off"\ndane = "none"\n[[sender_tls_overrides]]\nsender="<>"\ntls="none"\n'
    document = loaded(text).document
    again = load(format_document(document).encode())
    assert isinstance(again, Loaded)
    assert again.document == document


def test_sender_overrides() -> None:
    text = '[[sender_tls_overrides]]\nsender = "Ann@A.example"\ndestination = ".B.example"\n'
    running = loaded(text + 'tls = "required"\n').running
    ann = parse_mailbox(b"ann@a.example")
    assert isinstance(ann, Address)
    found = running.sender_overrides.lookup(ann, "x.b.example")
    assert found is not None
    assert (found.tls, found.may_lower) == (OutboundTlsLevel.REQUIRED, False)
    assert running.sender_overrides.lookup(ann, "b.example") is None


DOMAIN = '[destination_controls."b.example"]\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOMAIN + 'client_certificate = "none"\n', "error: * client_certificate * Demo"),
        (DOMAIN + 'tls_profile = "p"\n', "error: * tls_profile * TLS profile"),
        (DOMAIN + 'pinned_fingerprints = ["sha256:ab"]\n', "error: * 64 hexadecimal digits"),
        (DOMAIN + 'pinned_fingerprints = ["md5:ab"]\n', "error: * 64 hexadecimal digits"),
        (DOMAIN + f'pinned_fingerprints = ["{PIN}"]\n', "warning: * recorded only"),
        (DOMAIN + 'min_tls = "1.0"\n', "error: * 1.2 or 1.3"),
        (DOMAIN + 'tls = "none"\nmin_tls = "1.3"\n', "warning: * min_tls * no effect"),
        (
            DOMAIN + 'min_tls = "1.3"\ntls_profile = "p"\n[tls_profiles.p]\nmax_version = "1.2"\n',
            "error: * above the highest version",
        ),
        (
            DOMAIN + 'tls = "required-verify"\ntrust = []\n',
            "error: * trust * no list to verify certificates by",
        ),
        (
            DOMAIN + 'tls = "required-verify"\ntrust = ["system"]\n[trust]\nsystem = false\n',
            "error: * no list to verify certificates by",
        ),
        (
            DOMAIN + 'dane = "mandatory"\n[delivery]\ndns_servers = ["192.0.2.1"]\n',
            "warning: * no DNS server is believed",
        ),
        (DOMAIN + 'dane = "mandatory"\ntls = "none"\n', "warning: * none has no effect"),
        (DOMAIN + 'ca_certificates = ["-----BEGIN KEY"]\n', "error: * neither a name nor a PEM"),
        (DOMAIN + "recipient_limit = 10\n", "warning: * counts per hour"),
        ('[tls_profiles.p]\nmin_version = "1.0"\n', "error: * at level 0 only"),
        ("[tls_profiles.p]\nsecurity_level = 1\n", "warning: * weaker than the house's rule"),
        (
            '[tls_profiles.p]\nmin_version = "1.3"\nmax_version = "1.2"\n',
            "error: * above max_version",
        ),
        ('[tls_profiles.p]\nciphers = "ALL:@SECLEVEL=0"\n', "error: * holds a level"),
        ('[tls_profiles.p]\nciphers = "ALL;x"\n', "error: * cipher string"),
        (
            DOMAIN + 'tls = "required"\ntls_profile = "p"\n[tls_profiles.p]\nsecurity_level = 1\n',
            "warning: * kept with weak TLS",
        ),
        ('[[sender_tls_overrides]]\nsender = "a b"\ntls = "none"\n', "error: * is no sender"),
        (
            '[[sender_tls_overrides]]\nsender = "ALL"\ndestination = "a@b"\ntls = "none"\n',
            "error: * is no domain",
        ),
        (
            '[[sender_tls_overrides]]\nsender = "ALL"\ntls = "none"\nmay_lower = true\n',
            "warning: * with less TLS",
        ),
    ],
)
def test_each_check_speaks(text: str, expected: str) -> None:
    """The words of `expected` stand in one finding in this order; "*" is anything."""
    findings = said(text)
    for line in findings.splitlines():
        rest = line
        for part in expected.split(" * "):
            _, hit, rest = rest.partition(part)
            if not hit:
                break
        else:
            return
    pytest.fail(f"not said: {expected}\n{findings}")


def test_a_validating_resolver_on_loopback_needs_no_warning() -> None:
    text = DOMAIN + 'dane = "mandatory"\n[delivery]\ndns_servers = ["127.0.0.1"]\n'
    assert "believed" not in said(text)
