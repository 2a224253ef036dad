# SPDX-License-Identifier: Apache-2.0
"""Writing reports: from what became of recipients to a message that can be queued.

The text is `mail/dsn.py`'s; this file decides whether one is due, reads what of the original may go
back, and puts the report into the spool, so that it can be queued in the transaction that causes
it. A report about many recipients is several reports, each of bounded size.
"""

import enum
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gatehouse.journal import facts
from gatehouse.mail import dsn
from gatehouse.mail.dsn_text import Action
from gatehouse.mail.headers import header_end, scan
from gatehouse.mail.reply import Reply
from gatehouse.policy import retry
from gatehouse.store import values
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import BodyReader, BodyWriter, Ids

# What is read of the original: its headers, or all of a short one, are given back.
_MAX_ORIGINAL = 256 * 1024


# No segment has this number, so no body that lies here was ever made durable.
NOWHERE = values.BodyRef(0, 0, 0)


class Kind(enum.Enum):
    """What a report is about."""

    FAILED = Action.FAILED  # given up
    DELAYED = Action.DELAYED  # not yet
    RELAYED = Action.RELAYED  # handed to a server that will not report itself (RFC 3461 §5.2.2)


@dataclass(frozen=True, slots=True)
class Entry:
    """One recipient of a report."""

    recipient: values.QueuedRecipient
    status: str  # "x.y.z"; "" for success
    diagnostic: tuple[str, ...]  # the server's reply, or our own words
    host: str
    retry_until: float | None = None
    tls: bool = False
    replied: bool = False  # `diagnostic` is a server's reply


@dataclass(frozen=True, slots=True)
class _Original:
    """What a report is about: its first octets, and how large it may be to go back whole."""

    octets: bytes
    max_copy: int


class Reporter:
    """Makes reports and announces them once they are queued."""

    def __init__(
        self,
        ids: Ids,
        bodies: BodyWriter,
        reader: BodyReader,
        record: Callable[[facts.Fact], None],
    ) -> None:
        self._ids = ids
        self._bodies = bodies
        self._reader = reader
        self._record = record
        self._texts: dict[int, bytes] = {}  # MID → content, until it is queued
        self.hostname = "localhost"
        self.lifetime = retry.DEFAULT_MAX_TIME

    def reports(
        self,
        kind: Kind,
        message: values.QueuedMessage,
        entries: list[Entry],
        now: float,
        max_copy: int = dsn.MAX_COPY,
    ) -> list[values.NewMessage]:
        """The reports that the sender wants about these recipients; none for the null sender.

        An original of more than `max_copy` octets goes back as headers only.
        """
        sender = message.sender
        if sender is None:
            return []
        due = [
            entry
            for entry in entries
            if dsn.wanted(entry.recipient.recipient.notify, kind.value, sender)
        ]
        if not due:
            return []
        octets = self._read(message, max(_MAX_ORIGINAL, max_copy))
        end = header_end(octets)
        if scan(octets[:end] if end >= 0 else octets).auto_submitted:
            return []
        original = _Original(octets, max_copy)
        size = dsn.RECIPIENTS_PER_REPORT
        return [
            self._write(kind, message, due[start : start + size], original, now)
            for start in range(0, len(due), size)
        ]

    def _read(self, message: values.QueuedMessage, most: int) -> bytes:
        """The first octets of the message; nothing when they cannot be read any more."""
        taken = b""
        try:
            for chunk in self._reader.read(message.body):
                taken += chunk
                if len(taken) >= most:
                    break
        except StoreError:
            return b""
        return taken[:most]

    def _write(
        self,
        kind: Kind,
        message: values.QueuedMessage,
        entries: list[Entry],
        original: _Original,
        now: float,
    ) -> values.NewMessage:
        assert message.sender is not None
        mid = self._ids.next("mid")
        report = dsn.DsnReport(
            hostname=self.hostname,
            sender=message.sender,
            recipients=tuple(_told(kind, entry, now) for entry in entries),
            message_id=f"<{mid}.{secrets.token_hex(8)}@{self.hostname}>",
            boundary=secrets.token_hex(16),
            date=now,
            arrival=message.received_at,
            envid=message.envid,
            ret=message.ret,
            requiretls=message.requiretls,
            smtputf8=message.smtputf8,
            original=original.octets,
            original_size=message.size,
            max_copy=original.max_copy,
        )
        content = dsn.build(report)
        self._texts[mid] = content
        return values.NewMessage(
            mid=mid,
            icid=0,
            listener="",
            envelope=dsn.envelope(report, content),
            size=len(content),
            body=self._spool_if_possible(content),
            received_at=now,
            expires_at=now + self.lifetime,
            message_id=report.message_id,
            kind=values.MessageKind.DSN,
            parent=message.mid,
        )

    def _spool(self, content: bytes) -> values.BodyRef:
        body = self._bodies.begin()
        body.write(content)
        return body.finish()

    def _spool_if_possible(self, content: bytes) -> values.BodyRef:
        """Into the spool; where the disk refuses, a place that no commit takes for durable.

        The marks of the same attempt must not be lost with the report: the commit refuses the
        operation as a whole, and it is tried again until both are written.
        """
        try:
            return self._spool(content)
        except StoreError:
            return NOWHERE

    def respool(self, report: values.NewMessage) -> values.NewMessage:
        """The same report with its body written once more, after a commit that failed."""
        return msgspec.structs.replace(report, body=self._spool(self._texts[report.mid]))

    def announce(self, report: values.NewMessage, at: float) -> None:
        """The report is queued: say so."""
        self._texts.pop(report.mid, None)
        mid, record = report.mid, self._record
        target = report.envelope.recipients[0].address.text
        record(facts.BounceGenerated(at=at, mid=mid, parent=report.parent or 0))
        record(facts.MessageStarted(at=at, mid=mid, icid=0, sender=""))
        record(facts.RecipientAccepted(at=at, mid=mid, icid=0, rid=0, address=target))
        record(facts.MessageQueued(at=at, mid=mid))


def _told(kind: Kind, entry: Entry, now: float) -> dsn.RecipientReport:
    success = kind is Kind.RELAYED
    return dsn.RecipientReport(
        recipient=entry.recipient.recipient,
        action=kind.value,
        status=entry.status or ("2.0.0" if success else "5.0.0"),
        reason="" if entry.replied else " ".join(entry.diagnostic),
        reply=_as_reply(entry.diagnostic) if entry.replied else None,
        remote_mta=entry.host or None,
        tls=entry.tls,
        last_attempt=now,
        retry_until=entry.retry_until,
    )


def _as_reply(lines: tuple[str, ...]) -> Reply | None:
    """`550 5.1.1 text` lines back into a reply."""
    code = lines[0][:3] if lines else ""
    return Reply(int(code), None, tuple(line[4:] for line in lines)) if code.isdigit() else None
