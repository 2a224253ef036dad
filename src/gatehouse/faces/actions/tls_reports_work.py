# SPDX-License-Identifier: Apache-2.0
"""The work: TLS reports, those that others send us and those that we send."""

import asyncio
from datetime import date

import msgspec
from msgspec import UnsetType

from gatehouse.config.running import Running
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.faces.actions.tls_reports import (
    CountedLine,
    Failure,
    Imported,
    ImportInput,
    ListInput,
    PolicyLine,
    ReceivedLine,
    SendInput,
    Sent,
    SentLine,
    ShowInput,
    TlsReportList,
    TlsReportView,
)
from gatehouse.journal import tls_report
from gatehouse.journal.tls_report import DAY_SECONDS
from gatehouse.mail.tls_report import NoReport
from gatehouse.service.deliver import report_shelf
from gatehouse.service.watch.tls_reports import TlsReporter, day_text, standard_tools
from gatehouse.store.interface import Store
from gatehouse.store.tls_values import ReceivedTlsReport, TlsReportState

MOST_COUNTED = 10_000  # lines of one list


async def list_reports(house: House, given: ListInput) -> TlsReportList:
    """Reports of others, and the counts of ours."""
    running = running_now(house)
    received = await asyncio.to_thread(house.store.tls_reports.received, given.limit)
    return TlsReportList(
        sending=running is not None and running.tls_reporting.enabled,
        received=tuple(map(_line, received)),
        counted=await asyncio.to_thread(_counted, house.store),
    )


async def show(house: House, given: ShowInput) -> TlsReportView:
    """One report."""
    kept = await asyncio.to_thread(house.store.tls_reports.received_one, given.number)
    if kept is None:
        raise OperatorError(
            "no-such-tls-report",
            "There is no TLS report with this number.",
            str(given.number),
            "`gatehouse tls-report list` shows those that are there.",
        )
    report = msgspec.json.decode(kept.content, type=tls_report.Report)
    return TlsReportView(
        about=_line(kept),
        report_id=kept.report_id,
        contact=kept.contact,
        policies=tuple(map(_policy, report.policies)),
    )


async def import_report(house: House, given: ImportInput) -> Imported:
    """Read a report and keep it."""
    report = await asyncio.to_thread(report_shelf.read_file, given.file)
    if isinstance(report, NoReport):
        raise OperatorError(
            "no-tls-report",
            "The file holds no TLS report that can be read.",
            report.reason,
            "It can be JSON, gzipped JSON, or the whole mail.",
        )
    number = await asyncio.to_thread(
        report_shelf.keep, house.store.tls_reports, report, "import", house.clock.wall()
    )
    return Imported(
        number=number,
        organization=report.organization_name,
        report_id=report.report_id,
        domains=report.domains,
        successes=report.successes,
        failures=report.failures,
    )


async def send(house: House, given: SendInput) -> Sent:
    """Send what one day brought."""
    day = _day(given.day, house.clock.wall())
    reporter = TlsReporter(
        _reporting(house),
        standard_tools(house.store, house.clock, house.record, lambda: _wake(house)),
    )
    due = await asyncio.to_thread(reporter.due, day, float("inf"))
    if given.domain is not None:
        domain = given.domain.lower().rstrip(".")
        if domain not in await asyncio.to_thread(house.store.tls_reports.domains, day):
            raise OperatorError(
                "nothing-counted", "Nothing was counted for this domain on this day.", domain[:255]
            )
        due = [one for one in due if one.domain == domain] or [reporter.anew(day, domain)]
    sent = [await reporter.send(one) for one in due]
    return Sent(
        day=given.day,
        reports=tuple(
            SentLine(domain=one.domain, outcome=one.outcome, note=one.note) for one in sent
        ),
    )


def _wake(house: House) -> None:
    if house.gateway is not None:
        house.gateway.queue_changed()


def _reporting(house: House) -> Running:
    running = running_now(house)
    if running is None or running.tls_reporting.from_address is None:
        raise OperatorError(
            "no-tls-reporting",
            "The configuration does not say who sends TLS reports.",
            hint="Set from_address in [tls_reporting].",
        )
    return running


def _day(text: str, now: float) -> int:
    try:
        day = (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError:
        raise OperatorError(
            "no-day", "This is no day.", text[:40], "Write it as YYYY-MM-DD."
        ) from None
    if day >= int(now // DAY_SECONDS):
        raise OperatorError("day-not-over", "This day is not over yet, in UTC.", text)
    return day


def _counted(store: Store) -> tuple[CountedLine, ...]:
    reports = store.tls_reports
    lines: list[CountedLine] = []
    for day in reversed(reports.days()):
        states = {state.domain: state for state in reports.states(day)}
        for domain in reports.domains(day):
            if len(lines) == MOST_COUNTED:
                return tuple(lines)
            lines.append(_counted_line(store, day, domain, states.get(domain)))
    return tuple(lines)


def _counted_line(store: Store, day: int, domain: str, state: TlsReportState | None) -> CountedLine:
    counts = store.tls_reports.counts(day, domain)
    good = sum(one.sessions for one in counts if not one.result)
    return CountedLine(
        day=day_text(day),
        domain=domain,
        successes=good,
        failures=sum(one.sessions for one in counts) - good,
        outcome="not due" if state is None else state.outcome,
        note="" if state is None else state.note,
    )


def _line(kept: ReceivedTlsReport) -> ReceivedLine:
    return ReceivedLine(
        number=kept.id,
        received_at=moment(kept.received_at),
        source=kept.source,
        organization=kept.organization,
        begins_at=moment(kept.begins_at),
        ends_at=moment(kept.ends_at),
        domains=kept.domains,
        successes=kept.successes,
        failures=kept.failures,
    )


def _policy(one: tls_report.PolicyResult) -> PolicyLine:
    policy = one.policy
    mx = policy.mx_host or ()
    return PolicyLine(
        domain=policy.policy_domain,
        kind=policy.policy_type,
        policy=tuple(policy.policy_string or ()),
        mx=(mx,) if isinstance(mx, str) else tuple(mx),
        successes=one.summary.total_successful_session_count,
        failures=one.summary.total_failure_session_count,
        details=tuple(map(_failure, one.failure_details or ())),
    )


def _failure(one: tls_report.FailureDetail) -> Failure:
    return Failure(
        result=one.result_type,
        sessions=one.failed_session_count,
        sending_ip=_text(one.sending_mta_ip),
        receiving_mx=_text(one.receiving_mx_hostname),
        receiving_ip=_text(one.receiving_ip),
        reason=_text(one.failure_reason_code),
    )


def _text(value: str | UnsetType) -> str:
    return value if isinstance(value, str) else ""
