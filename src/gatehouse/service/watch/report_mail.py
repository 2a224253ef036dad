# SPDX-License-Identifier: Apache-2.0
"""Queues a TLS report as a mail of ours, to be delivered like any other (RFC 8460 §5.3).

Nobody is told when it cannot be delivered: it asks for no notification, and ends with its day.
"""

import secrets
from dataclasses import dataclass

from gatehouse.journal.tls_report import Report, encode
from gatehouse.mail.address import Address
from gatehouse.mail.tls_report import ReportMail, compose
from gatehouse.service.watch.own_mail import OwnMail, queue_mails
from gatehouse.store.interface import Store

LIFETIME = 86_400.0  # RFC 8460 §5.5: a day of tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A report and whom it goes to."""

    report: Report
    domain: str
    submitter: str  # our host name
    sender: Address
    recipient: Address


def queue_report(store: Store, letter: Letter, now: float) -> OwnMail:
    """Write the mail and queue it. Blocks; raises StoreError. Then say so: `own_mail.announce`."""
    mid = store.ids.next("mid")
    message_id = f"<{mid}.{secrets.token_hex(8)}@{letter.submitter}>"
    mail = OwnMail(
        mid=mid,
        sender=letter.sender,
        recipient=letter.recipient,
        content=compose(_mail(letter, message_id, now)),
        message_id=message_id,
        subject=f"Report Domain: {letter.domain}",
        lifetime=LIFETIME,
        tls_required_no=True,  # §3: delivered even if TLS fails
    )
    queue_mails(store, (mail,), now)
    return mail


def _mail(letter: Letter, message_id: str, now: float) -> ReportMail:
    report = letter.report
    return ReportMail(
        sender=letter.sender,
        recipient=letter.recipient,
        domain=letter.domain,
        submitter=letter.submitter,
        organization=report.organization_name,
        report_id=report.report_id,
        message_id=message_id,
        boundary=secrets.token_hex(16),
        date=now,
        begins=int(report.date_range.start_datetime.timestamp()),
        ends=int(report.date_range.end_datetime.timestamp()),
        successes=report.successes,
        failures=report.failures,
        content=encode(report),
    )
