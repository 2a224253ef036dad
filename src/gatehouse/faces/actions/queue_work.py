# SPDX-License-Identifier: Apache-2.0
"""The work: look at the queue and change it.

The store is asked from a thread: in the gateway the loop that would wait carries all logs.
"""

import asyncio
from collections.abc import Callable

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.queue import (
    Changed,
    ListInput,
    MessageView,
    QueueLine,
    QueueList,
    RecipientView,
    SelectInput,
    ShowInput,
)
from gatehouse.journal.facts import MessageFinished
from gatehouse.mail.address import parse_domain
from gatehouse.store import values

_NULL_SENDER = "<>"


async def list_messages(house: House, given: ListInput) -> QueueList:
    """What waits."""
    sender = given.sender
    wanted = values.QueueFilter(
        destination=None if given.destination is None else _domain(given.destination),
        sender="" if sender == _NULL_SENDER else sender,
        recipient=given.recipient,
        held=True if given.held else None,
    )
    queue = house.store.queue
    found = await asyncio.to_thread(queue.list, wanted, given.limit)
    totals = await asyncio.to_thread(queue.totals)
    return QueueList(
        at=moment(house.clock.wall()), messages=tuple(map(_line, found)), total=totals.messages
    )


async def show(house: House, given: ShowInput) -> MessageView:
    """One message."""
    found = await asyncio.to_thread(house.store.queue.show, given.mid)
    if found is None:
        raise _none_of((given.mid,))
    return _view(found, house.clock.wall())


async def hold(house: House, given: SelectInput) -> Changed:
    """Keep messages."""
    return await _change(house, given, values.Hold, "held")


async def release(house: House, given: SelectInput) -> Changed:
    """End a hold."""
    return await _change(house, given, values.Release, "released")


async def retry(house: House, given: SelectInput) -> Changed:
    """Try now."""
    return await _change(house, given, values.RetryNow, "due")


async def delete(house: House, given: SelectInput) -> Changed:
    """Remove."""
    changed = await _change(house, given, values.Delete, "deleted")
    if house.record is not None:
        for mid in changed.mids:
            house.record(MessageFinished(at=house.clock.wall(), mid=mid, outcome="aborted"))
    return changed


async def _change(
    house: House,
    given: SelectInput,
    operation: Callable[[values.Selection], values.Operation],
    done: str,
) -> Changed:
    selection = _selection(given)
    (result,) = await asyncio.to_thread(house.store.queue.write, [operation(selection)])
    match result:
        case values.Changed(mids):
            pass
        case values.Failed(error):
            raise error
        case _:
            raise TypeError(f"the store answered {done} with {result}")
    if house.gateway is not None:
        house.gateway.queue_changed()
    done_to = frozenset(mids)
    missing = tuple(mid for mid in given.mids if mid not in done_to)
    if given.mids and not mids:
        raise _none_of(given.mids)
    return Changed(done=done, count=len(mids), mids=mids, missing=missing)


def _selection(given: SelectInput) -> values.Selection:
    ways = bool(given.mids) + (given.destination is not None) + given.all
    if ways != 1:
        raise OperatorError(
            "which-messages",
            "Say which messages in exactly one way.",
            hint="Name their MIDs, or use --destination DOMAIN, or --all.",
        )
    if given.mids:
        return values.Messages(tuple(dict.fromkeys(given.mids)))
    if given.destination is not None:
        return values.Destination(_domain(given.destination))
    return values.Everything()


def _none_of(mids: tuple[int, ...]) -> OperatorError:
    named = ", ".join(map(str, mids[:10])) + (", ..." if len(mids) > 10 else "")
    return OperatorError(
        "no-such-message",
        "There is nothing to do: no such message is in the queue, or it is in that state already."
        if len(mids) > 1
        else f"Message {mids[0]} is not in the queue, or is in that state already.",
        named if len(mids) > 1 else "",
        "The mail log tells what became of it." if len(mids) == 1 else "",
    )


def _domain(text: str) -> str:
    """The form in which the queue knows a domain."""
    return parse_domain(text.rstrip(".")) or text.lower()


def _line(entry: values.QueueEntry) -> QueueLine:
    return QueueLine(
        mid=entry.mid,
        received_at=moment(entry.received_at),
        size=entry.size,
        sender=entry.sender,
        recipients=entry.waiting,
        destinations=entry.domains,
        tries=entry.tries,
        next_try_at=moment(entry.next_at),
        held=entry.held,
        report=entry.kind is values.MessageKind.DSN,
        subject=entry.subject,
        last_reply=entry.last_reply,
    )


def _view(message: values.QueuedMessage, now: float) -> MessageView:
    return MessageView(
        at=moment(now),
        mid=message.mid,
        icid=message.icid,
        listener=message.listener,
        report=message.kind is values.MessageKind.DSN,
        parent=message.parent,
        held=message.held,
        received_at=moment(message.received_at),
        expires_at=moment(message.expires_at),
        sender=message.sender.text if message.sender else "",
        size=message.size,
        message_id=message.message_id,
        subject=message.subject,
        client_ip=message.client_ip,
        helo=message.helo,
        tls_in=message.tls_in,
        recipients=tuple(map(_recipient, message.recipients)),
    )


def _recipient(one: values.QueuedRecipient) -> RecipientView:
    return RecipientView(
        rid=one.rid,
        address=one.recipient.address.text,
        state=one.state.name.lower(),
        tries=one.tries,
        next_try_at=moment(one.next_at),
        last_tried_at=moment(one.last_tried_at),
        last_reply=one.last_reply,
        delay_reported=one.delay_notified > 0,
    )
