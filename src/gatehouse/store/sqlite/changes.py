# SPDX-License-Identifier: Apache-2.0
"""Carries out queue operations inside one transaction.

At first all operations run straight on. Should one of them break a constraint, the whole
transaction is undone and run again with a savepoint round each operation, so that only the guilty
one fails; the common case pays nothing for that.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

import apsw

from gatehouse.store.errors import StoreRefused
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import translated
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.sqlite.rows import Row, message_row, recipient_rows
from gatehouse.store.values import (
    Added,
    AddMessage,
    Bounced,
    Changed,
    Deferred,
    Delete,
    Delivered,
    Destination,
    Everything,
    Failed,
    Hold,
    Messages,
    NewMessage,
    NotThere,
    Operation,
    Outcome,
    Release,
    Result,
    RetryNow,
    Selection,
    Settle,
    Settled,
)

QUERIES = load_queries(SQL / "queue.sql")
_ADD_MESSAGE = QUERIES["add_message"]
_ADD_RECIPIENT = QUERIES["add_recipient"]
_FINISH_WHOLE = QUERIES["finish_whole"]
_DELIVERED, _BOUNCED = 1, 2


class Changes:
    """The operations of one transaction. Use `run` once, then `finish`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._seq = 0  # 0: not read yet

    def run(self, batch: Sequence[Operation]) -> list[Result]:
        """Do all operations; an exception means that none of them may stay."""
        results: list[Result] = []
        new: list[NewMessage] = []
        for operation in batch:
            if isinstance(operation, AddMessage):
                new.append(operation.message)
                continue
            if new:
                results += self._add(new)
                new = []
            results.append(self._do(operation))
        if new:
            results += self._add(new)
        return results

    def run_one_by_one(self, batch: Sequence[Operation]) -> list[Result]:
        """Do all operations; one that breaks a constraint is undone and answered with `Failed`."""
        results: list[Result] = []
        for operation in batch:
            try:
                with self._connection:  # a savepoint
                    results += self.run([operation])
            except apsw.ConstraintError as error:
                results.append(Failed(translated(error)))
            except StoreRefused as error:
                results.append(Failed(error))
        return results

    def finish(self) -> None:
        """Write down what the next transaction goes on from."""
        if self._seq:
            self._connection.execute(QUERIES["set_last_seq"], (self._seq,))

    def _do(self, operation: Operation) -> Result:
        match operation:
            case Settle():
                return self._settle(operation)
            case Hold(selection):
                return self._hold(selection)
            case Release(selection):
                return self._release(selection)
            case RetryNow(selection):
                return self._retry_now(selection)
            case Delete(selection):
                return Changed(self._each("remove", ((mid,) for mid in self._mids(selection))))
            case AddMessage(message):
                return self._add([message])[0]
            case _:
                assert_never(operation)

    def _next_seq(self) -> int:
        if not self._seq:
            row = next(self._connection.execute(QUERIES["last_seq"]), (0,))
            self._seq = int(row[0])
        self._seq += 1
        return self._seq

    def _add(self, messages: Sequence[NewMessage]) -> list[Result]:
        rows: list[Row] = []
        recipients: list[Row] = []
        results: list[Result] = []
        for message in messages:
            if not message.envelope.recipients:
                raise StoreRefused(f"Message {message.mid} has no recipient")
            seq = self._next_seq()
            rows.append(message_row(message, seq))
            recipients += recipient_rows(message)
            results.append(Added(message.mid, seq))
        self._connection.executemany(_ADD_MESSAGE, rows)
        self._connection.executemany(_ADD_RECIPIENT, recipients)
        return results

    def _settle(self, operation: Settle) -> Result:
        mid, outcomes = operation.mid, operation.outcomes
        finished = self._finish_whole(mid, outcomes)
        if not finished:
            if not self._is_there(mid):
                return NotThere(mid)
            for outcome in outcomes:
                self._settle_recipient(mid, outcome)
            waiting = self._connection.execute(QUERIES["has_waiting"], (mid,))
            finished = next(waiting, None) is None
            if finished:
                self._connection.execute(QUERIES["remove"], (mid,))
        if operation.generated:
            self._add(operation.generated)
        return Settled(mid, finished)

    def _finish_whole(self, mid: int, outcomes: tuple[Outcome, ...]) -> bool:
        """The short way: every recipient there ever was comes to its end at once."""
        for outcome in outcomes:
            if type(outcome) is Deferred:
                return False
        if sorted(outcome.rid for outcome in outcomes) != list(range(len(outcomes))):
            return False
        self._connection.execute(_FINISH_WHOLE, (mid, len(outcomes)))
        return self._connection.changes() == 1

    def _settle_recipient(self, mid: int, outcome: Outcome) -> None:
        match outcome:
            case Delivered(rid, reply):
                values: Row = (_DELIVERED, reply, "", mid, rid)
                query = "settle_final"
            case Bounced(rid, reply, enhanced):
                values = (_BOUNCED, reply, enhanced, mid, rid)
                query = "settle_final"
            case Deferred():
                values = (
                    outcome.next_at,
                    outcome.tries,
                    outcome.reply,
                    outcome.enhanced,
                    outcome.tried_at,
                    outcome.delay_notified,
                    mid,
                    outcome.rid,
                )
                query = "settle_deferred"
            case _:
                assert_never(outcome)
        self._connection.execute(QUERIES[query], values)

    def _is_there(self, mid: int) -> bool:
        return next(self._connection.execute(QUERIES["is_there"], (mid,)), None) is not None

    def _mids(self, selection: Selection) -> list[int]:
        match selection:
            case Messages(mids):
                return [mid for mid in mids if self._is_there(mid)]
            case Destination(domain):
                rows = self._connection.execute(QUERIES["mids_of_destination"], (domain,))
            case Everything():
                rows = self._connection.execute(QUERIES["all_mids"])
            case _:
                assert_never(selection)
        return [mid for (mid,) in rows]

    def _each(self, query: str, rows: Iterable[Row]) -> tuple[int, ...]:
        """Run a query whose last value is a MID; the MIDs for which it changed something."""
        changed = []
        for row in rows:
            self._connection.execute(QUERIES[query], row)
            if self._connection.changes():
                changed.append(row[-1])
        return tuple(changed)

    def _hold(self, selection: Selection) -> Changed:
        held = self._each("hold", ((mid,) for mid in self._mids(selection)))
        self._each("unschedule", ((mid,) for mid in held))
        return Changed(held)

    def _release(self, selection: Selection) -> Changed:
        rows = ((self._next_seq(), mid) for mid in self._mids(selection))
        return Changed(self._each("release", rows))

    def _retry_now(self, selection: Selection) -> Changed:
        rows = ((self._next_seq(), mid) for mid in self._mids(selection))
        shown = self._each("show_again", rows)
        for mid in shown:
            if isinstance(selection, Destination):
                values: Row = (mid, selection.domain)
                self._connection.execute(QUERIES["unschedule_destination"], values)
            else:
                self._connection.execute(QUERIES["unschedule"], (mid,))
        return Changed(shown)
