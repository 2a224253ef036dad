# SPDX-License-Identifier: Apache-2.0
"""TLS reports: what is counted, how it is told (RFC 8460 §4.4), and what is read of others."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.journal import tls_report
from gatehouse.journal.facts import TlsPolicyResult
from gatehouse.journal.tls_report import Key, Report, ReportFault, Tally, build, encode, read

DAY = 20_000  # 2024-10-04
AT = DAY * 86_400.0 + 5
POLICY = ("version: STSv1", "mode: testing", "mx: *.mail.shop.example", "max_age: 86400")


def fact(result: str = "", at: float = AT, **fields: Any) -> TlsPolicyResult:
    given: dict[str, Any] = {
        "domain": "shop.example",
        "policy_type": "sts",
        "policy_strings": POLICY,
        "mx_patterns": ("*.mail.shop.example",),
        "sending_ip": "192.0.2.1",
        "receiving_mx": "mx1.mail.shop.example",
        "receiving_mx_helo": "mx1",
        "receiving_ip": "198.51.100.1",
    }
    return TlsPolicyResult(at=at, result=result, **(given | fields))


def tallied(*facts: TlsPolicyResult) -> list[tuple[Key, int]]:
    tally = Tally()
    for one in facts:
        tally.add(one)
    return list(tally.take().items())


def built(*facts: TlsPolicyResult) -> Any:
    report = build(
        tallied(*facts), organization="Us", contact="tls@us.example", reporter="gw1.us.example"
    )
    assert report is not None
    return json.loads(encode(report))


def test_a_report_has_the_fields_of_the_specification() -> None:
    found = built(
        *[fact()] * 3,
        *[fact("certificate-expired", dcid=4, reason="expired 3 days ago")] * 2,
        fact("starttls-not-supported", receiving_mx_helo=""),
    )
    assert found == {
        "organization-name": "Us",
        "date-range": {
            "start-datetime": "2024-10-04T00:00:00Z",
            "end-datetime": "2024-10-04T23:59:59Z",
        },
        "contact-info": "tls@us.example",
        "report-id": "2024-10-04.shop.example@gw1.us.example",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": list(POLICY),
                    "policy-domain": "shop.example",
                    "mx-host": ["*.mail.shop.example"],
                },
                "summary": {
                    "total-successful-session-count": 3,
                    "total-failure-session-count": 3,
                },
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "192.0.2.1",
                        "receiving-mx-hostname": "mx1.mail.shop.example",
                        "receiving-mx-helo": "mx1",
                        "receiving-ip": "198.51.100.1",
                        "failed-session-count": 2,
                        "failure-reason-code": "expired 3 days ago",
                    },
                    {
                        "result-type": "starttls-not-supported",
                        "sending-mta-ip": "192.0.2.1",
                        "receiving-mx-hostname": "mx1.mail.shop.example",
                        "receiving-ip": "198.51.100.1",
                        "failed-session-count": 1,
                    },
                ],
            }
        ],
    }


def test_without_a_policy_there_is_nothing_to_quote() -> None:
    found = built(fact(policy_type="no-policy-found", policy_strings=(), mx_patterns=()))
    assert found["policies"] == [
        {
            "policy": {"policy-type": "no-policy-found", "policy-domain": "shop.example"},
            "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0},
        }
    ]


def test_under_dane_each_mx_host_has_a_policy_of_its_own() -> None:
    dane: dict[str, Any] = {
        "policy_type": "tlsa",
        "mx_patterns": (),
        "policy_strings": ("3 1 1 AB",),
    }
    found = built(
        fact(receiving_mx="mx1.shop.example", **dane),
        fact("validation-failure", receiving_mx="mx2.shop.example", **dane),
    )
    assert [one["policy"]["policy-domain"] for one in found["policies"]] == [
        "mx1.shop.example",
        "mx2.shop.example",
    ]
    assert [one["policy"]["mx-host"] for one in found["policies"]] == [
        ["mx1.shop.example"],
        ["mx2.shop.example"],
    ]


def test_a_policy_that_changed_during_the_day_is_two() -> None:
    found = built(fact(), fact(policy_strings=("version: STSv1", "mode: enforce")))
    assert len(found["policies"]) == 2


def test_a_day_ends_at_midnight_utc() -> None:
    midnight = (DAY + 1) * 86_400
    keys = [key for key, _ in tallied(fact(at=midnight - 0.001), fact(at=midnight))]
    assert [key.day for key in keys] == [DAY, DAY + 1]


def test_success_needs_no_details() -> None:
    ((key, sessions),) = tallied(fact(), fact(receiving_ip="198.51.100.2"))
    assert (key.result, key.detail, sessions) == ("", "", 2)


def test_counts_are_taken_once() -> None:
    tally = Tally()
    tally.add(fact())
    assert len(tally) == 1
    assert sum(tally.take().values()) == 1
    assert tally.take() == {} and len(tally) == 0


def test_failures_of_endless_variety_lose_details_not_numbers() -> None:
    sessions = tls_report.MOST_KEYS + 1000
    counts = tallied(*[fact("validation-failure", reason=f"r{n}") for n in range(sessions)])
    assert len(counts) == tls_report.MOST_KEYS + 1
    assert sum(number for _, number in counts) == sessions
    report = build(counts, organization="", contact="", reporter="")
    assert report is not None and report.failures == sessions
    details = report.policies[0].failure_details
    assert isinstance(details, list) and len(details) == tls_report.MOST_DETAILS + 1
    assert sum(one.failed_session_count for one in details) == sessions


def test_texts_of_servers_are_bounded() -> None:
    ((key, _),) = tallied(
        fact("validation-failure", receiving_mx_helo="x" * 9999, reason="y" * 9999)
    )
    assert len(key.detail) < 1000


def test_of_nothing_there_is_no_report() -> None:
    assert build([], organization="", contact="", reporter="") is None


# --- reports of others ----------------------------------------------------------------------------

EXAMPLE: dict[str, Any] = {
    "organization-name": "Company-X",
    "date-range": {
        "start-datetime": "2016-04-01T00:00:00Z",
        "end-datetime": "2016-04-01T23:59:59Z",
    },
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing"],
                "policy-domain": "Company-Y.example.",
                "mx-host": ["*.mail.company-y.example"],
            },
            "summary": {
                "total-successful-session-count": 5326,
                "total-failure-session-count": 303,
            },
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:0012::1",
                    "receiving-mx-hostname": "mx1.mail.company-y.example",
                    "failed-session-count": 100,
                }
            ],
        }
    ],
}


def changed(**fields: Any) -> bytes:
    return json.dumps(EXAMPLE | fields).encode()


def policy_with(**fields: Any) -> bytes:
    return changed(policies=[EXAMPLE["policies"][0] | fields])


def test_the_report_of_somebody_else_is_read() -> None:
    report = read(changed())
    assert isinstance(report, Report)
    assert (report.successes, report.failures) == (5326, 303)
    assert report.domains == ("company-y.example",)
    assert report.date_range.start_datetime.timestamp() == 1459468800
    assert read(encode(report)) == report


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (changed(unknown={"a": [1, {"b": 2}]}), "unknown fields"),
        (policy_with(policy={"policy-type": "sts", "mx-host": "*.a.example"}), "mx-host a text"),
        (policy_with(**{"failure-details": None}), "null for no details"),
        (policy_with(summary={}), "no numbers"),
        (changed(**{"contact-info": None}), "no contact"),
        (changed(policies=[]), "no policies"),
    ],
)
def test_what_others_write_a_little_differently_is_read_too(content: bytes, why: str) -> None:
    assert isinstance(read(content), Report), why


DIGITS = b"1" * 5000


@pytest.mark.parametrize(
    ("content", "words", "why"),
    [
        (b"", "no TLS report", "nothing"),
        (b"null", "no TLS report", "null"),
        (b"[]", "no TLS report", "a list"),
        (b"{}", "no TLS report", "nothing in it"),
        (b"\xff\xfe", "no TLS report", "no UTF-8"),
        (b"[" * 100_000, "", "100,000 deep"),
        (b'{"x":' * 100_000, "", "100,000 deep in an unknown field"),
        (changed().replace(b"5326", DIGITS), "no TLS report", "an integer of 5,000 digits"),
        (changed().replace(b"5326", b"-1"), "no TLS report", "a negative number"),
        (changed().replace(b"5326", b"1e400"), "no TLS report", "infinity"),
        (changed().replace(b"5326", b'"5326"'), "no TLS report", "a text for a number"),
        (changed().replace(b"5326", b"9007199254740993"), "no TLS report", "beyond 2^53"),
        (changed(policies={}), "no TLS report", "an object for a list"),
        (changed(policies=[EXAMPLE["policies"][0]] * 1001), "no TLS report", "policies no end"),
        (
            policy_with(**{"failure-details": [{"result-type": "x"}] * 5001}),
            "no TLS report",
            "details without end",
        ),
        (changed(**{"date-range": {"start-datetime": "yesterday"}}), "no TLS report", "a date"),
        (policy_with(policy={"policy-type": "x", "policy-string": ["y" * 400] * 4000}), "kept", ""),
        (b" " * (tls_report.MAX_REPORT + 1), "larger", "too large"),
    ],
)
def test_what_is_no_report_is_refused_with_a_reason(content: bytes, words: str, why: str) -> None:
    fault = read(content)
    assert isinstance(fault, ReportFault), why
    assert words in fault.reason, why
    assert len(fault.reason) < 400


def test_texts_of_others_are_cut() -> None:
    report = read(changed(**{"organization-name": "x" * 10_000, "report-id": "y" * 10_000}))
    assert isinstance(report, Report)
    assert len(report.organization_name) == len(report.report_id) == tls_report.MAX_TEXT


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists))
def test_json_of_any_kind_is_a_report_or_a_fault(value: Any) -> None:
    assert isinstance(read(changed(policies=value)), Report | ReportFault)


@given(st.binary(max_size=200))
def test_octets_of_any_kind_do_no_harm(content: bytes) -> None:
    assert isinstance(read(content), ReportFault)


def test_what_is_kept_says_the_same_to_any_reader() -> None:
    report = read(changed())
    assert isinstance(report, Report)
    assert msgspec.json.decode(encode(report), type=Report) == report
