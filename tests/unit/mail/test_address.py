# SPDX-License-Identifier: Apache-2.0
"""Addresses: what is taken, what is refused and with which words."""

import re
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail import address
from gatehouse.mail.address import (
    MAX_MAILBOX,
    Address,
    AddressFault,
    parse_bare,
    parse_domain,
    parse_forward_path,
    parse_mailbox,
    parse_reverse_path,
    routing_characters,
    shown,
    unquoted_local,
)


def good(raw: bytes | str) -> Address:
    parsed = parse_mailbox(raw.encode() if isinstance(raw, str) else raw)
    assert isinstance(parsed, Address), parsed
    return parsed


def bad(raw: bytes | str) -> str:
    parsed = parse_mailbox(raw.encode() if isinstance(raw, str) else raw)
    assert isinstance(parsed, AddressFault), parsed
    assert parsed.enhanced == "5.1.3"
    assert parsed.reason.isascii()
    assert parsed.reason.isprintable()
    assert len(parsed.reason) < 400
    return parsed.reason


def test_a_plain_address_keeps_its_text_and_gets_a_lower_case_domain() -> None:
    assert good("Ann.Smith@Bank.EXAMPLE") == Address(
        "Ann.Smith@Bank.EXAMPLE", "Ann.Smith", "bank.example", False
    )


@pytest.mark.parametrize(
    ("raw", "local", "domain"),
    [
        ("a@b", "a", "b"),  # one label is a domain
        ("a@r3---sn.example", "a", "r3---sn.example"),  # hyphens are no A-label by themselves
        ("a@3com.example", "a", "3com.example"),
        ("a@b.3d", "a", "b.3d"),  # a last label with a digit in front is no number
        ('"test"@gw.example', '"test"', "gw.example"),
        ('""@gw.example', '""', "gw.example"),
        ('"\\""@gw.example', '"\\""', "gw.example"),
        ('"a b"@gw.example', '"a b"', "gw.example"),
        ('" "@gw.example', '" "', "gw.example"),
        ('"x@y"@gw.example', '"x@y"', "gw.example"),
        ("T%D@gw.example", "T%D", "gw.example"),  # syntax is fine; policy refuses
        ("D!T@gw.example", "D!T", "gw.example"),
        ("-froot@x.example", "-froot", "x.example"),
        ("a@[127.0.0.1]", "a", "[127.0.0.1]"),
        ("a@[IPv6:::1]", "a", "[IPv6:::1]"),
        ("a@[ipv6:2001:DB8:0:0:0:0:0:1]", "a", "[IPv6:2001:db8::1]"),
        ("$(id)@x.example".replace("(id)", "{id}"), "${id}", "x.example"),  # data, never evaluated
    ],
)
def test_what_the_grammar_allows_is_taken(raw: str, local: str, domain: str) -> None:
    parsed = good(raw)
    assert (parsed.text, parsed.local, parsed.domain, parsed.utf8) == (raw, local, domain, False)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "Empty address"),
        ("user", "Missing domain in address: 'user'"),
        ("a@", "Invalid domain: ''"),
        ("@gw.example", "Empty local part in address: '@gw.example'"),
        (".a@gw", "Misplaced dot in address: '.a'"),
        ("a.@gw", "Misplaced dot in address: 'a.'"),
        ("a..b@gw", "Misplaced dot in address: 'a..b'"),
        ("a@gw.", "Invalid domain: 'gw.'"),
        ("a@.gw", "Invalid domain: '.gw'"),
        ("a@g..w", "Invalid domain: 'g..w'"),
        ("a@-x.com", "Invalid domain: '-x.com'"),
        ("a@x-.com", "Invalid domain: 'x-.com'"),
        ("a@b_c.example", "Invalid character in address: '_'"),
        ("a" * 65 + "@gw", "Local part too long: 65 octets"),
        ("a@" + "b" * 64 + ".example", "Label too long in domain: 64 octets"),
        ("a@" + "a." * 126 + "b", "Address too long: 255 octets"),
        ("a@[]", "Unsupported domain literal: '[]'"),
        ("a@[127.0.0.1", "Unsupported domain literal: '[127.0.0.1'"),
        ("a@[IPv6:1::2:]", "Unsupported domain literal: '[IPv6:1::2:]'"),
        ("a@[IPv6:fe80::1%eth0]", "Unsupported domain literal: '[IPv6:fe80::1%eth0]'"),
        ("a@[::1]", "Unsupported domain literal: '[::1]'"),
        ("a@[255.255.255.256]", "Unsupported domain literal: '[255.255.255.256]'"),
        ("a@[010.0.0.1]", "Unsupported domain literal: '[010.0.0.1]'"),  # octal or not?
        ("a@[x400:foo]", "Unsupported domain literal: '[x400:foo]'"),
        ("a@2130706433", "Numeric domain: '2130706433'"),
        ("a@0x7f000001", "Numeric domain: '0x7f000001'"),
        ("a@127.0.0.1", "Numeric domain: '127.0.0.1'"),
        ("a@gw@ext", "Invalid character in address: '@'"),
        ("a@gw\0.ext", "Invalid character in address: '\\x00'"),
        ("a@gw ext", "Invalid character in address: ' '"),
        ("a@gw><b@ext", "Invalid character in address: '>'"),
        ("a@gw,b@ext", "Invalid character in address: ','"),
        ("a@ext%00.gw", "Invalid character in address: '%'"),
        ("(c)a@gw", "Invalid character in address: '('"),
        ("a(c)@gw", "Invalid character in address: '('"),
        ("(any@legitimate.com", "Invalid character in address: '('"),
        ('a"b"c@gw', "Invalid character in address: '\"'"),
        ('"a"b@gw', "Invalid character in address: 'b'"),
        ('"a\\"@gw', "Unterminated quoted string in address: '\"a\\\\\"@gw'"),
        ('"a\nb"@x', "Invalid character in address: '\\x0a'"),
        ("a@gw\r\n", "Invalid character in address: '\\x0d'"),
        ("a b@gw", "Invalid character in address: ' '"),
        ("<;sleep 5;>", "Invalid character in address: '<'"),
        ("|/bin/sh", "Missing domain in address: '|/bin/sh'"),
        (":include:/etc/passwd", "Invalid character in address: ':'"),
    ],
)
def test_what_the_grammar_forbids_is_refused_with_a_reason(raw: str, reason: str) -> None:
    assert bad(raw) == reason


