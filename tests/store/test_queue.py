# SPDX-License-Identifier: Apache-2.0
"""What every queue does, whatever database lies under it."""

import pytest

from gatehouse.mail.envelope import BodyType, Envelope, Notify, Recipient, Ret
from gatehouse.store.errors import StoreRefused
from gatehouse.store.interface import BodyWriter, Store
from gatehouse.store.values import (
    Added,
    AddMessage,
    BodyRef,
    Bounced,
    Changed,
    Cursor,
    Deferred,
    Delete,
    Delivered,
    Destination,
    DestinationCount,
    DueRecipient,
    Everything,
    Failed,
    Hold,
    MessageKind,
    Messages,
    NotThere,
    QueueFilter,
    RecipientState,
    Release,
    RetryNow,
    Settle,
    Settled,
)
from tests.store.building import NOW, address, delivered, new_message, queue_one, write_body

THREE = ("a@one.example", "b@one.example", "c@two.example")


def due(store: Store, now: float = NOW, cursor: Cursor | None = None) -> list[DueRecipient]:
    return list(store.queue.due(now, 1000, cursor or Cursor()).recipients)


@pytest.mark.parametrize("requiretls", [False, True])
@pytest.mark.parametrize("not_required", [False, True])
def test_what_a_message_says_about_tls_comes_back(
    store: Store, writer: BodyWriter, requiretls: bool, not_required: bool
) -> None:
    envelope = Envelope(
        sender=None,
        recipients=(Recipient(address=address("bob@example.com")),),
        requiretls=requiretls,
    )
    body = write_body(writer, b"x")
    message = new_message(1, body, envelope=envelope, tls_required_no=not_required)
    store.commit_batch(writer, [AddMessage(message)])
    found = store.queue.load(1)
    assert found is not None
    assert (found.requiretls, found.tls_required_no) == (requiretls, not_required)


def deferred(rid: int, at: float, tries: int = 1, **more: object) -> Deferred:
    return Deferred(rid=rid, next_at=at, tries=tries, **more)  # type: ignore[arg-type]


def test_a_message_comes_back_as_it_was_given(store: Store, writer: BodyWriter) -> None:
    envelope = Envelope(
        sender=address("アリス@例え.example"),
        recipients=(
            Recipient(
                address=address("bob@example.com"),
                notify=frozenset({Notify.SUCCESS, Notify.DELAY}),
                orcpt="rfc822;Bob@example.com",
            ),
            Recipient(address=address('"a@b"@example.com'), notify=frozenset({Notify.NEVER})),
        ),
        body=BodyType.EIGHT_BIT,
        smtputf8=True,
        ret=Ret.HDRS,
        envid="QQ314159",
        requiretls=True,
    )
    body = write_body(writer, b"text")
    given = new_message(
        3,
        body,
        envelope=envelope,
        message_id="<1@x>",
        subject="'; DROP TABLE message; --",
        client_ip="192.0.2.1",
        helo="h\x00",
        tls_in="{}",
        kind=MessageKind.DSN,
        parent=2,
    )
    assert store.commit_batch(writer, [AddMessage(given)]) == (Added(3, 1),)
    found = store.queue.load(3)
    assert found is not None
    names: tuple[str, ...] = (
        "mid",
        "icid",
        "listener",
        "kind",
        "parent",
        "held",
        "received_at",
        "expires_at",
    )
    names += ("size", "body", "message_id", "subject", "client_ip", "helo", "tls_in")
    assert [getattr(found, name) for name in names] == [getattr(given, name) for name in names]
    assert found.sender == envelope.sender
    assert (found.body_type, found.smtputf8, found.ret) == (envelope.body, True, Ret.HDRS)
    assert (found.envid, found.requiretls) == ("QQ314159", True)
    assert tuple(entry.recipient for entry in found.recipients) == envelope.recipients
    assert [entry.rid for entry in found.recipients] == [0, 1]


def test_alerts_are_told_from_all_other_mail(store: Store, writer: BodyWriter) -> None:
    kinds = (MessageKind.ORDINARY, MessageKind.ALERT, MessageKind.DSN, MessageKind.ALERT)
    mids = [queue_one(store, writer, kind=kind) for kind in kinds]
    assert store.queue.alerts_among((*mids, 999_999)) == {mids[1], mids[3]}
    assert store.queue.alerts_among(()) == frozenset()


