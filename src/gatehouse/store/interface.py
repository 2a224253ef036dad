# SPDX-License-Identifier: Apache-2.0
"""What a store can do, whatever database lies under it.

Synchronous on purpose: one writer per process collects operations, calls `Store.commit_batch`, and
only then answers its clients, so many messages share one fsync. Call it inline or from a thread;
every method may be called from any thread. Reading never waits for writing. Every method may raise
`StoreError`; a method that returns has done what it says, durably.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from gatehouse.store.auth_values import (
    FailedLogin,
    FailureLine,
    LoginHistory,
    SmtpUser,
    SmtpUserEntry,
    UsualLine,
)
from gatehouse.store.bodies import BodyReader as BodyReader
from gatehouse.store.bodies import BodyWriter as BodyWriter
from gatehouse.store.bodies import OpenBody as OpenBody
from gatehouse.store.people_interface import Audit, People
from gatehouse.store.revision_values import Candidate, NewRevision, Revision, RevisionHead, Trial
from gatehouse.store.tls_values import CachedSts, ReceivedTlsReport, TlsCount, TlsReportState
from gatehouse.store.values import (
    AddMessage,
    Cursor,
    DestinationCount,
    DuePage,
    Failed,
    ListenerSuspension,
    Operation,
    QueuedMessage,
    QueueEntry,
    QueueFilter,
    QueueTotals,
    Result,
    SecretName,
    Suspension,
)


class Queue(Protocol):
    """Messages and their recipients."""

    def write(self, batch: Sequence[Operation]) -> tuple[Result, ...]:
        """Do all operations in one durable transaction; a result for each, in order.

        Bodies must be durable already: call `Store.commit_batch` unless they are. Raises when the
        transaction as a whole failed; then nothing of it is done. On a full disk new messages are
        `Failed` with `StoreFull`, and all else is still written.
        """

    def due(self, now: float, limit: int, cursor: Cursor) -> DuePage:
        """Recipients that may be tried: of messages new since the cursor, and retries now due.

        A recipient that is in the reader's hands can be named again (after `retries_again`): skip
        those.
        """

    def load(self, mid: int) -> QueuedMessage | None:
        """A message with its waiting recipients; None when it is gone."""

    def load_many(self, mids: Sequence[int]) -> tuple[QueuedMessage, ...]:
        """The same for several, at much less cost for each; those that are gone are missing."""

    def alerts_among(self, mids: Iterable[int]) -> frozenset[int]:
        """Those of these messages that are alerts."""

    def show(self, mid: int) -> QueuedMessage | None:
        """A message with all its recipients, also those that are done."""

    def list(self, wanted: QueueFilter, limit: int, offset: int = 0) -> tuple[QueueEntry, ...]:
        """Messages for the operator, oldest first."""

    def counts(self) -> tuple[DestinationCount, ...]:
        """Waiting recipients per destination, the largest first."""

    def waiting_at(self, domain: str) -> tuple[int, float | None]:
        """Messages that wait for one destination, and when the oldest of them was received."""

    def totals(self) -> QueueTotals:
        """Messages, waiting recipients, held messages and octets."""

    def oldest(self) -> float | None:
        """When the oldest message was received; None for an empty queue."""

    def next_retry_at(self) -> float | None:
        """The earliest time at which a deferred recipient falls due."""


class Suspensions(Protocol):
    """Destinations whose mail stays in the queue ("" stands for all of them), and listeners."""

    def suspend(self, domain: str, at: float, operator: str) -> bool:
        """Suspend a destination; False when it was suspended already."""

    def resume(self, domain: str) -> bool:
        """Resume it; False when it was not suspended."""

    def all(self) -> tuple[Suspension, ...]:
        """Every suspension, by domain."""

    def suspend_listener(self, listener: str, at: float, operator: str) -> bool:
        """Suspend a listener; False when it was suspended already."""

    def resume_listener(self, listener: str) -> bool:
        """Resume it; False when it was not suspended."""

    def listeners(self) -> tuple[ListenerSuspension, ...]:
        """Every suspended listener, by name."""


class Ids(Protocol):
    """Numbers never given twice, also not after a crash. Kinds: icid, mid, dcid, segment."""

    def next(self, kind: str) -> int:
        """The next number of a kind; waits for the disk only when its block is used up."""


class Revisions(Protocol):
    """Committed configurations, append-only."""

    def append(self, *, text: str, operator: str, comment: str, committed_at: float) -> int:
        """Keep a configuration and make it the current one; its number, counted from 1."""

    def current(self) -> Revision | None:
        """The configuration in force."""

    def get(self, number: int) -> Revision | None:
        """One revision."""

    def history(self, limit: int, before: int | None = None) -> tuple[RevisionHead, ...]:
        """Revisions without their texts, the newest first."""


class Candidates(Protocol):
    """What each operator has prepared and not committed."""

    def get(self, operator: str) -> Candidate | None:
        """The candidate of an operator."""

    def put(self, candidate: Candidate) -> None:
        """Keep or replace it."""

    def remove(self, operator: str) -> bool:
        """Forget it; False when there was none."""

    def all(self) -> tuple[Candidate, ...]:
        """Everybody's, the one that was touched last comes first."""


