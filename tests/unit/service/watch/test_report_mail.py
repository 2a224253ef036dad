# SPDX-License-Identifier: Apache-2.0
"""A report becomes a queued mail or an error that is told, and nothing in between."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gatehouse.journal.tls_report import Report, read
from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.service.watch.report_mail import LIFETIME, Letter, queue_report
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreFull
from gatehouse.store.interface import BodyWriter
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import Failed, Operation, QueueFilter, Result
from tests.unit.journal.test_tls_report import changed


def mailbox(text: str) -> Address:
    found = parse_mailbox(text.encode())
    assert isinstance(found, Address)
    return found


def letter() -> Letter:
    report = read(changed())
    assert isinstance(report, Report)
    return Letter(
        report=report,
        domain="shop.example",
        submitter="gw1.us.example",
        sender=mailbox("tls@us.example"),
        recipient=mailbox("reports@shop.example"),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = open_store(DataDirectory(tmp_path / "data"))
    yield made
    made.close()


def test_the_mail_is_queued_for_a_day(store: SqliteStore) -> None:
    mid = queue_report(store, letter(), 100.0).mid
    (entry,) = store.queue.list(QueueFilter(), 10)
    assert (entry.mid, entry.expires_at, entry.sender) == (mid, 100.0 + LIFETIME, "tls@us.example")
    message = store.queue.load(mid)
    assert message is not None and message.tls_required_no, "it arrives even if TLS fails"


def test_two_mails_never_have_one_message_id(store: SqliteStore) -> None:
    mids = [queue_report(store, letter(), 100.0).mid for _ in range(2)]
    ids = {message.message_id for message in store.queue.load_many(mids)}
    assert len(ids) == 2


def test_what_the_store_refuses_is_told(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(writer: BodyWriter, batch: Sequence[Operation]) -> tuple[Result, ...]:
        return (Failed(StoreFull("no room")),)

    monkeypatch.setattr(store, "commit_batch", refuse)
    with pytest.raises(StoreFull):
        queue_report(store, letter(), 100.0)
