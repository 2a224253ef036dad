# SPDX-License-Identifier: Apache-2.0
"""How TLS reports look to a person."""

from collections.abc import Callable
from typing import Any

from gatehouse.faces.actions import tls_reports
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table
from gatehouse.journal.escape import clean


def report_list(one: tls_reports.TlsReportList, to: Screen) -> str:
    """Reports of others above, what ours are made of below."""
    parts = ["Reports of others", _received(one, to) if one.received else "None yet."]
    parts.append("Our reports" if one.sending else "Our reports (sending is switched off)")
    parts.append(_counted(one, to) if one.counted else "Nothing was counted in the last days.")
    return "\n\n".join(parts)


def _received(one: tls_reports.TlsReportList, to: Screen) -> str:
    columns = (
        Column("NUMBER", right=True),
        Column("FROM", flexible=True),
        Column("DAY"),
        Column("DOMAINS", flexible=True),
        Column("SUCCEEDED", right=True),
        Column("FAILED", right=True),
        Column("CAME BY"),
    )
    rows = [
        (
            str(each.number),
            each.organization,
            each.begins_at.strftime("%Y-%m-%d"),
            ", ".join(each.domains),
            str(each.successes),
            str(each.failures),
            each.source,
        )
        for each in one.received
    ]
    return table(columns, rows, to)


def _counted(one: tls_reports.TlsReportList, to: Screen) -> str:
    columns = (
        Column("DAY"),
        Column("DOMAIN", flexible=True),
        Column("SUCCEEDED", right=True),
        Column("FAILED", right=True),
        Column("REPORT"),
        Column("NOTE", flexible=True),
    )
    rows = [
        (
            each.day,
            each.domain,
            str(each.successes),
            str(each.failures),
            each.outcome,
            each.note,
        )
        for each in one.counted
    ]
    return table(columns, rows, to)


def report_view(one: tls_reports.TlsReportView, to: Screen) -> str:
    """The head, then each policy with its failures."""
    about = one.about
    head = pairs(
        [
            ("From", about.organization),
            ("Contact", one.contact),
            ("Report", one.report_id),
            ("Begins", moment(about.begins_at)),
            ("Ends", moment(about.ends_at)),
            ("Received", f"{moment(about.received_at)}, by {about.source}"),
        ]
    )
    return "\n\n".join([head, *(_policy(each, to) for each in one.policies)])


def _policy(one: tls_reports.PolicyLine, to: Screen) -> str:
    head = pairs(
        [
            ("Domain", one.domain),
            ("Policy", one.kind),
            ("MX hosts", ", ".join(one.mx)),
            ("Succeeded", str(one.successes)),
            ("Failed", str(one.failures)),
        ]
    )
    if not one.details:
        return head
    columns = (
        Column("SESSIONS", right=True),
        Column("RESULT"),
        Column("MX HOST", flexible=True),
        Column("FROM"),
        Column("TO"),
        Column("REASON", flexible=True),
    )
    rows = [
        (
            str(each.sessions),
            each.result,
            each.receiving_mx,
            each.sending_ip,
            each.receiving_ip,
            each.reason,
        )
        for each in one.details
    ]
    return f"{head}\n\n{table(columns, rows, to)}"


def imported(one: tls_reports.Imported, to: Screen) -> str:
    """Under which number it is kept."""
    rows = [
        ("From", one.organization),
        ("Report", one.report_id),
        ("Domains", ", ".join(one.domains)),
        ("Succeeded", str(one.successes)),
        ("Failed", str(one.failures)),
    ]
    kept = "It was there already." if one.number is None else f"It is kept as number {one.number}."
    return f"{pairs(rows)}\n\n{kept}"


def sent(one: tls_reports.Sent, to: Screen) -> str:
    """One line for each report."""
    if not one.reports:
        return f"Nothing is to be sent about {clean(one.day)}."
    columns = (Column("DOMAIN", flexible=True), Column("REPORT"), Column("NOTE", flexible=True))
    return table(columns, [(each.domain, each.outcome, each.note) for each in one.reports], to)


RENDERERS: dict[type, Callable[[Any, Screen], str]] = {
    tls_reports.TlsReportList: report_list,
    tls_reports.TlsReportView: report_view,
    tls_reports.Imported: imported,
    tls_reports.Sent: sent,
}
