# SPDX-License-Identifier: Apache-2.0
"""Records as plain values, and nothing of what cannot be one."""

import dns.edns
import dns.message
import dns.rdata
import dns.resolver
import pytest

from gatehouse.service.base import dns_records


@pytest.mark.parametrize(
    ("rdtype", "text", "read"),
    [
        ("A", "192.0.2.1", (4, "192.0.2.1")),
        ("AAAA", "2001:DB8::1", (6, "2001:db8::1")),
        ("MX", "10 MX.Example.COM.", (10, "mx.example.com")),
        ("MX", "0 .", (0, "")),
        ("MX", r"10 a\032b.example.com.", None),
        ("MX", "10 -.example.com.", None),
        ("PTR", "Host.Example.COM.", (0, "host.example.com")),
        ("PTR", r"evil\010name.example.", None),
        ("CNAME", "target.example.", (0, "target.example")),
        ("CNAME", r"tar\000get.example.", None),
        ("SOA", "ns.example. root.example. 1 2 3 4 5", (0, "ns.example.")),
        ("TXT", '"v=STSv1; " "id=1;"', (0, "v=STSv1; id=1;")),
        ("TXT", r'"\255"', (0, "\ufffd")),
        ("TLSA", "3 1 1 " + "AB" * 32, (0, "030101" + "ab" * 32)),
    ],
)
def test_a_record_is_read_as_a_pair(rdtype: str, text: str, read: tuple[int, str] | None) -> None:
    assert dns_records.read(dns.rdata.from_text("IN", rdtype, text), rdtype) == read


def test_text_is_cut() -> None:
    many = " ".join(f'"{"a" * 250}"' for _ in range(100))
    found = dns_records.read(dns.rdata.from_text("IN", "TXT", many), "TXT")
    assert found is not None
    assert len(found[1]) == dns_records.MAX_TXT


@pytest.mark.parametrize(
    ("codes", "why"),
    [
        ([], ""),
        ([dns.edns.EDECode.NETWORK_ERROR], ""),
        ([dns.edns.EDECode.NETWORK_ERROR, dns.edns.EDECode.RRSIGS_MISSING], "RRSIGs missing"),
        ([dns.edns.EDECode.DNSSEC_BOGUS], "DNSSEC bogus"),
    ],
)
def test_what_a_server_says_of_its_failure_is_told_in_our_words(
    codes: list[dns.edns.EDECode], why: str
) -> None:
    query = dns.message.make_query("x.test", "A")
    response = dns.message.make_response(query)
    response.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(one, "\x1b[31m") for one in codes])
    errors = [("192.0.2.1", False, 53, OSError(), None), ("x", False, 53, "SERVFAIL", response)]
    error = dns.resolver.NoNameservers(request=query, errors=errors)
    assert dns_records.why_bogus(error) == why
