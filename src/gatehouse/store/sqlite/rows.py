# SPDX-License-Identifier: Apache-2.0
"""Between values and rows; the order of columns is that of `sql/queue.sql`."""

from collections.abc import Iterable
from typing import Any

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Notify, Recipient, Ret
from gatehouse.store.values import (
    BodyRef,
    MessageKind,
    NewMessage,
    QueuedMessage,
    QueuedRecipient,
    QueueEntry,
    RecipientState,
)

Row = tuple[Any, ...]

_NOTIFY_BITS = ((Notify.NEVER, 1), (Notify.SUCCESS, 2), (Notify.FAILURE, 4), (Notify.DELAY, 8))
_NOTIFY_SETS = tuple(
    frozenset(word for word, bit in _NOTIFY_BITS if bits & bit) for bits in range(16)
)
_KINDS = (MessageKind.ORDINARY, MessageKind.DSN, MessageKind.ALERT)
_STATES = (RecipientState.WAITING, RecipientState.DELIVERED, RecipientState.BOUNCED)
_RETS = (Ret.FULL, Ret.HDRS)
# The column `requiretls` holds what RFC 8689 knows of a message, as bits.
_REQUIRETLS = 1  # the parameter of MAIL
_TLS_REQUIRED_NO = 2  # the header field "TLS-Required: No"


def message_row(message: NewMessage, seq: int) -> Row:
    """The row of a new message."""
    envelope, body, sender = message.envelope, message.body, message.envelope.sender
    return (
        message.mid,
        seq,
        len(envelope.recipients),
        message.held,
        0 if message.kind is MessageKind.ORDINARY else message.kind.value,
        message.parent,
        message.icid,
        message.listener,
        message.received_at,
        message.expires_at,
        None if sender is None else sender.text,
        "" if sender is None else sender.domain,
        envelope.body is BodyType.EIGHT_BIT,
        envelope.smtputf8,
        None if envelope.ret is None else int(envelope.ret is Ret.HDRS),
        envelope.envid,
        envelope.requiretls * _REQUIRETLS + message.tls_required_no * _TLS_REQUIRED_NO,
        message.size,
        body.segment,
        body.offset,
        body.length,
        message.message_id,
        message.subject,
        message.client_ip,
        message.helo,
        message.tls_in,
    )


def recipient_rows(message: NewMessage) -> list[Row]:
    """The rows of a new message's recipients."""
    mid = message.mid
    rows: list[Row] = []
    for rid, recipient in enumerate(message.envelope.recipients):
        address, notify = recipient.address, recipient.notify
        bits = None if notify is None else sum(bit for word, bit in _NOTIFY_BITS if word in notify)
        rows.append((mid, rid, address.text, address.domain, bits, recipient.orcpt))
    return rows


def queued_message(row: Row, recipients: Iterable[Row]) -> QueuedMessage:
    """A message and its recipients as values."""
    ret = row[13]
    return QueuedMessage(
        mid=row[0],
        seq=row[1],
        icid=row[2],
        listener=row[3],
        kind=_KINDS[row[4]],
        parent=row[5],
        held=bool(row[6]),
        received_at=row[7],
        expires_at=row[8],
        sender=None if row[9] is None else _address(row[9], row[10]),
        body_type=BodyType.EIGHT_BIT if row[11] else BodyType.SEVEN_BIT,
        smtputf8=bool(row[12]),
        ret=None if ret is None else _RETS[ret],
        envid=row[14],
        requiretls=bool(row[15] & _REQUIRETLS),
        tls_required_no=bool(row[15] & _TLS_REQUIRED_NO),
        size=row[16],
        body=BodyRef(row[17], row[18], row[19]),
        message_id=row[20],
        subject=row[21],
        client_ip=row[22],
        helo=row[23],
        tls_in=row[24],
        recipients=tuple(map(_queued_recipient, sorted(recipients))),
    )


def queue_entry(row: Row) -> QueueEntry:
    """A line of the listing."""
    return QueueEntry(
        mid=row[0],
        kind=_KINDS[row[1]],
        held=bool(row[2]),
        received_at=row[3],
        expires_at=row[4],
        sender=row[5],
        size=row[6],
        subject=row[7],
        waiting=row[8],
        domains=tuple(sorted(row[9].split(","))),  # a domain contains no comma
        tries=row[10],
        next_at=row[11],
        last_reply=row[12],
    )


def _queued_recipient(row: Row) -> QueuedRecipient:
    notify = row[3]
    return QueuedRecipient(
        rid=row[0],
        recipient=Recipient(
            address=_address(row[1], row[2]),
            notify=None if notify is None else _NOTIFY_SETS[notify],
            orcpt=row[4],
        ),
        state=_STATES[row[5]],
        tries=row[6],
        next_at=row[7],
        last_reply=row[8],
        last_enhanced=row[9],
        last_tried_at=row[10],
        delay_notified=row[11],
    )


def _address(text: str, domain: str) -> Address:
    """An address that was parsed before it was stored: the last @ ends its local part."""
    local, at, _ = text.rpartition("@")
    return Address(text, local if at else text, domain, not text.isascii())
