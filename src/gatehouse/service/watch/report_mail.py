# SPDX-License-Identifier: Apache-2.0
"""Queues a TLS report as a mail of ours, to be delivered like any other (RFC 8460 §5.3).

Nobody is told when it cannot be delivered: it asks for no notification, and ends with its day.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gatehouse.journal import facts
from gatehouse.journal.tls_report import Report, encode
from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Envelope, Notify, Recipient
from gatehouse.mail.tls_report import ReportMail, compose
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store
from gatehouse.store.values import Added, AddMessage, Failed, NewMessage

LIFETIME = 86_400.0  # RFC 8460 §5.5: a day of tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A report and whom it goes to."""

    report: Report
    domain: str
    submitter: str  # our host name
    sender: Address
    recipient: Address


def queue_report(store: Store, letter: Letter, now: float) -> int:
    """Write the mail and queue it; its MID. Blocks; raises StoreError. Then say so: `announce`."""
    mid = store.ids.next("mid")
    message_id = f"<{mid}.{secrets.token_hex(8)}@{letter.submitter}>"
    content = compose(_mail(letter, message_id, now))
    bodies = store.body_writer()
    try:
        body = bodies.begin()
        body.write(content)
        message = NewMessage(
            mid=mid,
            icid=0,
            listener="",
            envelope=Envelope(
                sender=letter.sender,
                recipients=(Recipient(address=letter.recipient, notify=frozenset({Notify.NEVER})),),
            ),
            size=len(content),
            body=body.finish(),
            received_at=now,
            expires_at=now + LIFETIME,
            message_id=message_id,
            subject=f"Report Domain: {letter.domain}",
            tls_required_no=True,  # §3: delivered even if TLS fails
        )
        (result,) = store.commit_batch(bodies, (AddMessage(message),))
    finally:
        bodies.close()
    if not isinstance(result, Added):
        raise result.error if isinstance(result, Failed) else StoreError("not queued")
    return mid


def announce(letter: Letter, mid: int, at: float, record: Callable[[facts.Fact], None]) -> None:
    """The report is queued: say so, on the loop, as recorders are for one thread."""
    record(facts.MessageStarted(at=at, mid=mid, icid=0, sender=letter.sender.text))
    to = letter.recipient.text
    record(facts.RecipientAccepted(at=at, mid=mid, icid=0, rid=0, address=to))
    record(facts.MessageQueued(at=at, mid=mid))


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