def test_the_null_sender_stays_the_null_sender(store: Store, writer: BodyWriter) -> None:
    envelope = Envelope(sender=None, recipients=(Recipient(address=address("b@x.example")),))
    mid = queue_one(store, writer, envelope=envelope)
    found = store.queue.load(mid)
    assert found is not None
    assert found.sender is None


def test_postmaster_without_a_domain_survives(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, "Postmaster")
    found = store.queue.load(mid)
    assert found is not None
    assert found.recipients[0].recipient.address.local == "Postmaster"
    assert found.recipients[0].recipient.address.domain == ""


def test_the_last_recipient_takes_the_message_with_it(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, *THREE)
    assert store.queue.write([delivered(mid, 1)]) == (Settled(mid, False),)
    left = store.queue.load(mid)
    assert left is not None
    assert [entry.rid for entry in left.recipients] == [0, 2]
    bounced = Bounced(0, "550 no", "5.1.1")
    assert store.queue.write([Settle(mid, (bounced, Delivered(2)))]) == (Settled(mid, True),)
    assert store.queue.load(mid) is None
    assert store.queue.totals().recipients == 0


def test_all_recipients_at_once_finish_it_in_one_go(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, *THREE)
    assert store.queue.write([delivered(mid, 2, 0, 1)]) == (Settled(mid, True),)
    assert store.queue.load(mid) is None


def test_one_recipient_reported_three_times_finishes_nothing(
    store: Store, writer: BodyWriter
) -> None:
    mid = queue_one(store, writer, *THREE)
    assert store.queue.write([delivered(mid, 0, 0, 0)]) == (Settled(mid, False),)
    left = store.queue.load(mid)
    assert left is not None
    assert [entry.rid for entry in left.recipients] == [1, 2]


def test_a_delivered_recipient_is_never_deferred_again(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, *THREE)
    store.queue.write([delivered(mid, 0)])
    store.queue.write([Settle(mid, (deferred(0, NOW),))])
    shown = store.queue.show(mid)
    assert shown is not None
    assert shown.recipients[0].state is RecipientState.DELIVERED
    assert DueRecipient(mid, 0, "one.example") not in due(store)


def test_settling_what_is_gone_says_so_and_reports_nothing(
    store: Store, writer: BodyWriter
) -> None:
    mid = queue_one(store, writer)
    store.queue.write([Delete(Messages((mid,)))])
    report = new_message(99, write_body(writer, b"report"))
    operation = Settle(mid, (Bounced(0),), (report,))
    assert store.commit_batch(writer, [operation]) == (NotThere(mid),)
    assert store.queue.totals().messages == 0


def test_a_bounce_and_its_report_are_one(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer)
    report = new_message(99, write_body(writer, b"r"), kind=MessageKind.DSN, parent=mid)
    result = store.commit_batch(writer, [Settle(mid, (Bounced(0),), (report,))])
    assert result == (Settled(mid, True),)
    found = store.queue.load(99)
    assert found is not None
    assert found.parent == mid


def test_a_bounce_whose_report_cannot_be_kept_is_undone(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer)
    taken = queue_one(store, writer)
    report = new_message(taken, write_body(writer, b"r"))
    fine = queue_one(store, writer)
    operations = [delivered(fine), Settle(mid, (Bounced(0),), (report,))]
    first, second = store.commit_batch(writer, operations)
    assert first == Settled(fine, True)
    assert isinstance(second, Failed)
    assert store.queue.load(mid) is not None


def test_a_taken_mid_fails_alone(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer)
    batch = [AddMessage(new_message(n, write_body(writer, b"x"))) for n in (500, mid, 501)]
    first, second, third = store.commit_batch(writer, batch)
    assert isinstance(first, Added)
    assert isinstance(second, Failed)
    assert isinstance(second.error, StoreRefused)
    assert isinstance(third, Added)
    assert store.queue.load(500) is not None
    assert store.queue.load(501) is not None


def test_a_message_to_nobody_is_refused(store: Store, writer: BodyWriter) -> None:
    envelope = Envelope(sender=None, recipients=())
    message = new_message(5, write_body(writer, b"x"), envelope=envelope)
    (result,) = store.commit_batch(writer, [AddMessage(message)])
    assert isinstance(result, Failed)


def test_a_body_that_is_not_durable_is_not_queued(store: Store, writer: BodyWriter) -> None:
    elsewhere = BodyRef(4242, 0, 5)
    (result,) = store.commit_batch(writer, [AddMessage(new_message(5, elsewhere))])
    assert isinstance(result, Failed)
    assert store.queue.load(5) is None


