# SPDX-License-Identifier: Apache-2.0
"""TLS reports (RFC 8460 §4): from facts to counts, from counts to JSON, and JSON of others back.

What one day brought is counted by domain, policy and result. The names of the fields are those of
§4.4. A report of somebody else is a stranger's text: it is read into these types and no others,
with a bound on everything, and what is kept of it is written anew from them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gatehouse.journal.facts import TlsPolicyResult

DAY_SECONDS = 86_400
MOST_KEYS = 5000  # of one tally: above it failures lose their details, never their number
MOST_DETAILS = 500  # of one policy in a report of ours; the rest is summed up by result
MAX_TEXT = 500  # characters of one value, ours and others'
MAX_REASON = 200
# What we read of others (hostile-input 6.12.5). The largest senders report some dozen policies.
MAX_REPORT = 10 * 1024 * 1024
MAX_POLICIES = 1000
MAX_DETAILS = 5000
MAX_KEPT = 1024 * 1024  # octets of one report as it is kept
_Number = Annotated[int, Meta(ge=0, le=2**53)]  # RFC 8259 §6: what every reader agrees on


# --- counting -------------------------------------------------------------------------------------


class Key(NamedTuple):
    """What is counted as the same: `policy` and `detail` are JSON texts, `day` from 1970-01-01."""

    day: int
    domain: str
    policy: str
    result: str
    detail: str


class _Policy(msgspec.Struct, array_like=True, frozen=True):
    kind: str
    strings: tuple[str, ...]
    mx: tuple[str, ...]
    host: str  # DANE: the policy is one of an MX host


class _Detail(msgspec.Struct, array_like=True, frozen=True):
    sending_ip: str = ""
    receiving_mx: str = ""
    receiving_helo: str = ""
    receiving_ip: str = ""
    reason: str = ""


def key_of(fact: TlsPolicyResult) -> Key:
    """What a result counts for."""
    # RFC 8460 §1.1: the policy domain of DANE is the TLSA base domain, so each MX host has its own.
    host = fact.receiving_mx if fact.policy_type == "tlsa" else ""
    policy = _Policy(fact.policy_type, fact.policy_strings, fact.mx_patterns, host)
    detail = ""
    if fact.result:
        detail = _text(
            _Detail(
                fact.sending_ip,
                fact.receiving_mx[:MAX_TEXT],
                fact.receiving_mx_helo[:MAX_TEXT],
                fact.receiving_ip,
                fact.reason[:MAX_REASON],
            )
        )
    return Key(int(fact.at // DAY_SECONDS), fact.domain, _text(policy), fact.result, detail)


class Tally:
    """Counts until somebody takes the counts."""

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, fact: TlsPolicyResult) -> None:
        """One more session."""
        key = key_of(fact)
        if len(self._counts) >= MOST_KEYS and key not in self._counts and key.result:
            key = key._replace(detail=_text(_Detail()))
        self._counts[key] = self._counts.get(key, 0) + 1

    def take(self) -> dict[Key, int]:
        """The counts so far; counting begins anew."""
        counts, self._counts = self._counts, {}
        return counts


# --- the report (§4.4) ----------------------------------------------------------------------------


class DateRange(msgspec.Struct, rename="kebab", frozen=True):
    """The whole day, UTC."""

    start_datetime: datetime
    end_datetime: datetime


class AppliedPolicy(msgspec.Struct, rename="kebab", frozen=True, kw_only=True):
    """The policy that sessions were held against."""

    policy_type: str
    policy_string: list[str] | UnsetType = UNSET
    policy_domain: str = ""
    mx_host: list[str] | str | UnsetType = UNSET  # a list; early drafts had a text


class Summary(msgspec.Struct, rename="kebab", frozen=True, kw_only=True):
    """How many sessions ended how."""

    total_successful_session_count: _Number = 0
    total_failure_session_count: _Number = 0


class FailureDetail(msgspec.Struct, rename="kebab", frozen=True, kw_only=True):
    """Sessions that failed in the same way."""

    result_type: str
    sending_mta_ip: str | UnsetType = UNSET
    receiving_mx_hostname: str | UnsetType = UNSET
    receiving_mx_helo: str | UnsetType = UNSET
    receiving_ip: str | UnsetType = UNSET
    failed_session_count: _Number = 0
    additional_information: str | UnsetType = UNSET
    failure_reason_code: str | UnsetType = UNSET


_Details = Annotated[list[FailureDetail], Meta(max_length=MAX_DETAILS)]


class PolicyResult(msgspec.Struct, rename="kebab", frozen=True, kw_only=True):
    """A policy with its numbers."""

    policy: AppliedPolicy
    summary: Summary = Summary()
    failure_details: _Details | UnsetType | None = UNSET


class Report(msgspec.Struct, rename="kebab", frozen=True, kw_only=True):
    """One report: one sender about one day of one domain."""

    organization_name: str = ""
    date_range: DateRange
    contact_info: str | None = ""
    report_id: str = ""
    policies: Annotated[list[PolicyResult], Meta(max_length=MAX_POLICIES)]

    @property
    def successes(self) -> int:
        """Sessions that went well, over all policies."""
        return sum(one.summary.total_successful_session_count for one in self.policies)

    @property
    def failures(self) -> int:
        """Sessions that failed, over all policies."""
        return sum(one.summary.total_failure_session_count for one in self.policies)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains it speaks of, each once."""
        return tuple(dict.fromkeys(one.policy.policy_domain for one in self.policies))


class ReportFault(msgspec.Struct, frozen=True):
    """Why something is no report that can be kept."""

    reason: str


