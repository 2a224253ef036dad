# SPDX-License-Identifier: Apache-2.0
"""Names in certificates: the examples of the appliance's two algorithms, and every bad shape."""

import ipaddress
import string

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import der, names
from gatehouse.tls.names import Algorithm, Basis, Misfit, PresentedNames, References, Source
from tests.unit.tls import authority

labels = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8).filter(
    lambda each: not each.isdigit()
)


@pytest.mark.parametrize(
    ("presented", "reference"),
    [
        ("mx.example.com", "mx.example.com"),
        ("MX.Example.COM", "mx.example.com"),
        ("mx.example.com.", "mx.example.com"),
        ("mx.example.com", "mx.example.com."),
        ("*.example.com", "mx.example.com"),
        ("*.Example.com", "mx.EXAMPLE.com"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("*.example.com", "xn--bcher-kva.example.com"),
        ("localhost", "localhost"),
    ],
)
def test_these_names_fit(presented: str, reference: str) -> None:
    assert names.fit(presented, reference) is None


@pytest.mark.parametrize(
    ("presented", "reference", "why"),
    [
        ("mx.example.com", "mx2.example.com", Misfit.DIFFERENT),
        ("*.com", "example.com", Misfit.WILDCARD_TOO_WIDE),
        ("*", "example", Misfit.NOT_A_HOST_NAME),
        ("*.", "example", Misfit.NOT_A_HOST_NAME),
        ("f*.example.com", "foo.example.com", Misfit.WILDCARD_PLACE),
        ("*o.example.com", "foo.example.com", Misfit.WILDCARD_PLACE),
        ("*.*.example.com", "a.b.example.com", Misfit.WILDCARD_PLACE),
        ("mx.*.com", "mx.example.com", Misfit.WILDCARD_PLACE),
        ("*.example.com", "a.b.example.com", Misfit.WILDCARD_ONE_LABEL),
        ("*.example.com", "example.com", Misfit.WILDCARD_ONE_LABEL),
        ("*.example.com", "mx.example.org", Misfit.DIFFERENT),
        ("*.example.com", "mx.badexample.com", Misfit.DIFFERENT),
        ("xn--*.example.com", "xn--a.example.com", Misfit.WILDCARD_PLACE),
        ("mx.example.com\0", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        ("mx.example.com\0.evil.example", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        ("mx.example.com\n", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        ("mx.example.com..", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        (".example.com", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        (" mx.example.com", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        ("mx_1.example.com", "mx-1.example.com", Misfit.NOT_A_HOST_NAME),
        ("192.0.2.1", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        ("192.0.2.1", "192.0.2.1", Misfit.REFERENCE_INVALID),
        ("\u212aelvin.example", "kelvin.example", Misfit.NOT_A_HOST_NAME),
        ("bücher.example", "bücher.example", Misfit.NOT_A_HOST_NAME),
        ("a" * 64 + ".example", "a" * 64 + ".example", Misfit.REFERENCE_INVALID),
        ("x." * 130 + "example", "mx.example.com", Misfit.NOT_A_HOST_NAME),
        ("mx.example.com", "mx.example.com\0", Misfit.REFERENCE_INVALID),
        ("mx.example.com", "", Misfit.REFERENCE_INVALID),
        ("*.example.com", "*.example.com", Misfit.REFERENCE_INVALID),
    ],
)
def test_these_names_do_not_fit_and_say_why(presented: str, reference: str, why: Misfit) -> None:
    assert names.fit(presented, reference) is why


def test_a_wildcard_can_be_ruled_out() -> None:
    found = names.fit("*.example.com", "mx.example.com", wildcard=False)
    assert found is Misfit.WILDCARD_NOT_HERE


@settings(max_examples=60, deadline=None)
@given(st.lists(labels, min_size=3, max_size=6))
def test_a_wildcard_stands_for_one_label_and_no_other_number(parts: list[str]) -> None:
    host, rest = ".".join(parts), ".".join(parts[1:])
    assert names.fit(f"*.{rest}", host) is None
    assert names.fit(f"*.{rest}", rest) is Misfit.WILDCARD_ONE_LABEL
    assert names.fit(f"*.{rest}", f"deep.{host}") is Misfit.WILDCARD_ONE_LABEL
    assert names.fit(host.upper(), host) is None


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40), st.lists(labels, min_size=2, max_size=4))
def test_only_the_name_itself_or_its_wildcard_ever_fits(presented: str, parts: list[str]) -> None:
    host = ".".join(parts)
    fits = names.fit(presented, host) is None
    wanted = {host, f"*.{'.'.join(parts[1:])}" if len(parts) > 2 else host}
    assert fits == (presented.isascii() and presented.lower().removesuffix(".") in wanted)


@settings(max_examples=60, deadline=None)
@given(st.lists(labels, min_size=2, max_size=4), st.sampled_from("\0\r\n\t _/*\x7f\u00e9"))
def test_a_character_that_cannot_stand_in_a_host_name_never_fits(
    parts: list[str], bad: str
) -> None:
    host = ".".join(parts)
    for spoiled in (host + bad, bad + host, host.replace(".", bad, 1), f"{host}{bad}.example"):
        assert names.fit(spoiled, host) is not None


SHOP = "shop.example"


def presented(san: str | None, common_name: str | None) -> PresentedNames:
    return PresentedNames(
        dns=() if san is None else (san,),
        common_name=common_name,
        has_alternative_names=san is not None,
    )


@pytest.mark.parametrize(
    ("san", "cn", "references", "verify", "hosted"),
    [
        ("shop.example", None, References(domain=SHOP, mx="mx.shop.example"),
         Basis.EMAIL_DOMAIN, Basis.EMAIL_DOMAIN),
        ("mx1.host.example", "mx1.host.example",
         References(domain=SHOP, mx="mx1.host.example", ptr="mx1.host.example", ptr_confirmed=True),
         Basis.PTR, Basis.MX_UNSIGNED),
        ("mx1.host.example", None,
         References(domain=SHOP, mx="mx1.host.example", ptr="mx1.host.example", ptr_confirmed=True),
         None, Basis.MX_UNSIGNED),
        ("other.example", "shop.example", References(domain=SHOP, mx="mx.shop.example"),
         Basis.EMAIL_DOMAIN, None),
        (None, "*.shop.example",
         References(domain=SHOP, mx="mx.shop.example", ptr="mx.shop.example", ptr_confirmed=True),
         None, Basis.MX_UNSIGNED),
        ("*.shop.example", None, References(domain="a.b.shop.example", mx="mx.shop.example"),
         None, Basis.MX_UNSIGNED),
        ("*.example", None, References(domain=SHOP, mx="mx.shop.example"), None, None),
        ("relay.corp.example", None, References(domain=SHOP, route="relay.corp.example"),
         None, Basis.SMTP_ROUTE),
    ],
)  # fmt: skip
def test_the_examples_of_the_two_algorithms(
    san: str | None,
    cn: str | None,
    references: References,
    verify: Basis | None,
    hosted: Basis | None,
) -> None:
    found = presented(san, cn)
    assert names.verify(found, references).basis is verify
    assert names.hosted_verify(found, references).basis is hosted


def test_a_failed_verdict_lists_every_name_tried_and_why() -> None:
    found = PresentedNames(
        dns=("*.example", "bad\0.example"), common_name="shop.example", has_alternative_names=True
    )
    verdict = names.hosted_verify(found, References(domain=SHOP, mx="mx.shop.example"))
    assert not verdict.matched
    assert verdict.algorithm is Algorithm.HOSTED
    assert [(e.basis, e.source, e.presented, e.why) for e in verdict.tried] == [
        (Basis.EMAIL_DOMAIN, Source.ALTERNATIVE_NAME, "*.example", Misfit.WILDCARD_TOO_WIDE),
        (Basis.EMAIL_DOMAIN, Source.ALTERNATIVE_NAME, "bad?.example", Misfit.NOT_A_HOST_NAME),
        (Basis.EMAIL_DOMAIN, Source.COMMON_NAME, "shop.example", Misfit.COMMON_NAME_IGNORED),
        (Basis.MX_UNSIGNED, Source.ALTERNATIVE_NAME, "*.example", Misfit.WILDCARD_TOO_WIDE),
        (Basis.MX_UNSIGNED, Source.ALTERNATIVE_NAME, "bad?.example", Misfit.NOT_A_HOST_NAME),
        (Basis.MX_UNSIGNED, Source.COMMON_NAME, "shop.example", Misfit.COMMON_NAME_IGNORED),
    ]


def test_a_route_in_force_replaces_the_mx_host() -> None:
    found = presented("mx.shop.example", None)
    references = References(domain=SHOP, mx="mx.shop.example", route="relay.corp.example")
    assert not names.hosted_verify(found, references).matched


def test_the_strength_of_a_basis_is_told() -> None:
    found = presented("mx.shop.example", None)
    weak = names.hosted_verify(found, References(domain=SHOP, mx="mx.shop.example"))
    secure = References(domain=SHOP, mx="mx.shop.example", mx_secure=True)
    strong = names.hosted_verify(found, secure)
    assert (weak.basis, weak.weak) == (Basis.MX_UNSIGNED, True)
    assert (strong.basis, strong.weak) == (Basis.MX_SECURE, False)


def test_the_reverse_name_counts_only_confirmed_and_switched_on() -> None:
    found = presented(None, "mx1.host.example")
    unconfirmed = References(domain=SHOP, ptr="mx1.host.example")
    verdict = names.verify(found, unconfirmed)
    assert not verdict.matched
    assert verdict.tried[-1].why is Misfit.NOT_VERIFIED
    confirmed = References(domain=SHOP, ptr="mx1.host.example", ptr_confirmed=True)
    assert names.verify(found, confirmed).weak
    assert not names.verify(found, confirmed, verify_ptr=False).matched


def test_names_are_read_from_a_certificate_with_its_last_common_name() -> None:
    made = authority.issue(
        "mx.example.com", dns=("a.example", "*.b.example"),
    )  # fmt: skip
    found = names.presented_names(made.certificate)
    assert found.dns == ("a.example", "*.b.example")
    assert found.common_name == "mx.example.com"
    assert not found.too_many


def test_one_broken_alternative_name_does_not_hide_the_others() -> None:
    san = _raw_san(b"\x82\x04b\xff\x00d", b"\x82\x09good.test", b"\x87\x04\xc0\x00\x02\x01")
    found = names.presented_names(san)
    assert found.dns == ("b\xff\x00d", "good.test")
    assert found.ip == (ipaddress.ip_address("192.0.2.1"),)
    assert names.covers(found, "good.test")
    assert names.covers(found, "192.0.2.1")
    assert names.covers(found, "[192.0.2.1]")
    assert not names.covers(found, "192.0.2.2")


def test_dane_accepts_the_base_domain_first_and_then_the_others() -> None:
    found = PresentedNames(dns=("a.example", "shop.example"), common_name="mx.shop.example")
    verdict = names.dane_verify(found, ("mx.shop.example", "shop.example"))
    assert (verdict.algorithm, verdict.basis) == (Algorithm.DANE, Basis.EMAIL_DOMAIN)
    assert [(one.basis, one.source, one.presented, one.why) for one in verdict.tried] == [
        (Basis.MX_SECURE, Source.ALTERNATIVE_NAME, "a.example", Misfit.DIFFERENT),
        (Basis.MX_SECURE, Source.ALTERNATIVE_NAME, "shop.example", Misfit.DIFFERENT),
        (Basis.EMAIL_DOMAIN, Source.ALTERNATIVE_NAME, "a.example", Misfit.DIFFERENT),
    ]
    assert not names.dane_verify(found, ()).matched


def test_dane_asks_the_common_name_only_where_there_is_no_other() -> None:
    old = PresentedNames(common_name="mx.shop.example")
    verdict = names.dane_verify(old, ("mx.shop.example",))
    assert (verdict.basis, verdict.source) == (Basis.MX_SECURE, Source.COMMON_NAME)
    new = PresentedNames(dns=("a.example",), common_name="mx.shop.example")
    assert not names.dane_verify(new, ("mx.shop.example",)).matched


def test_a_damaged_extension_does_not_bring_the_common_name_back() -> None:
    made = authority.issue(
        "mx.example.com",
        extra=[
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x7f"), False)
        ],
    )
    found = names.presented_names(made.certificate)
    assert (found.dns, found.common_name, found.has_alternative_names) == ((), None, True)
    assert not names.hosted_verify(found, References(domain="mx.example.com")).matched


def test_ten_thousand_names_are_not_all_read() -> None:
    found = names.presented_names(_raw_san(*[b"\x82\x06a.test"] * 10_000))
    assert len(found.dns) == names.MOST_NAMES
    assert found.too_many


def _raw_san(*entries: bytes) -> x509.Certificate:
    body = b"".join(entries)
    size = len(body).to_bytes(3, "big")
    value = b"\x30\x83" + size + body
    assert der.element(value).content == body
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), value)
    return authority.issue("cn.example", extra=[(extension, False)]).certificate
