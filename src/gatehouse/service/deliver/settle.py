# SPDX-License-Identifier: Apache-2.0
"""What became of each recipient: mark it, say it, schedule it, report it; in one transaction.

The marks and the reports that they cause are one `Settle` operation, so a crash leaves both or
neither. A mark that could not be written is written again until it is: the message must not be
delivered twice because a disk was full for a minute, and while a mark is owed no new delivery
begins (`owing`). RFC 5321 §4.5.4.1 (retry), §6.1 (report to the reverse path, never to `<>`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gatehouse.journal import facts
from gatehouse.mail.envelope import Notify
from gatehouse.policy import bounce, retry
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.service.deliver.reports import Entry, Kind, Reporter
from gatehouse.store import values
from gatehouse.store.errors import StoreError

# How long to wait before a mark that the disk refused is written again.
OWING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """The server took the recipient over. `relayed`: it knows no DSN, so success is ours to tell."""

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
        return f"{self.code} {text}"[:500] if self.code != "000" else text[:500]


Fate = Taken | Failed


@dataclass(slots=True)
class _Work:
    """One settlement while it is put together."""

    outcomes: list[values.Outcome]
    reports: list[values.NewMessage]
    again: dict[float, list[int]]  # next try → RIDs


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
        self._wall = wall
        self._record = record
        self._writer = writer
        self._reporter = reporter
        self._dice = dice
        self.profile_of: Callable[[str], retry.BounceProfile] = lambda _: retry.BounceProfile()
        self.owing = 0  # marks that the store has refused so far

    async def settle(
        self,
        message: values.QueuedMessage,
        waiting: list[values.QueuedRecipient],
        fates: dict[int, Fate],
        *,
        dcid: int,
        encrypted: bool,
    ) -> None:
        """Settle and wait until it is on disk."""
        await self.begin(message, waiting, fates, dcid=dcid, encrypted=encrypted)

    def begin(
        self,
        message: values.QueuedMessage,
        waiting: list[values.QueuedRecipient],
        fates: dict[int, Fate],
        *,
        dcid: int,
        encrypted: bool,
    ) -> "asyncio.Future[None]":
        """Settle; the future is done when it is on disk."""
        now = self._wall()
        work = _Work([], [], {})
        self._delivered(message, waiting, fates, dcid, encrypted, now, work)
        self._failed(message, waiting, fates, dcid, now, work)
        operation = values.Settle(message.mid, tuple(work.outcomes), tuple(work.reports))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._submit(operation, message.mid, done, owed=False)
        return done

    # --- success ------------------------------------------------------------------------------

    def _delivered(
        self,
        message: values.QueuedMessage,
        waiting: list[values.QueuedRecipient],
        fates: dict[int, Fate],
        dcid: int,
        encrypted: bool,
        now: float,
        work: _Work,
    ) -> None:
        by_reply: dict[str, list[int]] = {}
        told: list[Entry] = []
        for recipient in waiting:
            fate = fates[recipient.rid]
            if not isinstance(fate, Taken):
                continue
            work.outcomes.append(values.Delivered(recipient.rid, fate.reply[:500]))
            by_reply.setdefault(fate.reply, []).append(recipient.rid)
            notify = recipient.recipient.notify
            if fate.relayed and notify is not None and Notify.SUCCESS in notify:
                told.append(Entry(recipient, "", (fate.reply,), fate.host))
        for reply, rids in by_reply.items():
            self._record(
                facts.RecipientsDelivered(
                    at=now,
                    dcid=dcid,
                    mid=message.mid,
                    rids=tuple(rids),
                    response=reply,
                    tls=encrypted,
                )
            )
        if told:
            self._report(Kind.RELAYED, message, told, now, work)

    # --- failure --------------------------------------------------------------------------------

    def _failed(
        self,
        message: values.QueuedMessage,
        waiting: list[values.QueuedRecipient],
        fates: dict[int, Fate],
        dcid: int,
        now: float,
        work: _Work,
    ) -> None:
        bounced: list[Entry] = []
        late: list[Entry] = []
        for recipient in waiting:
            fate = fates[recipient.rid]
            if isinstance(fate, Taken):
                continue
            if fate.permanent:
                self._bounce(message, recipient, fate, dcid, now, work, bounced)
            else:
                self._defer(message, recipient, fate, dcid, now, work, bounced, late)
        for at, rids in work.again.items():
            self._record(
                facts.RetryScheduled(at=now, mid=message.mid, rids=tuple(rids), until=at)
            )
        if bounced:
            self._report(Kind.FAILED, message, bounced, now, work)
        if late:
            self._report(Kind.DELAYED, message, late, now, work)

    def _bounce(
        self,
        message: values.QueuedMessage,
        recipient: values.QueuedRecipient,
        fate: Failed,
        dcid: int,
        now: float,
        work: _Work,
        bounced: list[Entry],
    ) -> None:
        work.outcomes.append(values.Bounced(recipient.rid, fate.reply, fate.enhanced))
        if message.sender is None:
            # A report that cannot be delivered ends here: nobody is left to tell (RFC 5321 §6.1).
            self._record(
                facts.DoubleBounce(
                    at=now,
                    mid=message.mid,
                    rid=recipient.rid,
                    enhanced=fate.enhanced,
                    text=fate.text,
                    code=fate.code,
                    reply=" ".join(fate.lines),
                )
            )
            return
        self._record(
            facts.RecipientBounced(
                at=now,
                dcid=dcid,
                mid=message.mid,
                sender=message.sender.text,
                recipient=recipient.recipient.address.text,
                rid=recipient.rid,
                enhanced=fate.enhanced,
                text=fate.text,
                code=fate.code,
                lines=fate.lines,
            )
        )
        bounced.append(_entry(recipient, fate, None))

    def _defer(
        self,
        message: values.QueuedMessage,
        recipient: values.QueuedRecipient,
        fate: Failed,
        dcid: int,
        now: float,
        work: _Work,
        bounced: list[Entry],
        late: list[Entry],
    ) -> None:
        profile = self.profile_of(recipient.recipient.address.domain)
        attempts = retry.Attempts(
            accepted_at=message.received_at,
            tries=recipient.tries + 1,
            tls_unavailable=fate.tls,
        )
        step = retry.next_step(profile, attempts, now=now, jitter=self._dice())
        if isinstance(step, retry.GiveUp):
            named = bounce.classify_trouble(bounce.Trouble.EXPIRED)
            expired = Failed(
                enhanced=named.enhanced,
                text=named.text,
                code=fate.code,
                lines=fate.lines,
                host=fate.host,
                tls=fate.tls,
            )
            self._bounce(message, recipient, expired, dcid, now, work, bounced)
            return
        warn = not recipient.delay_notified and retry.warning_due(
            profile, attempts, warnings_sent=0, last_warning_at=None, now=now
        )
        work.outcomes.append(
            values.Deferred(
                rid=recipient.rid,
                next_at=step.at,
                tries=attempts.tries,
                reply=fate.reply,
                enhanced=fate.enhanced,
                tried_at=now,
                delay_notified=recipient.delay_notified or warn,
            )
        )
        self._record(
            facts.RecipientDelayed(
                at=now,
                dcid=dcid,
                mid=message.mid,
                sender="" if message.sender is None else message.sender.text,
                recipient=recipient.recipient.address.text,
                rid=recipient.rid,
                enhanced=fate.enhanced,
                text=fate.text,
                code=fate.code,
                lines=fate.lines,
            )
        )
        work.again.setdefault(step.at, []).append(recipient.rid)
        if warn:
            until = retry.expires_at(profile, message.received_at)
            late.append(_entry(recipient, fate, until))

    def _report(
        self,
        kind: Kind,
        message: values.QueuedMessage,
        entries: list[Entry],
        now: float,
        work: _Work,
    ) -> None:
        work.reports.extend(self._reporter.reports(kind, message, entries, now))

    # --- writing --------------------------------------------------------------------------------

    def _submit(
        self, operation: values.Settle, mid: int, done: "asyncio.Future[None]", *, owed: bool
    ) -> None:
        def written(result: values.Result | StoreError) -> None:
            error = result.error if isinstance(result, values.Failed) else result
            if isinstance(error, StoreError):
                if not owed:
                    self.owing += 1
                    self._record(
                        facts.ResourcesLow(at=self._wall(), resource="queue", detail=str(error))
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
        fresh = tuple(self._reporter.respool(report) for report in operation.generated)
        again = values.Settle(operation.mid, operation.outcomes, fresh)
        self._submit(again, mid, done, owed=True)

    def _said(
        self, operation: values.Settle, mid: int, result: values.Result | StoreError
    ) -> None:
        at = self._wall()
        for report in operation.generated:
            self._reporter.announce(report, at)
        if isinstance(result, values.Settled) and result.finished:
            self._record(facts.MessageFinished(at=at, mid=mid, outcome="done"))


def _entry(
    recipient: values.QueuedRecipient, fate: Failed, retry_until: float | None
) -> Entry:
    return Entry(
        recipient,
        fate.enhanced,
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