def test_due_names_new_recipients_once_per_cursor(store: Store, writer: BodyWriter) -> None:
    first = queue_one(store, writer, *THREE)
    page = store.queue.due(NOW, 10, Cursor())
    assert [entry.rid for entry in page.recipients] == [0, 1, 2]
    assert page.recipients[2] == DueRecipient(first, 2, "two.example")
    assert not store.queue.due(NOW, 10, page.cursor).recipients
    second = queue_one(store, writer)
    assert [entry.mid for entry in due(store, cursor=page.cursor)] == [second]


def test_due_never_cuts_a_message_in_two(store: Store, writer: BodyWriter) -> None:
    mids = [queue_one(store, writer, *THREE) for _ in range(4)]
    cursor, pages = Cursor(), []
    while True:
        page = store.queue.due(NOW, 4, cursor)
        pages.append([entry.mid for entry in page.recipients])
        cursor = page.cursor
        if not page.more:
            break
    assert pages == [mids[:1] * 3 + mids[1:2] * 3, mids[2:3] * 3 + mids[3:] * 3]


def test_a_cursor_does_not_lose_what_comes_after_a_removal(
    store: Store, writer: BodyWriter
) -> None:
    mid = queue_one(store, writer)
    cursor = store.queue.due(NOW, 10, Cursor()).cursor
    store.queue.write([delivered(mid)])  # the queue is empty: places must not begin anew
    second = queue_one(store, writer)
    assert [entry.mid for entry in due(store, cursor=cursor)] == [second]


def test_a_deferred_recipient_is_due_at_its_time(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, *THREE)
    outcome = deferred(1, NOW + 60, 2, reply="451 later", enhanced="4.3.0", tried_at=NOW)
    store.queue.write([Settle(mid, (outcome,))])
    cursor = store.queue.due(NOW, 10, Cursor()).cursor
    assert store.queue.next_retry_at() == NOW + 60
    assert not due(store, NOW + 59, cursor)
    page = store.queue.due(NOW + 60, 10, cursor)
    assert page.recipients == (DueRecipient(mid, 1, "one.example"),)
    assert not due(store, NOW + 61, page.cursor)
    assert due(store, NOW + 61, page.cursor.retries_again()) == list(page.recipients)
    found = store.queue.load(mid)
    assert found is not None
    entry = found.recipients[1]
    assert (entry.tries, entry.last_reply, entry.last_enhanced) == (2, "451 later", "4.3.0")
    assert entry.last_tried_at == NOW


def test_many_retries_come_in_pages(store: Store, writer: BodyWriter) -> None:
    mids = [queue_one(store, writer) for _ in range(5)]
    for mid in mids:
        store.queue.write([Settle(mid, (deferred(0, NOW),))])
    cursor, seen = Cursor(), []
    for _ in range(4):
        page = store.queue.due(NOW, 2, cursor)
        seen += [entry.mid for entry in page.recipients]
        cursor = page.cursor
    assert seen == mids


def test_a_clock_set_back_loses_no_retry(store: Store, writer: BodyWriter) -> None:
    early, late = queue_one(store, writer), queue_one(store, writer)
    store.queue.write([Settle(late, (deferred(0, NOW),))])
    cursor = store.queue.due(NOW, 10, Cursor()).cursor
    store.queue.write([Settle(early, (deferred(0, NOW - 5000),))])
    assert [entry.mid for entry in due(store, NOW - 4000, cursor)] == [early]


def test_a_delay_warning_is_remembered(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer)
    store.queue.write([Settle(mid, (deferred(0, NOW, delay_notified=True),))])
    store.queue.write([Settle(mid, (deferred(0, NOW, 2),))])
    found = store.queue.load(mid)
    assert found is not None
    assert found.recipients[0].delay_notified


def test_held_messages_are_not_due_until_released(store: Store, writer: BodyWriter) -> None:
    new, old = queue_one(store, writer), queue_one(store, writer)
    store.queue.write([Settle(old, (deferred(0, NOW),))])
    assert store.queue.write([Hold(Messages((new, old, 777)))]) == (Changed((new, old)),)
    assert not due(store)
    # a delivery that was under way when the hold came
    store.queue.write([Settle(new, (deferred(0, NOW),))])
    assert not due(store)
    cursor = store.queue.due(NOW, 10, Cursor()).cursor
    assert store.queue.write([Release(Everything())]) == (Changed((new, old)),)
    assert [entry.mid for entry in due(store, cursor=cursor)] == [new, old]
    assert store.queue.write([Release(Everything())]) == (Changed(()),)


