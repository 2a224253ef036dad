# SPDX-License-Identifier: Apache-2.0
"""Mail to the address for reports: read, kept once, and gone from the queue whatever it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from gatehouse.journal import facts
from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.envelope import Envelope, Recipient
from gatehouse.mail.tls_report import MAX_MAIL, READER, addressed
from gatehouse.service.deliver.ready import ReadyLists
from gatehouse.service.deliver.settle import Attempt, Failed, Settler, Taken
from gatehouse.service.deliver.tls_intake import IntakeTools, TlsReportIntake
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreFull
from gatehouse.store.interface import TlsReports
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.tls_values import ReceivedTlsReport
from gatehouse.store.values import (
    AddMessage,
    Cursor,
    Delete,
    Everything,
    Hold,
    NewMessage,
    Operation,
)
from tests.unit.journal.test_tls_report import changed

MAILBOX = "tlsrpt@example.com"


def mailbox(text: str) -> Address:
    found = parse_mailbox(text.encode())
    assert isinstance(found, Address)
    return found


def to(*recipients: str) -> Envelope:
    return Envelope(
        sender=mailbox("noreply@partner.example"),
        recipients=tuple(Recipient(address=mailbox(one)) for one in recipients),
    )


def report_mail(content: bytes | None = None) -> bytes:
    body = changed() if content is None else content
    return b"Subject: x\r\nContent-Type: application/tlsrpt+json\r\n\r\n" + body


def test_only_the_mailbox_goes_to_the_reader() -> None:
    others = to("tlsrpt@example.org", "bob@example.com")
    assert addressed(others, MAILBOX) is others
    mixed = addressed(to("bob@example.com", "TlsRpt@EXAMPLE.com"), MAILBOX)
    assert [one.address.domain for one in mixed.recipients] == ["example.com", READER]
    assert [one.address.text for one in mixed.recipients] == [
        "bob@example.com",
        "TlsRpt@EXAMPLE.com",
    ]


class Settled:
    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    async def settle(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)


class Desk:
    """A queue with mail for the reader."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.settled = Settled()
        self.facts: list[facts.Fact] = []
        self.reports: TlsReports = store.tls_reports

    def queue(self, *messages: bytes) -> None:
        writer = self.store.body_writer()
        for content in messages:
            body = writer.begin()
            body.write(content)
            message = NewMessage(
                mid=self.store.ids.next("mid"),
                icid=1,
                listener="In",
                envelope=addressed(to("bob@example.com", MAILBOX), MAILBOX),
                size=len(content),
                body=body.finish(),
                received_at=10.0,
                expires_at=1000.0,
            )
            self.store.commit_batch(writer, [AddMessage(message)])
        writer.close()

    def read(self, *, meanwhile: Operation | None = None) -> list[Taken | Failed]:
        lists = ReadyLists()
        lists.add(self.store.queue.due(20.0, 100, Cursor()).recipients)
        if meanwhile is not None:
            self.store.queue.write([meanwhile])
        intake = TlsReportIntake(
            IntakeTools(
                queue=self.store.queue,
                bodies=self.store.spool,
                reports=self.reports,
                settler=cast(Settler, self.settled),
                lists=lists,
                wall=lambda: 20.0,
                record=self.facts.append,
            )
        )
        before = len(lists)
        asyncio.run(intake.run(lists.destination(READER)))
        assert len(lists) == before / 2, "what was read may fall due again; bob's is not ours"
        return [fate for attempt in self.settled.attempts for fate in attempt.fates.values()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(DataDirectory(tmp_path / "data"))
    yield Desk(store)
    store.close()


def test_a_report_is_kept_and_its_mail_is_done(desk: Desk) -> None:
    desk.queue(report_mail())
    (fate,) = desk.read()
    assert isinstance(fate, Taken)
    (attempt,) = desk.settled.attempts
    assert [one.rid for one in attempt.waiting] == [1]
    (kept,) = desk.store.tls_reports.received(5)
    assert (kept.source, kept.organization, kept.failures) == ("mail", "Company-X", 303)
    (fact,) = desk.facts
    assert isinstance(fact, facts.TlsReportReceived)
    assert (fact.domains, fact.again) == (("company-y.example",), False)


def test_the_same_report_is_kept_once(desk: Desk) -> None:
    desk.queue(report_mail(), report_mail())
    desk.read()
    assert len(desk.store.tls_reports.received(5)) == 1
    assert [cast(facts.TlsReportReceived, fact).again for fact in desk.facts] == [False, True]


@pytest.mark.parametrize(
    "content", [b"Subject: buy\r\n\r\nnow", report_mail(b"[" * 10_000), b"x" * (MAX_MAIL + 1)]
)
def test_what_is_no_report_is_told_and_ends_too(desk: Desk, content: bytes) -> None:
    desk.queue(content)
    (fate,) = desk.read()
    assert isinstance(fate, Taken)
    (fact,) = desk.facts
    assert isinstance(fact, facts.TlsReportRefused) and fact.reason
    assert desk.store.tls_reports.received(5) == ()


class FullShelf:
    def keep(self, report: ReceivedTlsReport, most: int) -> int | None:
        raise StoreFull("no room")


def test_a_store_that_is_full_makes_the_mail_wait(desk: Desk) -> None:
    desk.queue(report_mail())
    desk.reports = cast(TlsReports, FullShelf())
    (fate,) = desk.read()
    assert isinstance(fate, Failed) and not fate.permanent
    assert desk.facts == []


@pytest.mark.parametrize("operation", [Hold(Everything()), Delete(Everything())])
def test_what_an_operator_held_or_removed_is_left_alone(desk: Desk, operation: Operation) -> None:
    desk.queue(report_mail())
    assert desk.read(meanwhile=operation) == []
    assert desk.store.tls_reports.received(5) == ()