_encoder = msgspec.json.Encoder()
_report_decoder = msgspec.json.Decoder(Report)
_policy_decoder = msgspec.json.Decoder(_Policy)
_detail_decoder = msgspec.json.Decoder(_Detail)


def _text(value: msgspec.Struct) -> str:
    return _encoder.encode(value).decode()


def encode(report: Report) -> bytes:
    """As JSON, in the order of the specification."""
    return _encoder.encode(report)


def build(
    counts: Iterable[tuple[Key, int]], *, organization: str, contact: str, reporter: str
) -> Report | None:
    """The report about one day of one domain; None without counts. `reporter` is our host name.

    The id says day, domain and reporter, so that a report which is sent twice is known as such.
    """
    by_policy: dict[str, dict[tuple[str, str], int]] = {}
    day, domain = 0, ""
    for key, sessions in counts:
        day, domain = key.day, key.domain
        results = by_policy.setdefault(key.policy, {})
        results[key.result, key.detail] = results.get((key.result, key.detail), 0) + sessions
    if not by_policy:
        return None
    start = datetime.fromtimestamp(day * DAY_SECONDS, UTC)
    end = datetime.fromtimestamp((day + 1) * DAY_SECONDS - 1, UTC)
    return Report(
        organization_name=organization,
        date_range=DateRange(start, end),
        contact_info=contact,
        report_id=f"{start:%Y-%m-%d}.{domain}@{reporter}",
        policies=[_result(domain, policy, results) for policy, results in by_policy.items()],
    )


def _result(domain: str, policy: str, results: dict[tuple[str, str], int]) -> PolicyResult:
    about = _policy_decoder.decode(policy)
    mx = list(about.mx) or ([about.host] if about.host else [])
    failures = {pair: number for pair, number in results.items() if pair[0]}
    details = sorted(failures.items(), key=lambda item: -item[1])
    rest: dict[str, int] = {}
    for (result, _), number in details[MOST_DETAILS:]:
        rest[result] = rest.get(result, 0) + number
    listed = [_failure(result, detail, number) for (result, detail), number in details]
    summed = [
        FailureDetail(result_type=result, failed_session_count=number)
        for result, number in rest.items()
    ]
    return PolicyResult(
        policy=AppliedPolicy(
            policy_type=about.kind,
            policy_string=list(about.strings) or UNSET,
            policy_domain=about.host or domain,
            mx_host=mx or UNSET,
        ),
        summary=Summary(
            total_successful_session_count=results.get(("", ""), 0),
            total_failure_session_count=sum(failures.values()),
        ),
        failure_details=(listed[:MOST_DETAILS] + summed) or UNSET,
    )


def _failure(result: str, detail: str, sessions: int) -> FailureDetail:
    about = _detail_decoder.decode(detail)
    return FailureDetail(
        result_type=result,
        sending_mta_ip=about.sending_ip or UNSET,
        receiving_mx_hostname=about.receiving_mx or UNSET,
        receiving_mx_helo=about.receiving_helo or UNSET,
        receiving_ip=about.receiving_ip or UNSET,
        failed_session_count=sessions,
        failure_reason_code=about.reason or UNSET,
    )


# --- reports of others ----------------------------------------------------------------------------


def read(content: bytes) -> Report | ReportFault:
    """Read a report of somebody else, its texts cut to `MAX_TEXT`; unknown fields are dropped."""
    if len(content) > MAX_REPORT:
        return ReportFault(f"it is larger than {MAX_REPORT} octets")
    try:
        report = _report_decoder.decode(content)
    except RecursionError:
        return ReportFault("it is nested too deeply")
    except (msgspec.MsgspecError, ValueError) as error:
        # ValueError: numbers of thousands of digits, octets that are no UTF-8.
        return ReportFault(f"it is no TLS report: {str(error)[:MAX_REASON]}")
    tidy = _tidied(report)
    if len(encode(tidy)) > MAX_KEPT:
        return ReportFault(f"it says more than is kept of a report, {MAX_KEPT} octets")
    return tidy


def _tidied(report: Report) -> Report:
    return Report(
        organization_name=report.organization_name[:MAX_TEXT],
        date_range=DateRange(
            _utc(report.date_range.start_datetime), _utc(report.date_range.end_datetime)
        ),
        contact_info=(report.contact_info or "")[:MAX_TEXT],
        report_id=report.report_id[:MAX_TEXT],
        policies=[
            PolicyResult(
                policy=_tidied_policy(one.policy),
                summary=one.summary,
                failure_details=[_tidied_detail(each) for each in one.failure_details or ()]
                or UNSET,
            )
            for one in report.policies
        ],
    )


def _tidied_policy(policy: AppliedPolicy) -> AppliedPolicy:
    mx = [policy.mx_host] if isinstance(policy.mx_host, str) else list(policy.mx_host or ())
    strings = [each[:MAX_TEXT] for each in policy.policy_string or ()]
    return AppliedPolicy(
        policy_type=policy.policy_type[:MAX_TEXT],
        policy_string=strings or UNSET,
        policy_domain=policy.policy_domain[:MAX_TEXT].lower().rstrip("."),
        mx_host=[each[:MAX_TEXT] for each in mx] or UNSET,
    )


def _tidied_detail(detail: FailureDetail) -> FailureDetail:
    cut = {
        name: value[:MAX_TEXT]
        for name, value in msgspec.structs.asdict(detail).items()
        if isinstance(value, str)
    }
    return msgspec.structs.replace(detail, **cut)


def _utc(at: datetime) -> datetime:
    """A moment without a zone is meant in UTC (§4.1)."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