def test_a_message_can_be_held_from_the_start(store: Store, writer: BodyWriter) -> None:
    queue_one(store, writer, held=True)
    assert not due(store)
    assert store.queue.totals().held == 1


def test_retry_now_takes_one_destination_only(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, *THREE)
    later = tuple(deferred(rid, NOW + 999) for rid in range(3))
    store.queue.write([Settle(mid, later)])
    cursor = store.queue.due(NOW, 10, Cursor()).cursor
    assert store.queue.write([RetryNow(Destination("two.example"))]) == (Changed((mid,)),)
    assert due(store, cursor=cursor) == [DueRecipient(mid, 2, "two.example")]


def test_retry_now_leaves_held_messages_held(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer)
    store.queue.write([Hold(Messages((mid,)))])
    assert store.queue.write([RetryNow(Everything())]) == (Changed(()),)
    assert not due(store)


def test_delete_by_destination_spares_the_others(store: Store, writer: BodyWriter) -> None:
    gone, stays = queue_one(store, writer, "a@one.example"), queue_one(store, writer)
    result = store.queue.write([Delete(Destination("one.example"))])
    assert result == (Changed((gone,)),)
    assert store.queue.load(stays) is not None


def test_load_many_leaves_out_what_is_gone(store: Store, writer: BodyWriter) -> None:
    mids = [queue_one(store, writer) for _ in range(3)]
    store.queue.write([delivered(mids[1])])
    assert [found.mid for found in store.queue.load_many(mids)] == [mids[0], mids[2]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (QueueFilter(), [0, 1, 2]),
        (QueueFilter(destination="one.example"), [1]),
        (QueueFilter(sender="alice@example.net"), [0, 1]),
        (QueueFilter(sender=""), [2]),
        (QueueFilter(recipient="c@two.example"), [1]),
        (QueueFilter(held=True), [0]),
        (QueueFilter(held=False, destination="example.com"), [2]),
    ],
)
def test_the_listing_shows_what_was_asked_for(
    store: Store, writer: BodyWriter, wanted: QueueFilter, expected: list[int]
) -> None:
    null = Envelope(sender=None, recipients=(Recipient(address=address("b@example.com")),))
    mids = [queue_one(store, writer, held=True), queue_one(store, writer, *THREE)]
    mids.append(queue_one(store, writer, envelope=null))
    found = store.queue.list(wanted, 10)
    assert [entry.mid for entry in found] == [mids[index] for index in expected]


def test_a_line_of_the_listing_sums_up_the_message(store: Store, writer: BodyWriter) -> None:
    mid = queue_one(store, writer, *THREE, subject="=?x", content=b"12345")
    again = deferred(1, NOW + 9, 4, reply="451 x")
    store.queue.write([Settle(mid, (Delivered(0), again))])
    (entry,) = store.queue.list(QueueFilter(), 10)
    assert (entry.waiting, entry.domains) == (2, ("one.example", "two.example"))
    assert (entry.tries, entry.next_at, entry.last_reply) == (4, NOW + 9, "451 x")
    assert (entry.sender, entry.size, entry.subject) == ("alice@example.net", 5, "=?x")
    assert not store.queue.list(QueueFilter(), 10, offset=1)


def test_counts_and_totals_tell_the_truth(store: Store, writer: BodyWriter) -> None:
    assert store.queue.oldest() is None
    first = queue_one(store, writer, *THREE, received_at=NOW + 5)
    held = queue_one(store, writer, "d@one.example", content=b"1234567")
    store.queue.write([Settle(first, (deferred(0, NOW),)), Hold(Messages((held,)))])
    assert store.queue.counts() == (
        DestinationCount("one.example", 1, 1, 1),
        DestinationCount("two.example", 1, 0, 0),
    )
    totals = store.queue.totals()
    assert (totals.messages, totals.recipients, totals.held, totals.bytes) == (2, 4, 1, 11)
    assert store.queue.oldest() == NOW


def test_everything_is_there_after_opening_again(
    store: Store, writer: BodyWriter, open_again: type
) -> None:
    mid = queue_one(store, writer, *THREE, content=b"kept\r\n")
    store.queue.write([delivered(mid, 0)])
    store.close()
    second: Store = open_again()
    found = second.queue.load(mid)
    assert found is not None
    assert [entry.rid for entry in found.recipients] == [1, 2]
    assert second.spool.read_small(found.body) == b"kept\r\n"
    assert second.ids.next("mid") > mid
