# SPDX-License-Identifier: Apache-2.0
"""Gateways with one planted fault each: the harness must see every one of them.

`python -m tests.crash.mutants NAME run --data DIR` is the gateway with that fault in all of its
processes. A harness that never failed proves nothing.

The stumbles are no mutants: with them the ground gives way now and then, and the gateway has to
keep every promise all the same.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import apsw

from gatehouse import __main__ as program
from gatehouse import app
from gatehouse.policy import retry
from gatehouse.service.base.group_writer import GroupWriter
from gatehouse.service.deliver import courier, settle, transaction
from gatehouse.service.receive import entry as entry_module
from gatehouse.service.receive.session import Session
from gatehouse.smtp import client_events
from gatehouse.store import values
from gatehouse.store.errors import StoreUnavailable
from gatehouse.store.files import Files
from gatehouse.store.spool import Spool
from gatehouse.store.spool_writer import SpoolWriter
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.intake import Intake
from gatehouse.store.sqlite.queue import SqliteQueue
from gatehouse.store.sqlite.store import SqliteStore
from tests.crash import verdict

# How long a hasty mutant lives in sin: long enough for a kill to find it.
HASTE_SECONDS = 0.3
_STUMBLE_EACH = 15
_FORGET_EACH = 10  # what is forgotten now and then is forgotten every tenth time

Patch = Callable[[], None]


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(what was there)` in its place."""
    setattr(owner, name, make(getattr(owner, name)))


def promise_before_the_commit() -> None:
    """250 leaves before the message is on disk."""

    def hasty(honest: Any) -> Any:
        def submit(self: GroupWriter, operation: Any, done: Any) -> None:
            if not isinstance(operation, values.AddMessage):
                honest(self, operation, done)
                return
            loop = asyncio.get_running_loop()
            loop.call_later(HASTE_SECONDS, honest, self, operation, lambda _: None)
            loop.call_soon(done, values.Added(operation.message.mid, 0))

        return submit

    _replace(GroupWriter, "submit", hasty)


def lose_a_mark() -> None:
    """Now and then the mark of a delivery is not written."""
    numbers = count(1)

    def forgetful(honest: Any) -> Any:
        def submit(self: GroupWriter, operation: Any, done: Any) -> None:
            if isinstance(operation, values.Settle) and next(numbers) % _FORGET_EACH == 0:
                asyncio.get_running_loop().call_soon(done, values.Settled(operation.mid, True))
                return
            honest(self, operation, done)

        return submit

    _replace(GroupWriter, "submit", forgetful)


def forget_before_the_delivery() -> None:
    """The message is marked as delivered before the server has answered."""

    def hasty(honest: Any) -> Any:
        async def transact(self: Any, connected: Any, message: Any, waiting: Any) -> Any:
            fates: dict[int, settle.Fate] = {
                r.rid: settle.Taken("250 ok", "nobody") for r in waiting
            }
            await self._tools.settler.settle(settle.Attempt(message, waiting, fates))
            return await honest(self, connected, message, waiting)

        return transact

    _replace(courier.Courier, "_transact", hasty)


def accept_a_cut_off_message() -> None:
    """A client that leaves in the middle of its content has sent a message."""

    def generous(honest: Any) -> Any:
        def abandon(self: Any, **more: Any) -> None:
            open_one = self.transaction
            if open_one is None or open_one.committing or open_one._body is None:
                honest(self, **more)
                return
            self.transaction = None
            self.office.store_message(self, open_one, lambda *_: None)

        return abandon

    _replace(Session, "_abandon", generous)


def deliver_a_cut_off_message() -> None:
    """The last line of a body is not sent."""

    def careless(honest: Any) -> Any:
        def read_small(self: Spool, ref: values.BodyRef) -> bytes:
            body: bytes = honest(self, ref)
            return body[: body.rfind(b"\r\n", 0, -2) + 2]

        return read_small

    _replace(Spool, "read_small", careless)


def one_answer_for_all() -> None:
    """What the server says to the message counts for recipients that it has refused."""

    def careless(honest: Any) -> Any:
        def take(self: Any, event: Any) -> Any:
            if isinstance(event, client_events.RecipientResult) and len(self._waiting) > 1:
                return False
            if isinstance(event, client_events.MessageResult):
                everybody = tuple(range(len(self._waiting)))
                event = client_events.MessageResult(event.reply, everybody, event.final)
            return honest(self, event)

        return take

    _replace(transaction.Transaction, "take", careless)


def put_off_for_an_hour() -> None:
    """A retry is planned far beyond the longest wait."""
    _replace(retry, "next_step", lambda _: lambda *_, now, **__: retry.TryAgain(now + 3600))


def sweep_nothing() -> None:
    """Dead segments stay."""
    _replace(SqliteStore, "reclaim", lambda _: lambda _: 0)


