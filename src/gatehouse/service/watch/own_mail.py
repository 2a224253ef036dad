# SPDX-License-Identifier: Apache-2.0
"""Queues mail that the gateway writes itself, to be delivered like any other.

Nobody is told when it cannot be delivered: it asks for no notification (RFC 3461 §4.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Envelope, Notify, Recipient
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import BodyWriter, Store
from gatehouse.store.values import Added, AddMessage, Failed, MessageKind, NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMail:
    """A message of ours for one recipient. `sender` None: the null sender."""

    mid: int
    sender: Address | None
    recipient: Address
    content: bytes
    message_id: str  # with < >
    subject: str
    lifetime: float  # seconds in which it is tried
    kind: MessageKind = MessageKind.ORDINARY
    tls_required_no: bool = False  # RFC 8689 §3


def queue_mails(store: Store, mails: Sequence[OwnMail], now: float) -> None:
    """Make them durable and queue them. Blocks; raises StoreError. Then say so: `announce`."""
    bodies = store.body_writer()
    try:
        batch = tuple(AddMessage(_message(one, bodies, now)) for one in mails)
        results = store.commit_batch(bodies, batch)
    finally:
        bodies.close()
    for result in results:
        if not isinstance(result, Added):
            raise result.error if isinstance(result, Failed) else StoreError("not queued")


def announce(mail: OwnMail, at: float, record: Callable[[facts.Fact], None]) -> None:
    """It is queued: say so, on the loop, as recorders are for one thread."""
    mid, sender = mail.mid, "" if mail.sender is None else mail.sender.text
    record(facts.MessageStarted(at=at, mid=mid, icid=0, sender=sender))
    to = mail.recipient.text
    record(facts.RecipientAccepted(at=at, mid=mid, icid=0, rid=0, address=to))
    record(facts.MessageQueued(at=at, mid=mid))


def _message(mail: OwnMail, bodies: BodyWriter, now: float) -> NewMessage:
    body = bodies.begin()
    body.write(mail.content)
    recipient = Recipient(address=mail.recipient, notify=frozenset({Notify.NEVER}))
    return NewMessage(
        mid=mail.mid,
        icid=0,
        listener="",
        envelope=Envelope(
            sender=mail.sender, recipients=(recipient,), smtputf8=not mail.content.isascii()
        ),
        size=len(mail.content),
        body=body.finish(),
        received_at=now,
        expires_at=now + mail.lifetime,
        message_id=mail.message_id,
        subject=mail.subject,
        kind=mail.kind,
        tls_required_no=mail.tls_required_no,
    )