@pytest.mark.parametrize("raw", [b"@gw,@ext:a@ext", b"@[192.0.2.1]:T@D", b"@gw:T@D"])
def test_source_routes_are_recognised_only_to_be_refused(raw: bytes) -> None:
    assert bad(raw).startswith("Source route not accepted: '@")


def test_lengths_are_met_exactly() -> None:
    good(b"a" * 64 + b"@gw")
    good(b"a@" + b"b" * 63 + b".example")
    longest = b"a@" + b"b." * 125 + b"cc"
    assert len(longest) == MAX_MAILBOX
    good(longest)


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("用户@例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("δοκιμή@παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
        ("a@BÜCHER.example", "xn--bcher-kva.example"),
        ("a@bu\u0308cher.example", "xn--bcher-kva.example"),  # NFD is the same domain
        ("a@straße.example", "xn--strae-oqa.example"),  # not "strasse"
        ("a@ｅｘａｍｐｌｅ.com", "example.com"),  # what is judged is what is looked up
    ],
)
def test_international_addresses_get_a_labels(raw: str, domain: str) -> None:
    parsed = good(raw)
    assert (parsed.text, parsed.domain, parsed.utf8) == (raw, domain, True)


def test_u_label_and_a_label_are_one_domain() -> None:
    spellings = ["a@bücher.example", "a@BÜCHER.Example", "a@XN--BCHER-KVA.example"]
    assert {good(spelling).canonical for spelling in spellings} == {"a@xn--bcher-kva.example"}


def test_an_ascii_spelling_exists_only_when_the_local_part_is_ascii() -> None:
    assert good("a@bücher.example").ascii_text == "a@xn--bcher-kva.example"
    assert good("ü@bücher.example").ascii_text is None
    assert good("A@Bank.example").ascii_text == "A@Bank.example"


def test_cyrillic_look_alikes_are_another_domain() -> None:
    assert good("a@раураl.example").domain.startswith("xn--")


@pytest.mark.parametrize(
    "raw",
    [
        b"user@xn--a",  # no such A-label
        b"a@xn---",
        b"a@xn--bcher-kva-.example",
        "a@b\u200bc.example".encode(),  # zero width space
        "a@b\u00adc.example".encode(),  # soft hyphen, which mapping would drop
        "a@b\ufe0fc.example".encode(),  # variation selector, likewise
        "a@b\u3002example".encode(),  # a dot that is none
        "a@\u2665.example".encode(),  # symbols are no letters in IDNA 2008
        "a\u202eb@c.example".encode(),  # bidi override
        "a\u2066b@c.example".encode(),
        "a\u0085b@c.example".encode(),  # C1
        b"a@b\xed\xa0\x80",  # lone surrogate
        b"\xc0\xaf@c.example",  # overlong
        b"a@gw\xff",
        "a\U000e0041@c.example".encode(),  # tag character
    ],
)
def test_deceptive_and_broken_utf8_is_refused(raw: bytes) -> None:
    bad(raw)


def test_a_combining_spelling_of_a_local_part_is_one_account() -> None:
    assert good("e\u0301@x.example").canonical == good("é@x.example").canonical


def test_needless_quotes_do_not_make_another_account() -> None:
    assert good('"ann"@x.example').canonical == "ann@x.example"
    assert good('"a\\nn"@x.example').canonical == "ann@x.example"
    assert good('"a b"@x.example').canonical == '"a b"@x.example'
    assert good('"a\\\\\\""@x.example').canonical == '"a\\\\\\""@x.example'