def rows_before_bodies() -> None:
    """The queue names bodies that are not written yet."""

    def hasty(_: Any) -> Any:
        def commit_batch(self: SqliteStore, writer: Any, batch: Sequence[Any]) -> Any:
            results = self.queue.write(batch)
            if any(isinstance(operation, values.AddMessage) for operation in batch):
                time.sleep(HASTE_SECONDS)
            writer.sync()
            return results

        return commit_batch

    _replace(SqliteStore, "commit_batch", hasty)
    _replace(SqliteStore, "take_on", hasty)


def promise_without_the_envelope() -> None:
    """250 leaves when the body is safe, and the rows are still to come."""

    def hasty(honest: Any) -> Any:
        def seal(self: SpoolWriter, envelopes: Mapping[int, bytes]) -> Any:
            return honest(self, dict.fromkeys(envelopes, b""))

        return seal

    _replace(SpoolWriter, "seal", hasty)
    _replace(entry_module, "ENTER_SECONDS", lambda _: HASTE_SECONDS)


def forget_what_the_dead_promised() -> None:
    """Nobody enters what a dead process had taken on."""
    _replace(SqliteStore, "recover", lambda _: lambda _: 0)
    _replace(Intake, "claim", lambda _: lambda *_: True)
    _replace(entry_module, "ENTER_SECONDS", lambda _: HASTE_SECONDS)


def enter_again_from_the_start() -> None:
    """How far a segment was entered is not remembered."""
    _replace(SqliteQueue, "entered", lambda _: lambda *_: 0)


def never_flush() -> None:
    """Everything is written and nothing is flushed: only a power loss can show it."""

    def careless(honest: Any) -> Any:
        def open_it(self: Database, cache_kib: int) -> apsw.Connection:
            connection: apsw.Connection = honest(self, cache_kib)
            connection.pragma("synchronous", "off")
            return connection

        return open_it

    _replace(Database, "_open", careless)
    _replace(Files, "flush", lambda _: lambda *_: None)
    _replace(Files, "flush_directory", lambda _: lambda *_: None)


def _now_and_then(owner: Any, name: str) -> None:
    """A call fails with a StoreError, every so often."""
    numbers = count(1)

    def unsteady(honest: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            if next(numbers) % _STUMBLE_EACH == 0:
                raise StoreUnavailable("a fault that a test has planted")
            return honest(*arguments, **more)

        return call

    _replace(owner, name, unsteady)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault and the classes by which the harness may notice it."""

    plant: Patch
    seen_as: tuple[str, ...]


MUTANTS = {
    "promise-early": Mutant(promise_before_the_commit, (verdict.LOST,)),
    "lose-a-mark": Mutant(lose_a_mark, (verdict.DUPLICATE,)),
    "forget-early": Mutant(forget_before_the_delivery, (verdict.LOST,)),
    "accept-cut-off": Mutant(accept_a_cut_off_message, (verdict.PHANTOM,)),
    "deliver-cut-off": Mutant(deliver_a_cut_off_message, (verdict.CORRUPT,)),
    "one-answer-for-all": Mutant(one_answer_for_all, (verdict.LOST,)),
    "put-off": Mutant(put_off_for_an_hour, (verdict.STUCK,)),
    "sweep-nothing": Mutant(sweep_nothing, (verdict.ORPHAN,)),
    "promise-without-envelope": Mutant(promise_without_the_envelope, (verdict.LOST,)),
    "forget-the-dead": Mutant(forget_what_the_dead_promised, (verdict.LOST,)),
    "enter-again": Mutant(enter_again_from_the_start, (verdict.DUPLICATE,)),
    "rows-first": Mutant(rows_before_bodies, (verdict.STUCK, verdict.ORPHAN)),
}
STUMBLES: dict[str, Patch] = {
    "reading-the-queue": lambda: _now_and_then(SqliteQueue, "load"),
    "looking-what-is-due": lambda: _now_and_then(SqliteQueue, "due"),
    "committing": lambda: _now_and_then(SqliteQueue, "write"),
    "entering": lambda: _now_and_then(SqliteQueue, "enter"),
    "flushing": lambda: _now_and_then(Files, "flush"),
    "writing-bodies": lambda: _now_and_then(Files, "write"),
}
# Not for kills: the page cache outlives a process.
FOR_POWER_LOSS = {"never-flush": Mutant(never_flush, (verdict.LOST,))}


def entry(name: str) -> tuple[str, ...]:
    """How a mutant is started."""
    return ("tests.crash.mutants", name)


def main() -> int:
    """The gateway's main function with a fault planted."""
    name = sys.argv.pop(1)
    plants = {known: mutant.plant for known, mutant in (MUTANTS | FOR_POWER_LOSS).items()}
    (plants | STUMBLES)[name]()

    def same_mutant(*arguments: str) -> list[str]:
        return [sys.executable, "-m", *entry(name), *arguments]

    _replace(app, "program", lambda _: same_mutant)
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
