# SPDX-License-Identifier: Apache-2.0
"""The store of one machine: queue, numbers, revisions and secrets in SQLite, bodies in the spool.

The order of a commit is the promise of the 250: first the bodies are flushed, then the rows that
name them are committed, then the writer lets go of them. A crash between the steps leaves bodies
without rows, which `reclaim` removes, never rows without bodies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gatehouse.store.directory import DataDirectory
from gatehouse.store.errors import StoreCorrupt, StoreError, StoreUnavailable
from gatehouse.store.files import Files
from gatehouse.store.interface import BodyWriter
from gatehouse.store.revision_values import Candidate, NewRevision
from gatehouse.store.spool import Spool, is_shared
from gatehouse.store.spool_writer import SpoolWriter
from gatehouse.store.sqlite.audit import SqliteAudit
from gatehouse.store.sqlite.candidates import SqliteCandidates
from gatehouse.store.sqlite.connection import Database, SqliteSettings
from gatehouse.store.sqlite.ids import SqliteIds
from gatehouse.store.sqlite.intake import Intake
from gatehouse.store.sqlite.migrate import migrate
from gatehouse.store.sqlite.people import SqlitePeople
from gatehouse.store.sqlite.queue import SqliteQueue
from gatehouse.store.sqlite.revisions import SqliteRevisions
from gatehouse.store.sqlite.secrets import SqliteSecrets
from gatehouse.store.sqlite.smtp_users import SqliteSmtpUsers
from gatehouse.store.sqlite.sts_cache import SqliteStsCache
from gatehouse.store.sqlite.suspensions import SqliteSuspensions
from gatehouse.store.sqlite.tls_reports import SqliteTlsReports
from gatehouse.store.sqlite.trials import SqliteTrials
from gatehouse.store.values import (
    AddMessage,
    BodyRef,
    Failed,
    Operation,
    QueuedMessage,
    Result,
    Settle,
)

# A segment of which less than this part is still needed is worth emptying.
_WORTH_COMPACTING = 0.25


class SqliteStore:
    """See `interface.Store`. One per process."""

    def __init__(
        self,
        directory: DataDirectory,
        settings: SqliteSettings | None = None,
        files: Files | None = None,
    ) -> None:
        self._database = Database(directory.database, settings)
        migrate(self._database)
        self._database.keep_reserve()
        self.ids = SqliteIds(self._database)
        self.queue = SqliteQueue(self._database, self.ids)
        self.revisions = SqliteRevisions(self._database)
        self.candidates = SqliteCandidates(self._database)
        self.trials = SqliteTrials(self._database)
        self.secrets = SqliteSecrets(self._database, directory.master_key)
        self.smtp_users = SqliteSmtpUsers(self._database, self.secrets)
        self.people = SqlitePeople(self._database, self.secrets)
        self.audit = SqliteAudit(self._database)
        self.suspensions = SqliteSuspensions(self._database)
        self.sts = SqliteStsCache(self._database)
        self.tls_reports = SqliteTlsReports(self._database)
        self.spool = Spool(directory.spool, files)
        self._doubtful: list[tuple[BodyWriter, BodyRef]] = []
        self.intake = Intake(self.queue, self.spool, self._commit)

    def body_writer(self) -> SpoolWriter:
        """The writer of bodies for this process."""
        return SpoolWriter(self.spool, lambda: self.ids.next("segment"))

    def commit_revision(self, new: NewRevision) -> int:
        """A configuration and the secrets that belong to it, in one transaction."""
        sealed = self.secrets.seal(new.secrets)
        with self._database.transaction() as connection:
            number = self.revisions.write(connection, new)
            self.secrets.write(connection, sealed, new.committed_at)
            if new.trial is not None:
                self.trials.begin(connection, number, new.trial)
            elif new.ends_trial:
                self.trials.end(connection)
            if new.candidate is not None:
                self.candidates.strike(connection, new.candidate)
            if new.gives_back is not None:
                self.candidates.give_back(connection, new.gives_back)
            if new.arriving is not None:
                people = new.arriving
                self.people.arrive(connection, people.accounts, people.keep_role)
                self.smtp_users.arrive(connection, people.smtp_users)
            if new.audit is not None:
                self.audit.write(connection, replace(new.audit, revision=number))
            return number

    def settle_trial(
        self,
        revision: int,
        *,
        confirm_by: float | None,
        secrets: Mapping[str, bytes | None],
        at: float,
    ) -> None:
        """The revision that is tried runs; without a deadline nothing more is asked of it."""
        sealed = self.secrets.seal(secrets)
        with self._database.transaction() as connection:
            self.secrets.write(connection, sealed, at)
            if confirm_by is None:
                self.trials.end(connection)
            else:
                self.trials.seen(connection, revision, confirm_by)

    def keep_candidate(
        self, candidate: Candidate, secrets: Mapping[str, bytes | None] | None = None
    ) -> None:
        """A candidate and the secrets that wait with it, in one transaction."""
        sealed = self.secrets.seal(secrets or {})
        with self._database.transaction() as connection:
            self.candidates.write(connection, candidate)
            self.secrets.write(connection, sealed, candidate.changed_at)

    def commit_batch(self, writer: BodyWriter, batch: Sequence[Operation]) -> tuple[Result, ...]:
        """Make the bodies durable, then the operations."""
        failure: StoreError | None = None
        try:
            writer.sync()
        except StoreError as error:
            failure = error
        return self._commit(writer, batch, failure)

    def take_on(self, writer: BodyWriter, batch: Sequence[AddMessage]) -> tuple[Result, ...]:
        """Make messages safe; they are queued later."""
        return self.intake.take_on(writer, batch)

    def enter(self, writer: BodyWriter) -> tuple[Failed, ...]:
        """Queue what was taken on."""
        return self.intake.enter(writer)

    def recover(self) -> int:
        """Queue what dead processes have taken on."""
        return self.intake.recover()

    def _commit(
        self, writer: BodyWriter, batch: Sequence[Operation], failure: StoreError | None
    ) -> tuple[Result, ...]:
        """Commit what has its body on stable storage; `failure`: why others have not."""
        bodies = [(writer, ref) for operation in batch for ref in _bodies(operation)]
        self._doubtful += bodies
        if failure is None and all(writer.is_durable(ref) for _, ref in bodies):
            results = self.queue.write(batch)
        else:
            results = self._write_durable(writer, batch, failure)
        # Not after a failed commit: until another one overwrites it in the WAL, a crash can bring
        # it back, and rows must not come back without their bodies.
        doubtful, self._doubtful = self._doubtful, []
        for owner, ref in doubtful:
            owner.settle(ref)
        return results

    def _write_durable(
        self, writer: BodyWriter, batch: Sequence[Operation], failure: StoreError | None
    ) -> tuple[Result, ...]:
        """Write the operations whose bodies are durable; the others have failed."""
        error = failure or StoreUnavailable("The body was lost by an earlier fault")
        fit = [all(map(writer.is_durable, _bodies(operation))) for operation in batch]
        written = iter(self.queue.write([op for op, good in zip(batch, fit, strict=True) if good]))
        return tuple(next(written) if good else Failed(error) for good in fit)

    def free(self, message: QueuedMessage) -> None:
        """Give back the space of a finished message now, if its body has a file of its own."""
        if not is_shared(message.body.segment) and self.queue.load(message.mid) is None:
            self.spool.reclaim_one(message.body.segment)

    def reclaim(self) -> int:
        """Remove segments that hold no queued body and belong to no writer; renew the reserve.

        What dead processes left in them is queued first.
        """

        def live(_asked: Iterable[int]) -> set[int]:
            return set(self.queue.live_segments())

        damaged: StoreCorrupt | None = None
        try:
            self.recover()
        except StoreCorrupt as error:  # what can be freed is freed all the same
            damaged = error
        removed = self.spool.reclaim(live, claim=self.intake.claim)
        if removed:
            # For good first: a name that comes back must not be entered again from its start.
            self.spool.files.flush_directory(self.spool.directory)
            self.intake.forget(removed)
        self._database.keep_reserve()
        if damaged is not None:
            raise damaged
        return len(removed)

    def compact(self, writer: BodyWriter, max_bytes: int) -> int:
        """Move up to `max_bytes` of bodies out of mostly dead segments; how many were moved."""
        moved = 0
        for segment, octets in sorted(self.queue.live_segments().items(), key=lambda item: item[1]):
            if octets > max_bytes:
                break
            if octets < self.spool.size(segment) * _WORTH_COMPACTING and self._is_closed(segment):
                moved += self._move(writer, segment)
                max_bytes -= octets
        return moved

    def close(self) -> None:
        """Let go of all files."""
        self.spool.close()
        self._database.close()

    def _is_closed(self, segment: int) -> bool:
        return is_shared(segment) and not self.spool.is_owned(segment)

    def _move(self, writer: BodyWriter, segment: int) -> int:
        moves: list[tuple[int, BodyRef, BodyRef]] = []
        try:
            for mid, old in self.queue.bodies_in(segment):
                new = self._copy(writer, old)
                if new is not None:
                    moves.append((mid, old, new))
            writer.sync()
            moves = [move for move in moves if writer.is_durable(move[2])]
            self.queue.move_bodies(moves)
        finally:
            for _, _, new in moves:
                writer.settle(new)
        return len(moves)

    def _copy(self, writer: BodyWriter, ref: BodyRef) -> BodyRef | None:
        """A second copy of a body; None when it is damaged: it then stays where it is."""
        body = writer.begin()
        try:
            for chunk in self.spool.read(ref):
                body.write(chunk)
            return body.finish()
        except StoreCorrupt:
            body.abort()
            return None
        except BaseException:
            body.abort()
            raise


def open_store(
    directory: DataDirectory, settings: SqliteSettings | None = None, files: Files | None = None
) -> SqliteStore:
    """The store of a data directory, made or brought up to date if need be."""
    directory.prepare()
    return SqliteStore(directory, settings, files)


def _bodies(operation: Operation) -> tuple[BodyRef, ...]:
    match operation:
        case AddMessage(message):
            return (message.body,)
        case Settle(generated=generated) if generated:
            return tuple(message.body for message in generated)
        case _:
            return ()
