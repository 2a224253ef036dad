# SPDX-License-Identifier: Apache-2.0
"""The end of the way for mail to `[tls_reporting] receive_at`: read as a TLS report, and kept.

Such mail is queued like any other, so nothing of it is lost, and its sender waits for nobody. What
is no report is recorded and ends here too: the address is public, the senders of junk are forged,
and a bounce would go to those whom they forged.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gatehouse.journal import facts
from gatehouse.mail.tls_report import MAX_MAIL, NoReport
from gatehouse.service.deliver import report_shelf
from gatehouse.service.deliver.ready import Destination, ReadyLists
from gatehouse.service.deliver.settle import Attempt, Failed, Fate, Settler, Taken
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import BodyReader, Queue, TlsReports
from gatehouse.store.values import QueuedMessage

MOST_DOMAINS = 20  # that the fact names; the report has all


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeTools:
    """What the reader of reports works with."""

    queue: Queue
    bodies: BodyReader
    reports: TlsReports
    settler: Settler
    lists: ReadyLists
    wall: Callable[[], float]
    record: Callable[[facts.Fact], None]


class TlsReportIntake:
    """Takes the place of a courier for the destination `mail.tls_report.READER`."""

    def __init__(self, tools: IntakeTools) -> None:
        self._tools = tools

    async def run(self, destination: Destination) -> None:
        """Read until nothing is ready."""
        while destination.ready:
            mid = destination.ready.popleft()
            try:
                await self._take(mid, destination)
            finally:
                self._tools.lists.settled(mid, destination.domain)

    async def _take(self, mid: int, destination: Destination) -> None:
        message = self._tools.queue.load(mid)
        if message is None or message.held:
            return
        waiting = [
            one for one in message.recipients if one.recipient.address.domain == destination.domain
        ]
        if not waiting:
            return
        fate = await self._fate(message)
        fates = {one.rid: fate for one in waiting}
        await self._tools.settler.settle(Attempt(message, waiting, fates))

    async def _fate(self, message: QueuedMessage) -> Fate:
        tools = self._tools
        try:
            found = await asyncio.to_thread(self._read, message)
        except StoreError as error:
            # Not now: the store says when it is well again, and the mail waits like any other.
            return Failed(
                enhanced="4.3.0",
                text="The report cannot be kept now",
                code="000",
                lines=(str(error),),
            )
        tools.record(found)
        if isinstance(found, facts.TlsReportRefused):
            return Taken(f"no TLS report: {found.reason}", "")
        return Taken("kept as a TLS report", "")

    def _read(self, message: QueuedMessage) -> facts.TlsReportReceived | facts.TlsReportRefused:
        """Blocks for the body and the store; a body that cannot be read raises StoreError."""
        tools, now = self._tools, self._tools.wall()
        if message.size > MAX_MAIL:
            reason = f"the mail is larger than {MAX_MAIL} octets"
            return facts.TlsReportRefused(at=now, mid=message.mid, reason=reason)
        report = report_shelf.read_mail(b"".join(tools.bodies.read(message.body)))
        if isinstance(report, NoReport):
            return facts.TlsReportRefused(at=now, mid=message.mid, reason=report.reason)
        number = report_shelf.keep(tools.reports, report, "mail", now)
        return facts.TlsReportReceived(
            at=now,
            mid=message.mid,
            organization=report.organization_name,
            report_id=report.report_id,
            domains=report.domains[:MOST_DOMAINS],
            successes=report.successes,
            failures=report.failures,
            again=number is None,
        )
