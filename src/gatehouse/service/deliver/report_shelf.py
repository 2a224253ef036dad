# SPDX-License-Identifier: Apache-2.0
"""Keeps TLS reports of others: from a file or a mail to a row that the reports are made of.

Blocking; what comes in is a stranger's and is read by `mail.tls_report` and `journal.tls_report`.
"""

from gatehouse.journal import tls_report
from gatehouse.mail.tls_report import NoReport, extract, unpack
from gatehouse.store.interface import TlsReports
from gatehouse.store.tls_values import ReceivedTlsReport

MOST_KEPT = 20_000  # newest; a hundred senders a day for half a year


def read_file(content: bytes) -> tls_report.Report | NoReport:
    """A report from JSON, from gzipped JSON, or from a whole mail."""
    if content.startswith((b"\x1f\x8b", b"{")):
        return _read(unpack(content))
    return read_mail(content)


def read_mail(message: bytes) -> tls_report.Report | NoReport:
    """A report from a mail as it lies in the spool."""
    return _read(extract(message))


def _read(content: bytes | NoReport) -> tls_report.Report | NoReport:
    if isinstance(content, NoReport):
        return content
    report = tls_report.read(content)
    return NoReport(report.reason) if isinstance(report, tls_report.ReportFault) else report


def keep(store: TlsReports, report: tls_report.Report, source: str, now: float) -> int | None:
    """Keep a report; its number, or None when it is there already."""
    row = ReceivedTlsReport(
        received_at=now,
        source=source,
        organization=report.organization_name,
        report_id=report.report_id,
        contact=report.contact_info or "",
        begins_at=report.date_range.start_datetime.timestamp(),
        ends_at=report.date_range.end_datetime.timestamp(),
        domains=report.domains,
        successes=report.successes,
        failures=report.failures,
        content=tls_report.encode(report).decode(),
    )
    return store.keep(row, MOST_KEPT)
