# SPDX-License-Identifier: Apache-2.0
"""The queue on SQLite: writing in batches, reading without waiting.

New messages are found by `seq`, which is given inside the writer's turn and therefore grows in the
order of commits: a reader that has seen 17 will never be shown 16 later. Retries are found by an
index that holds deferred recipients only, so the hot path of a message that is delivered at once
never touches it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gatehouse.store.errors import StoreFull, StoreRefused
from gatehouse.store.sqlite.changes import QUERIES, Changes
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.ids import SqliteIds
from gatehouse.store.sqlite.rows import Row, queue_entry, queued_message
from gatehouse.store.values import (
    AddMessage,
    BodyRef,
    Cursor,
    DestinationCount,
    DuePage,
    DueRecipient,
    Failed,
    Operation,
    QueuedMessage,
    QueueEntry,
    QueueFilter,
    QueueTotals,
    Result,
)

_MESSAGE = QUERIES["message"]
_WAITING = QUERIES["waiting_recipients"]
_IS_ALERT = QUERIES["is_alert"]
_NOTHING: Mapping[int, int] = {}


class SqliteQueue:
    """See `interface.Queue`."""

    def __init__(self, database: Database, ids: SqliteIds) -> None:
        self._database = database
        self._ids = ids

    # --- writing ---

    def write(self, batch: Sequence[Operation]) -> tuple[Result, ...]:
        """Do all operations in one durable transaction."""
        if not batch:
            return ()
        try:
            return self._write(batch, one_by_one=False)
        except StoreRefused:
            return self._write(batch, one_by_one=True)
        except StoreFull as error:
            return self._write_without_growth(batch, error)

    def enter(self, batch: Sequence[AddMessage], ends: Mapping[int, int]) -> tuple[Result, ...]:
        """Queue messages that are safe already, and say up to where each segment is entered.

        They were promised to a client, so a full disk is treated as for the marks of deliveries.
        """
        try:
            return self._write(batch, ends, one_by_one=False)
        except StoreRefused:
            return self._write(batch, ends, one_by_one=True)
        except StoreFull:
            self._database.make_room()
            return self._write(batch, ends, one_by_one=True)

    def entered(self, segment: int) -> int:
        """Up to where a segment has been entered."""
        with self._database.reading() as connection:
            (end,) = next(connection.execute(QUERIES["entered"], (segment,)), (0,))
            return int(end)

    def forget_entered(self, segments: Sequence[int]) -> None:
        """These segments are gone for good."""
        if segments:
            with self._database.transaction() as connection:
                connection.executemany(QUERIES["forget_entered"], [(one,) for one in segments])

    def _write(
        self, batch: Sequence[Operation], ends: Mapping[int, int] = _NOTHING, *, one_by_one: bool
    ) -> tuple[Result, ...]:
        with self._database.transaction() as connection:
            changes = Changes(connection)
            results = changes.run_one_by_one(batch) if one_by_one else changes.run(batch)
            changes.finish()
            if ends:
                connection.executemany(QUERIES["set_entered"], ends.items())
            grants = self._ids.top_up(connection)
        self._ids.grant(grants)
        return tuple(results)

    def _write_without_growth(
        self, batch: Sequence[Operation], error: StoreFull
    ) -> tuple[Result, ...]:
        """A full disk: refuse new mail but write the marks, else each retry is a duplicate."""
        rest = [operation for operation in batch if not isinstance(operation, AddMessage)]
        written: Iterator[Result] = iter(())
        if rest:
            self._database.make_room()
            written = iter(self._write(rest, one_by_one=True))
        return tuple(
            Failed(error) if isinstance(operation, AddMessage) else next(written)
            for operation in batch
        )

    def move_bodies(self, moves: Sequence[tuple[int, BodyRef, BodyRef]]) -> None:
        """Bodies of these messages were copied from the first place to the second."""
        with self._database.transaction() as connection:
            connection.executemany(
                QUERIES["move_body"],
                [(to.segment, to.offset, mid, old.segment, old.offset) for mid, old, to in moves],
            )

    # --- reading, for the deliverer ---

    def due(self, now: float, limit: int, cursor: Cursor) -> DuePage:
        """Up to `limit` new recipients (whole messages) and up to `limit` retries."""
        if cursor.retry_at > now:  # the clock was set back
            cursor = cursor.retries_again()
        new, seq, more_new = self._due_new(cursor.seq, limit)
        retries = self._due_retries(now, limit, cursor)
        place = (cursor.retry_at, cursor.retry_mid, cursor.retry_rid)
        if retries:
            place = retries[-1][:3]
        found = [*new, *(DueRecipient(mid, rid, domain) for _, mid, rid, domain in retries)]
        more = more_new or len(retries) == limit
        return DuePage(tuple(found), Cursor(seq, *place), more)

    def _due_new(self, after: int, limit: int) -> tuple[list[DueRecipient], int, bool]:
        found: list[DueRecipient] = []
        with self._database.snapshot() as connection:
            newest = next(connection.execute(QUERIES["newest_seq"]))[0] or 0
            if newest <= after:
                return found, after, False
            reached = after
            rows = connection.cursor()
            try:
                for seq, mid, rid, domain in rows.execute(QUERIES["due_new"], (after, newest)):
                    if len(found) >= limit and seq != reached:
                        return found, reached, True
                    reached = seq
                    found.append(DueRecipient(mid, rid, domain))
            finally:
                rows.close(True)
        return found, newest, False

    def _due_retries(self, now: float, limit: int, cursor: Cursor) -> list[Row]:
        place = (now, cursor.retry_at, cursor.retry_mid, cursor.retry_rid, limit)
        with self._database.reading() as connection:
            return list(connection.execute(QUERIES["due_retries"], place))

    def load(self, mid: int) -> QueuedMessage | None:
        """A message with its waiting recipients."""
        return next(iter(self._messages((mid,), _WAITING)), None)

    def load_many(self, mids: Sequence[int]) -> tuple[QueuedMessage, ...]:
        """Messages with their waiting recipients."""
        return self._messages(mids, _WAITING)

    def alerts_among(self, mids: Iterable[int]) -> frozenset[int]:
        """Those of these messages that are alerts."""
        with self._database.reading() as connection:
            return frozenset(
                mid for mid in mids if next(connection.execute(_IS_ALERT, (mid,)), None)
            )

    def show(self, mid: int) -> QueuedMessage | None:
        """A message with all its recipients."""
        return next(iter(self._messages((mid,), QUERIES["all_recipients"])), None)

    def _messages(self, mids: Sequence[int], recipients: str) -> tuple[QueuedMessage, ...]:
        found = []
        with self._database.snapshot() as connection:
            for mid in mids:
                row = next(connection.execute(_MESSAGE, (mid,)), None)
                if row is not None:
                    rows = connection.execute(recipients, (mid,))
                    found.append(queued_message(row, rows))
        return tuple(found)

    def next_retry_at(self) -> float | None:
        """The earliest time at which a deferred recipient falls due."""
        return self._one("next_retry_at")

    # --- reading, for people ---

    def list(self, wanted: QueueFilter, limit: int, offset: int = 0) -> tuple[QueueEntry, ...]:
        """Messages for the operator."""
        values = {
            "held": wanted.held,
            "sender": wanted.sender,
            "destination": wanted.destination,
            "recipient": wanted.recipient,
            "limit": limit,
            "offset": offset,
        }
        with self._database.reading() as connection:
            return tuple(map(queue_entry, connection.execute(QUERIES["list"], values)))

    def counts(self) -> tuple[DestinationCount, ...]:
        """Waiting recipients per destination."""
        with self._database.reading() as connection:
            rows = connection.execute(QUERIES["counts"])
            return tuple(DestinationCount(row[0], *map(int, row[1:])) for row in rows)

    def waiting_at(self, domain: str) -> tuple[int, float | None]:
        """Messages that wait for one destination, and when the oldest came."""
        with self._database.reading() as connection:
            count, oldest = next(connection.execute(QUERIES["waiting_at"], (domain,)))
            return int(count), oldest

    def totals(self) -> QueueTotals:
        """The whole queue in four numbers."""
        with self._database.snapshot() as connection:
            messages, held, octets = next(connection.execute(QUERIES["totals"]))
            (recipients,) = next(connection.execute(QUERIES["waiting_total"]))
        return QueueTotals(messages, recipients, int(held), int(octets))

    def oldest(self) -> float | None:
        """When the oldest message was received."""
        return self._one("oldest")

    # --- reading, for the spool ---

    def live_segments(self) -> dict[int, int]:
        """How many octets of bodies the queue needs in each segment."""
        with self._database.reading() as connection:
            return {
                segment: octets
                for segment, _, octets in connection.execute(QUERIES["live_segments"])
            }

    def bodies_in(self, segment: int) -> Sequence[tuple[int, BodyRef]]:
        """The messages whose body lies in a segment."""
        with self._database.reading() as connection:
            rows: Iterable[Row] = connection.execute(QUERIES["bodies_in_segment"], (segment,))
            return [(mid, BodyRef(*place)) for mid, *place in rows]

    def _one(self, query: str) -> float | None:
        with self._database.reading() as connection:
            value: float | None = next(connection.execute(QUERIES[query]))[0]
            return value