class Trials(Protocol):
    """Which revision is tried: not yet seen running, or not yet confirmed."""

    def current(self) -> Trial | None:
        """The revision that is tried."""


class Secrets(Protocol):
    """Private keys and passwords, sealed at rest."""

    def put(self, name: str, content: bytes, updated_at: float) -> None:
        """Keep or replace a secret."""

    def get(self, name: str) -> bytes | None:
        """The content, or None. Raises `StoreCorrupt` when it does not open with our master key."""

    def delete(self, name: str) -> bool:
        """Forget a secret; False when there was none."""

    def change(self, changes: Mapping[str, bytes | None], updated_at: float) -> None:
        """Keep, replace or forget (None) several in one transaction: all of it or nothing."""

    def names(self) -> tuple[SecretName, ...]:
        """Which secrets there are."""


class StsCache(Protocol):
    """MTA-STS policies of other domains."""

    def get(self, domain: str) -> CachedSts | None:
        """The policy of a domain, also one whose time is over."""

    def put(self, policy: CachedSts) -> None:
        """Keep or replace a policy."""

    def remove(self, domain: str) -> bool:
        """Forget a policy; False when there was none."""

    def mark_used(self, domains: Sequence[str], at: float) -> None:
        """Mail went to these domains; those without a policy are passed over."""

    def due(self, now: float, age: float, limit: int) -> tuple[CachedSts, ...]:
        """Living policies fetched `age` seconds ago or with half of their life behind them."""

    def all(self) -> tuple[CachedSts, ...]:
        """Every policy, by domain."""

    def prune(self, before: float) -> None:
        """Forget policies that ended before and that nobody has used since."""


class TlsReports(Protocol):
    """Counts for TLS reports, how far each report has come, and the reports that others sent."""

    def add(self, counts: Sequence[TlsCount]) -> None:
        """Add sessions to what is counted: all of it or nothing."""

    def counts(self, day: int, domain: str) -> tuple[TlsCount, ...]:
        """What one day brought for one domain."""

    def days(self) -> tuple[int, ...]:
        """Which days are counted, the oldest first."""

    def domains(self, day: int) -> tuple[str, ...]:
        """Which domains one day knows."""

    def forget_before(self, day: int) -> None:
        """Drop counts and states of earlier days."""

    def put_state(self, state: TlsReportState) -> None:
        """Note how far a report has come."""

    def states(self, day: int) -> tuple[TlsReportState, ...]:
        """How far the reports about one day have come, by domain."""

    def keep(self, report: ReceivedTlsReport, most: int) -> int | None:
        """Keep a report of others, and the newest `most` in all; None when it is there already."""

    def received(self, limit: int) -> tuple[ReceivedTlsReport, ...]:
        """Reports of others, the newest first."""

    def received_one(self, number: int) -> ReceivedTlsReport | None:
        """One report of others."""