def test_unquoting_takes_pairs_apart() -> None:
    assert unquoted_local('"a\\"b"') == 'a"b'
    assert unquoted_local("a\\b") == "a\\b"


@pytest.mark.parametrize("raw", [b"postmaster", b"PoStMaStEr"])
def test_bare_postmaster_is_a_recipient_and_nothing_else(raw: bytes) -> None:
    parsed = parse_forward_path(raw)
    assert isinstance(parsed, Address)
    assert (parsed.text, parsed.domain, parsed.canonical) == (raw.decode(), "", raw.decode())
    assert isinstance(parse_mailbox(raw), AddressFault)
    assert isinstance(parse_forward_path(b""), AddressFault)
    assert isinstance(parse_forward_path(b"root"), AddressFault)
    assert isinstance(parse_forward_path(b"a@b.example"), Address)


def test_only_a_sender_may_be_empty_and_its_fault_has_its_own_code() -> None:
    assert parse_reverse_path(b"") is None
    assert parse_reverse_path(b"a@[]") == AddressFault("Unsupported domain literal: '[]'", "5.1.7")
    assert str(parse_reverse_path(b"a@b.example")) == "a@b.example"


@pytest.mark.parametrize(
    ("raw", "routing"),
    [
        ("ann@gw", False),
        ("ann+tag@gw", False),
        ('"a b"@gw', False),
        ("T%D@gw", True),
        ("D!T@gw", True),
        ('"T@D"@gw', True),
        ('"@D:T"@gw', True),
        ('"T%D"@gw', True),
    ],
)
def test_routing_characters_are_seen(raw: str, routing: bool) -> None:
    assert routing_characters(good(raw)) is routing


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:::1]", "[IPv6:::1]"),
        ("", None),
        (".", None),
        ("example.com..", None),
        ("a b", None),
        ("a\nb", None),
        ("192.0.2.1", None),
        ("[192.0.2.1].", None),
        ("\udc80.example", None),
        ("a." * 126 + "bb", None),
        ("a." * 126 + "b", "a." * 126 + "b"),
        ("ü" * 300, None),
    ],
)
def test_domains_have_one_spelling_or_none(text: str, domain: str | None) -> None:
    assert parse_domain(text) == domain


def test_shown_text_is_bounded_and_printable() -> None:
    assert shown("a'\\\n\u202e\U0001f600") == "'a\\'\\\\\\x0a\\u202e\\U0001f600'"
    assert shown("x" * 10_000) == "'" + "x" * 60 + "'..."


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_give_an_address_or_a_printable_fault(raw: bytes) -> None:
    parsed = parse_mailbox(raw)
    if isinstance(parsed, AddressFault):
        bad(raw)
    else:
        assert parsed.text.encode() == raw


@given(st.text('aZ0.-@"\\ %[]:é\u200d<>', max_size=20))
@settings(max_examples=500)
def test_what_is_taken_reads_back_the_same(text: str) -> None:
    parsed = parse_mailbox(text.encode())
    if isinstance(parsed, Address):
        assert parsed.text == text
        assert text.startswith(parsed.local + "@")
        again = parse_mailbox(parsed.canonical.encode())
        assert isinstance(again, Address)
        assert again.canonical == parsed.canonical
        assert parse_domain(parsed.domain) == parsed.domain


@pytest.mark.parametrize(
    ("raw", "local"), [(b"cron", "cron"), (b'"a b"', '"a b"'), ("jörg".encode(), "jörg")]
)
def test_a_local_part_alone_is_bare(raw: bytes, local: str) -> None:
    bare = parse_bare(raw)
    assert bare == Address(local, local, "", not local.isascii())


@pytest.mark.parametrize(
    "raw", [b"", b"a@b", b"a@b.example", b'"a"@b', b"a b", b".a", b"a\r", b"x" * 65, b"<a>"]
)
def test_what_is_no_local_part_is_not_bare(raw: bytes) -> None:
    assert parse_bare(raw) is None


@given(
    st.lists(st.text(st.sampled_from("aZ09-x.n_ \u00e4["), max_size=5), min_size=1, max_size=4).map(
        ".".join
    )
)
@settings(max_examples=100, deadline=None)
def test_the_short_way_of_plain_domains_says_what_the_long_one_says(text: str) -> None:
    with mock.patch.object(address, "_PLAIN_DOMAIN", re.compile(r"(?!)")):
        slowly = parse_domain(text)
    assert parse_domain(text) == slowly


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("MX.Example.COM.", "mx.example.com"),
        ("mx.xn--mnchen-3ya.example", "mx.xn--mnchen-3ya.example"),
        ("xn--a", None),
        ("192.0.2.1", None),
        ("mx.0x7f", None),
        ("-a.example", None),
        ("a-.example", None),
        (f"{'a' * 64}.example", None),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
        ("a" * 63 + (".b" * 100), None),
    ],
)
def test_plain_domains_and_those_that_look_like_them(text: str, domain: str | None) -> None:
    assert parse_domain(text) == domain
