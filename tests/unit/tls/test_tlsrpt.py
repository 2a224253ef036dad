# SPDX-License-Identifier: Apache-2.0
"""Where reports go: one valid record, mailboxes and https, and nothing a stranger could abuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.tls.tlsrpt import MAX_TARGETS, HttpsTarget, MailTarget, parse_record


def told(texts: list[str]) -> list[str]:
    return [
        one.address.text if isinstance(one, MailTarget) else one.url for one in parse_record(texts)
    ]


@pytest.mark.parametrize(
    ("texts", "targets", "why"),
    [
        (["v=TLSRPTv1; rua=mailto:reports@example.com"], ["reports@example.com"], "§3.1.1"),
        (["v=TLSRPTv1; rua=https://r.example.com/v1/t"], ["https://r.example.com/v1/t"], "§3.1.2"),
        (
            ["v=TLSRPTv1;rua=mailto:a@b.example , https://c.example/d;"],
            ["a@b.example", "https://c.example/d"],
            "two targets",
        ),
        (["v=TLSRPTv1; x=y; rua=mailto:a@b.example"], ["a@b.example"], "unknown fields"),
        (["v=spf1", "v=TLSRPTv1; rua=mailto:a@b.example"], ["a@b.example"], "other records"),
        (["v=TLSRPTv1; rua=mailto:a%2Bx@b.example"], ["a+x@b.example"], "percent encoding"),
        (["v=TLSRPTv1; rua=mailto:a@b.example?bcc=c@d.example"], ["a@b.example"], "a query"),
        (["v=TLSRPTv1; rua=MAILTO:a@b.example"], ["a@b.example"], "schemes in any case"),
        (["v=TLSRPTv1; rua=mailto:a@b.example,mailto:a@b.example"], ["a@b.example"], "twice"),
        (["v=TLSRPTv1; rua=ftp://b.example,mailto:a@b.example"], ["a@b.example"], "one is odd"),
        (["v=TLSRPTv1; rua=http://b.example/"], [], "reports do not travel in clear"),
        (["v=TLSRPTv1; rua=file:///etc/passwd"], [], "no file"),
        (["v=TLSRPTv1; rua=mailto:a@b.example%0d%0aBcc: c@d.example"], [], "a header smuggled"),
        (["v=TLSRPTv1; rua=mailto:%C3%A4@b.example"], [], "no UTF-8 address"),
        (["v=TLSRPTv1; rua=mailto:"], [], "nobody"),
        (["v=TLSRPTv1"], [], "no rua"),
        (["v=TLSRPTv1; what"], [], "a broken field"),
        (["v=TLSRPTv2; rua=mailto:a@b.example"], [], "another version"),
        (["rua=mailto:a@b.example; v=TLSRPTv1"], [], "the version stands first"),
        (["v=TLSRPTv1; rua=mailto:a@b.example"] * 2, [], "two records are as good as none"),
        ([], [], "nothing"),
    ],
)
def test_a_record_names_its_targets(texts: list[str], targets: list[str], why: str) -> None:
    assert told(texts) == targets, why


def test_a_record_does_not_multiply_reports_without_end() -> None:
    uris = ",".join(f"mailto:a{number}@b.example" for number in range(50))
    assert len(parse_record([f"v=TLSRPTv1; rua={uris}"])) == MAX_TARGETS


@given(st.lists(st.text(max_size=60), max_size=3), st.text(max_size=60))
def test_records_of_any_kind_do_no_harm(others: list[str], rua: str) -> None:
    for one in parse_record([*others, f"v=TLSRPTv1; rua={rua}"]):
        match one:
            case MailTarget(address):
                assert address.text.isascii() and address.text.isprintable()
            case HttpsTarget(url):
                assert url.lower().startswith("https:") and url.isprintable()