class SmtpUsers(Protocol):
    """Users of SMTP AUTH, and failed logins: counted over all processes, and after a restart."""

    def add(self, user: SmtpUser) -> bool:
        """Keep a new user; False when the name or the certificate is taken."""

    def replace(self, user: SmtpUser) -> bool:
        """Change a user; False: there is none. Raises `StoreRefused` for a taken certificate."""

    def get(self, name: str) -> SmtpUser | None:
        """One user."""

    def list(self) -> tuple[SmtpUserEntry, ...]:
        """All users by name."""

    def by_certificate(self, identities: Sequence[str]) -> tuple[str, ...]:
        """The users whom one of these identities of a certificate proves."""

    def delete(self, name: str) -> bool:
        """Forget a user, with his failures and usual networks; False when there was none."""

    def history(self, account: str, network: str) -> LoginHistory:
        """What is remembered about an account and a network."""

    def note_failures(self, failed: Sequence[FailedLogin]) -> None:
        """Count failed logins, in the order in which they were, all with one flush."""

    def note_success(self, account: str, network: str, at: float, most: int) -> None:
        """A login succeeded: the network is usual for the account, its failures there are over."""

    def failures_of(self, account: str) -> tuple[FailureLine, ...]:
        """The counts of an account, the one over all networks first."""

    def usual_of(self, account: str) -> tuple[UsualLine, ...]:
        """Where an account usually comes from, the latest first."""

    def unlock(self, account: str) -> int:
        """Forget the failures of an account; how many counts that were."""

    def naming_secret(self, fresh: bytes, at: float) -> bytes:
        """What makes up keys for names that nobody has: `fresh` at first, then always the same."""


class Store(Protocol):
    """Everything that is remembered."""

    @property
    def queue(self) -> Queue: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def revisions(self) -> Revisions: ...

    @property
    def candidates(self) -> Candidates: ...

    @property
    def trials(self) -> Trials: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def sts(self) -> StsCache: ...

    @property
    def tls_reports(self) -> TlsReports: ...

    @property
    def smtp_users(self) -> SmtpUsers: ...

    @property
    def people(self) -> People: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def suspensions(self) -> Suspensions: ...

    @property
    def spool(self) -> BodyReader: ...

    def commit_revision(self, new: NewRevision) -> int:
        """Keep a configuration and change secrets with it: all of it or nothing; its number.

        Raises `StoreMoved` when the revision that it should follow is not the last one.
        """

    def settle_trial(
        self,
        revision: int,
        *,
        confirm_by: float | None,
        secrets: Mapping[str, bytes | None],
        at: float,
    ) -> None:
        """The revision that is tried runs, and waits for its confirmation until then.

        Without a deadline it is kept and nothing more is asked of it. Secrets change in the same
        transaction.
        """

    def keep_candidate(
        self, candidate: Candidate, secrets: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Keep or replace a candidate with the secrets that wait with it: all of it or nothing."""

    def commit_batch(self, writer: BodyWriter, batch: Sequence[Operation]) -> tuple[Result, ...]:
        """Make the bodies durable, then the operations; then a 250 may be sent for each `Added`.

        A body that could not be made durable fails its own operation only. Raises when the
        transaction failed: then no operation is done, and its bodies are given up after the next
        success.
        """

    def take_on(self, writer: BodyWriter, batch: Sequence[AddMessage]) -> tuple[Result, ...]:
        """Make messages safe with one flush; they are in the queue only after `enter`.

        `Added` (with place 0) says that a 250 may be sent: after a crash `recover` enters what was
        taken on. A message whose body has a file of its own is queued at once, as by
        `commit_batch`. While `enter` fails nothing more is taken on. Never at the same time as
        `enter` in one process.
        """

    def enter(self, writer: BodyWriter) -> tuple[Failed, ...]:
        """Queue everything that was taken on, in one transaction; what could not be, and why.

        Raises when the transaction failed: then all of it is still there for the next time.
        """

    def recover(self) -> int:
        """Queue what processes took on that died before they could enter it; how many messages.

        Call it when a process begins that takes on or delivers. `reclaim` does it too.
        """

    def body_writer(self) -> BodyWriter:
        """The writer of bodies for this process; make one and keep it."""

    def free(self, message: QueuedMessage) -> None:
        """Give back the space of a finished large message at once; `reclaim` does the rest."""

    def reclaim(self) -> int:
        """Remove segments that no body and no writer needs; how many. Call it each minute."""

    def compact(self, writer: BodyWriter, max_bytes: int) -> int:
        """Move bodies out of mostly dead segments: a stuck message must not pin a whole one."""

    def close(self) -> None:
        """Let go of all files."""


SegmentIds = Callable[[], int]
