# SPDX-License-Identifier: Apache-2.0
"""Values survive the way into rows and back."""

import itertools

import pytest

from gatehouse.mail.envelope import Envelope, Notify, Recipient
from gatehouse.store.sqlite import rows
from gatehouse.store.values import BodyRef
from tests.store.building import address, new_message

_SUBSETS = [frozenset(words) for size in range(5) for words in itertools.combinations(Notify, size)]


@pytest.mark.parametrize("notify", [None, *_SUBSETS])
def test_every_notify_comes_back(notify: frozenset[Notify] | None) -> None:
    to = Recipient(address=address("b@x.example"), notify=notify)
    message = new_message(1, BodyRef(2, 0, 1), envelope=Envelope(sender=None, recipients=(to,)))
    (row,) = rows.recipient_rows(message)
    stored = (*row[1:], 0, 0, None, "", "", None, 0)
    columns = rows.message_row(message, 9)
    picked = tuple(columns[index] for index in (0, 1, 6, 7, 4, 5, 3, 8, 9, *range(10, 26)))
    found = rows.queued_message(picked, [stored])
    assert found.recipients[0].recipient == to
    assert found.seq == 9


def test_recipients_come_in_the_order_of_their_ids() -> None:
    def row(rid: int) -> rows.Row:
        return (rid, f"r{rid}@x.example", "x.example", None, None, 0, 0, None, "", "", None, 0)

    message = new_message(1, BodyRef(2, 0, 1))
    columns = rows.message_row(message, 1)
    picked = tuple(columns[index] for index in (0, 1, 6, 7, 4, 5, 3, 8, 9, *range(10, 26)))
    found = rows.queued_message(picked, [row(2), row(0), row(1)])
    assert [entry.rid for entry in found.recipients] == [0, 1, 2]
