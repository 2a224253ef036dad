# SPDX-License-Identifier: Apache-2.0
"""What became of each recipient: mark it, say it, schedule it, report it; in one transaction.

The marks and the reports that they cause are one `Settle` operation, so a crash leaves both or
neither. A mark that could not be written is written again until it is: the message must not be
delivered twice because a disk was full for a minute, and while a mark is owed no new delivery
begins (`owing`). RFC 5321 §4.5.4.1 (retry), §6.1 (report to the reverse path, never to `<>`).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gatehouse.journal import facts
from gatehouse.mail.envelope import Notify
from gatehouse.policy import bounce, retry
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.service.deliver.reports import Entry, Kind, Reporter
from gatehouse.store import values
from gatehouse.store.errors import StoreError

# How long to wait before a mark that the disk refused is written again.
OWING_SECONDS = 1.0
# What the queue keeps of a server's reply: enough for the listing, bounded against 64 KiB of it.
MAX_REPLY = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """The server took the recipient. `relayed`: it knows no DSN, so success is ours to tell."""

    reply: str
    host: str
    relayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The recipient was not delivered; `code` "000" means that no server answered."""

    enhanced: str
    text: str
    code: str
    lines: tuple[str, ...]
    host: str = ""
    status: str = ""  # the server's own enhanced code, where its class fits (RFC 3464 §2.3.4)
    tls: bool = False  # required TLS was the reason
    in_doubt: bool = False  # the server may have it: the next try may make a duplicate

    @property
    def permanent(self) -> bool:
        """Not to be tried again."""
        return self.enhanced.startswith("5")

    @property
    def reply(self) -> str:
        """The reply in one line, bounded, for the queue listing."""
        text = " ".join(self.lines)
        return f"{self.code} {text}"[:MAX_REPLY] if self.code != "000" else text[:MAX_REPLY]


