# SPDX-License-Identifier: Apache-2.0
"""Every form of a sender group's member has one reading."""

import ipaddress

import pytest

from gatehouse.policy import members


def span(text: str) -> tuple[str, str]:
    parsed = members.parse_member(text)
    assert isinstance(parsed, members.AddressSpan)
    kind = ipaddress.IPv4Address if parsed.bits == 32 else ipaddress.IPv6Address
    return str(kind(parsed.low)), str(kind(parsed.high))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.", "192.0.2.0", "192.0.2.255"),
        ("192.0.2", "192.0.2.0", "192.0.2.255"),
        ("192.0.", "192.0.0.0", "192.0.255.255"),
        ("192", "192.0.0.0", "192.255.255.255"),
        ("192.0.2.10-20", "192.0.2.10", "192.0.2.20"),
        ("192.0-5", "192.0.0.0", "192.5.255.255"),
        ("10-11", "10.0.0.0", "11.255.255.255"),
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
        ("10/8", "10.0.0.0", "10.255.255.255"),
        ("0/0", "0.0.0.0", "255.255.255.255"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::1"),
        ("2001:db8::1-2001:db8::f", "2001:db8::1", "2001:db8::f"),
        ("2001:db8::/126", "2001:db8::", "2001:db8::3"),
    ],
)
def test_address_forms(text: str, low: str, high: str) -> None:
    assert span(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    ["", ".", "256.1.1.1", "10/33", "192.0.2.20-10", "1.2.3.4.5", "2001:db8::/129", "fe80::1%e",
     "a b", "-x.example", "[192.0.2.1]", "10.0.0.0/8/8", "1-2-3", "::2-::1", "x" * 5000,
     "10.0.0.1\n"],
)  # fmt: skip
def test_what_is_no_member(text: str) -> None:
    assert isinstance(members.parse_member(text), members.MemberFault)


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("SBRS[-10.0:-3.0]", members.ScoreRange(-10.0, -3.0)),
        ("sbrs[0:+10]", members.ScoreRange(0.0, 10.0)),
        ("sbrs[none]", members.NoScore()),
        ("SBO:123456", members.Owner(123456)),
        ("country[kr]", members.Country("KR")),
        ("DNSLIST[BL.Example.net]", members.DnsList("bl.example.net")),
        ("nx.domain", members.ReverseState("nx.domain")),
        ("Serv.Fail", members.ReverseState("serv.fail")),
        ("not.double.verified", members.ReverseState("not.double.verified")),
    ],
)
def test_forms_that_ask_somebody_else(text: str, member: members.Member) -> None:
    assert members.parse_member(text) == member


@pytest.mark.parametrize(
    "text",
    ["SBRS[]", "SBRS[3]", "SBRS[5:1]", "SBRS[-11:0]", "SBRS[0:1e9]", "SBO:", "SBO:x", "dnslist[]",
     "dnslist[192.0.2.1]x", "dnslist[[192.0.2.1]]", "dnslist[a b]", "country[KOR]", "country[]",
     "SBRS[none", "asn[1]"],
)  # fmt: skip
def test_forms_that_ask_for_what_does_not_exist(text: str) -> None:
    assert isinstance(members.parse_member(text), members.MemberFault)


def test_names_and_all() -> None:
    assert members.parse_member("MX.Bank.Example") == members.HostName("mx.bank.example")
    assert members.parse_member(".Bank.example") == members.HostsBelow("bank.example")
    assert members.parse_member("all") == members.Everything()


def test_bits_behind_the_prefix_are_noticed() -> None:
    untidy = members.parse_member("192.0.2.5/24")
    assert isinstance(untidy, members.AddressSpan)
    assert not untidy.tidy
