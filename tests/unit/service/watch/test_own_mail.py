# SPDX-License-Identifier: Apache-2.0
"""Mail of our own is queued whole or not at all, and asks for no report about itself."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gatehouse.journal.facts import Fact, MessageQueued, MessageStarted, RecipientAccepted
from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.envelope import Notify
from gatehouse.service.watch.own_mail import OwnMail, announce, queue_mails
from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreFull
from gatehouse.store.interface import BodyWriter
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import Failed, MessageKind, Operation, Result


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = open_store(DataDirectory(tmp_path / "data"))
    yield made
    made.close()


def mail(mid: int, content: bytes = b"Subject: a\r\n\r\nb\r\n") -> OwnMail:
    recipient = parse_mailbox(b"ops@us.example")
    assert isinstance(recipient, Address)
    return OwnMail(
        mid=mid,
        sender=None,
        recipient=recipient,
        content=content,
        message_id="<1@us.example>",
        subject="a",
        lifetime=60.0,
        kind=MessageKind.ALERT,
    )


def test_several_are_queued_at_once_with_all_that_was_said(store: SqliteStore) -> None:
    mids = [store.ids.next("mid") for _ in range(3)]
    queue_mails(store, [mail(mid) for mid in mids], 100.0)
    found = sorted(store.queue.load_many(mids), key=lambda one: one.mid)
    assert [one.mid for one in found] == mids
    for one in found:
        assert (one.sender, one.kind, one.expires_at) == (None, MessageKind.ALERT, 160.0)
        assert one.recipients[0].recipient.notify == frozenset({Notify.NEVER})
        assert store.spool.read_small(one.body) == b"Subject: a\r\n\r\nb\r\n"


def test_only_what_needs_it_asks_for_smtputf8(store: SqliteStore) -> None:
    mids = [store.ids.next("mid") for _ in range(2)]
    queue_mails(store, [mail(mids[0]), mail(mids[1], "To: <ö@x>\r\n\r\n".encode())], 100.0)
    first, second = (store.queue.load(mid) for mid in mids)
    assert first is not None and second is not None
    assert (first.smtputf8, second.smtputf8) == (False, True)


def test_what_the_store_refuses_is_told(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(writer: BodyWriter, batch: Sequence[Operation]) -> tuple[Result, ...]:
        return (Failed(StoreFull("no room")),)

    monkeypatch.setattr(store, "commit_batch", refuse)
    with pytest.raises(StoreFull):
        queue_mails(store, [mail(1)], 100.0)


def test_it_is_announced_like_any_other_message() -> None:
    told: list[Fact] = []
    announce(mail(7), 5.0, told.append)
    assert told == [
        MessageStarted(at=5.0, mid=7, icid=0, sender=""),
        RecipientAccepted(at=5.0, mid=7, icid=0, rid=0, address="ops@us.example"),
        MessageQueued(at=5.0, mid=7),
    ]