Fate = Taken | Failed
AlertFate = Callable[[values.QueuedMessage, Sequence[values.Outcome]], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver: the message, the recipients it was about, what became of each."""

    message: values.QueuedMessage
    waiting: list[values.QueuedRecipient]
    fates: dict[int, Fate]
    dcid: int = 0
    encrypted: bool = False


class Settler:
    """Writes outcomes down."""

    def __init__(
        self,
        wall: Callable[[], float],
        record: Callable[[facts.Fact], None],
        writer: GroupWriter,
        reporter: Reporter,
        dice: Callable[[], float],
    ) -> None:
        self.wall = wall
        self.record = record
        self.reporter = reporter
        self.dice = dice
        self._writer = writer
        # By the recipient's domain and the listener that the message came in by.
        self.profile_of: Callable[[str, str], retry.BounceProfile]
        self.profile_of = lambda _domain, _listener: retry.BounceProfile()
        # What became of mail about an alarm: somebody may wait for it.
        self.alert_fate: AlertFate = lambda _message, _outcomes: None
        self.owing = 0  # marks that the store has refused so far

    def settle(self, attempt: Attempt) -> "asyncio.Future[None]":
        """Say and write down what became of an attempt; the future is done when it is on disk."""
        settlement = _Settlement(self, attempt, self.wall())
        operation = settlement.operation()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._submit(operation, attempt.message.mid, done, owed=False)
        return done

    # --- writing --------------------------------------------------------------------------------

    def _submit(
        self, operation: values.Settle, mid: int, done: "asyncio.Future[None]", *, owed: bool
    ) -> None:
        def written(result: values.Result | StoreError) -> None:
            error = result.error if isinstance(result, values.Failed) else result
            if isinstance(error, StoreError):
                if not owed:
                    self.owing += 1
                    self.record(
                        facts.ResourcesLow(at=self.wall(), resource="queue", detail=str(error))
                    )
                asyncio.get_running_loop().call_later(
                    OWING_SECONDS, self._write_again, operation, mid, done
                )
                return
            if owed:
                self.owing -= 1
            self._said(operation, mid, result)
            if not done.done():
                done.set_result(None)

        self._writer.submit(operation, written)

    def _write_again(
        self, operation: values.Settle, mid: int, done: "asyncio.Future[None]"
    ) -> None:
        """The bodies of reports may be lost with a failed sync: they are written anew."""
        try:
            fresh = tuple(self.reporter.respool(report) for report in operation.generated)
        except StoreError:  # the disk still says no: the mark stays owed
            asyncio.get_running_loop().call_later(
                OWING_SECONDS, self._write_again, operation, mid, done
            )
            return
        again = values.Settle(operation.mid, operation.outcomes, fresh)
        self._submit(again, mid, done, owed=True)

    def _said(self, operation: values.Settle, mid: int, result: values.Result | StoreError) -> None:
        at = self.wall()
        for report in operation.generated:
            self.reporter.announce(report, at)
        if isinstance(result, values.Settled) and result.finished:
            self.record(facts.MessageFinished(at=at, mid=mid, outcome="done"))


class _Settlement:
    """One settlement while it is put together."""

    def __init__(self, settler: Settler, attempt: Attempt, now: float) -> None:
        self._settler = settler
        self._record = settler.record
        self._attempt = attempt
        self._message = attempt.message
        self._now = now
        self._outcomes: list[values.Outcome] = []
        self._reports: list[values.NewMessage] = []
        self._again: dict[float, list[int]] = {}  # next try → RIDs
        self._told: list[Entry] = []
        self._bounced: list[Entry] = []
        self._late: list[Entry] = []

    def operation(self) -> values.Settle:
        """Everything about the attempt as one operation; its facts are recorded on the way."""
        by_reply: dict[str, list[int]] = {}
        for recipient in self._attempt.waiting:
            fate = self._attempt.fates[recipient.rid]
            if isinstance(fate, Taken):
                by_reply.setdefault(fate.reply, []).append(recipient.rid)
                self._taken(recipient, fate)
            elif fate.permanent:
                self._bounce(recipient, fate)
            else:
                self._defer(recipient, fate)
        for reply, rids in by_reply.items():
            self._say_delivered(reply, tuple(rids))
        for at, rids in self._again.items():
            fact = facts.RetryScheduled(
                at=self._now, mid=self._message.mid, rids=tuple(rids), until=at
            )
            self._record(fact)
        self._report(Kind.RELAYED, self._told)
        self._report(Kind.FAILED, self._bounced)
        self._report(Kind.DELAYED, self._late)
        if self._message.kind is values.MessageKind.ALERT:
            self._settler.alert_fate(self._message, self._outcomes)
        return values.Settle(self._message.mid, tuple(self._outcomes), tuple(self._reports))

    def _say_delivered(self, reply: str, rids: tuple[int, ...]) -> None:
        self._record(
            facts.RecipientsDelivered(
                at=self._now,
                dcid=self._attempt.dcid,
                mid=self._message.mid,
                rids=rids,
                response=reply,
                tls=self._attempt.encrypted,
            )
        )

    def _taken(self, recipient: values.QueuedRecipient, fate: Taken) -> None:
        self._outcomes.append(values.Delivered(recipient.rid, fate.reply[:MAX_REPLY]))
        notify = recipient.recipient.notify
        if fate.relayed and notify is not None and Notify.SUCCESS in notify:
            self._told.append(Entry(recipient, "", (fate.reply,), fate.host))

    def _bounce(self, recipient: values.QueuedRecipient, fate: Failed) -> None:
        message = self._message
        self._outcomes.append(values.Bounced(recipient.rid, fate.reply, fate.enhanced))
        if message.sender is None:
            # A report that cannot be delivered ends here: nobody is left to tell (RFC 5321 §6.1).
            self._record(
                facts.DoubleBounce(
                    at=self._now,
                    mid=message.mid,
                    rid=recipient.rid,
                    enhanced=fate.enhanced,
                    text=fate.text,
                    code=fate.code,
                    reply=" ".join(fate.lines),
                )
            )
            return
        self._record(facts.RecipientBounced(**self._failure(recipient, fate)))
        if self._profile(recipient).send_bounces:
            self._bounced.append(_entry(recipient, fate, None))

    def _profile(self, recipient: values.QueuedRecipient) -> retry.BounceProfile:
        domain = recipient.recipient.address.domain
        return self._settler.profile_of(domain, self._message.listener)

    def _failure(self, recipient: values.QueuedRecipient, fate: Failed) -> dict[str, Any]:
        """The fields that bounced and delayed recipients have in common."""
        message = self._message
        return {
            "at": self._now,
            "dcid": self._attempt.dcid,
            "mid": message.mid,
            "sender": "" if message.sender is None else message.sender.text,
            "recipient": recipient.recipient.address.text,
            "rid": recipient.rid,
            "enhanced": fate.enhanced,
            "text": fate.text,
            "code": fate.code,
            "lines": fate.lines,
        }

    def _defer(self, recipient: values.QueuedRecipient, fate: Failed) -> None:
        message, now = self._message, self._now
        profile = self._profile(recipient)
        attempts = retry.Attempts(
            accepted_at=message.received_at,
            tries=recipient.tries + 1,
            tls_unavailable=fate.tls,
        )
        step = retry.next_step(profile, attempts, now=now, jitter=self._settler.dice())
        if isinstance(step, retry.GiveUp):
            named = bounce.classify_trouble(bounce.Trouble.EXPIRED)
            self._bounce(recipient, replace(fate, enhanced=named.enhanced, text=named.text))
            return
        warned = recipient.delay_notified
        # The first is due at the second failure, the others each interval after the message came.
        last = message.received_at + (warned - 1) * profile.delay_warning_interval
        warn = retry.warning_due(
            profile,
            attempts,
            warnings_sent=warned,
            last_warning_at=last if warned else None,
            now=now,
        )
        self._outcomes.append(
            values.Deferred(
                rid=recipient.rid,
                next_at=step.at,
                tries=attempts.tries,
                reply=fate.reply,
                enhanced=fate.enhanced,
                tried_at=now,
                delay_notified=warned + warn,
            )
        )
        self._record(facts.RecipientDelayed(**self._failure(recipient, fate)))
        self._again.setdefault(step.at, []).append(recipient.rid)
        if warn:
            until = retry.expires_at(profile, message.received_at)
            self._late.append(_entry(recipient, fate, until))

    def _report(self, kind: Kind, entries: list[Entry]) -> None:
        if entries:
            reporter = self._settler.reporter
            most = self._profile(entries[0].recipient).max_bounce_copy
            self._reports += reporter.reports(kind, self._message, entries, self._now, most)


def _entry(recipient: values.QueuedRecipient, fate: Failed, retry_until: float | None) -> Entry:
    return Entry(
        recipient,
        fate.status or fate.enhanced,
        _diagnostic(fate),
        fate.host,
        retry_until,
        tls=fate.tls,
        replied=fate.code != "000",
    )


def _diagnostic(fate: Failed) -> tuple[str, ...]:
    """The server's reply with its code in front, or our own word where there was none."""
    if fate.code == "000":
        return fate.lines
    return tuple(f"{fate.code} {line}" for line in fate.lines)
