# SPDX-License-Identifier: Apache-2.0
"""Failed logins between the store, which keeps them, and `policy.auth_throttle`, which judges them.

One memory for everybody who logs in: users of SMTP AUTH under their names, operators under names
that no user of SMTP AUTH can have. An address that guesses at one door waits at the other too.

Each write costs a flush that mail waits for as well, and whoever guesses from very many addresses
is not held up by the waits: a flood of failures must not become a flood of flushes. A few are
written at once, so that all receivers together give nobody a guess more than one alone would; in a
flood they count here from the first instant and are written together a fifth of a second later.
What a crash can forget, and what other processes do not know yet, is never older than that.
Blocking, since it asks the store: call it in a thread.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from gatehouse.policy import auth_throttle as throttle
from gatehouse.store.auth_values import FailedLogin, FailureCount
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import SmtpUsers

WRITES_PER_SECOND = 5.0
"""Of each process, in a flood (ours): mail itself flushes some hundred times in a second."""

WRITES_AT_ONCE = 20.0
"""What may be written at once after a quiet time (ours): more failures than anybody has free."""

REST_SECONDS = 1.0 / WRITES_PER_SECOND

MAX_UNWRITTEN = 1000
"""Failures that are kept for the next write (ours); more are written without a rest."""


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """It will not."""


class LoginWaits:
    """How long somebody waits, and what a login means for the next one. Raises `StoreError`."""

    def __init__(
        self,
        kept: SmtpUsers,
        wall: Callable[[], float],
        after: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        self._kept = kept
        self._wall = wall
        self._after = after or _in_a_thread
        self._lock = threading.Lock()
        self._unwritten: list[FailedLogin] = []
        self._counts: dict[tuple[str, str], FailureCount] = {}  # of what is unwritten
        self._resting: Timer | None = None
        self._closed = False
        self._allowed, self._allowed_at = WRITES_AT_ONCE, 0.0  # writes, and when that was so

    def seconds(self, account: str, network: str) -> float:
        """0: a login may be looked at now."""
        with self._lock:
            now = self._wall()
            return throttle.seconds_to_wait(self._history(account, network, now), now)

    def note(self, account: str, network: str, *, right: bool) -> None:
        """A login was looked at: it ends the failures there, or is one more of them."""
        with self._lock:
            now = self._wall()
            history = self._history(account, network, now)
            if right:
                self._succeeded(account, network, history, now)
            else:
                self._failed(account, network, history, now)

    def flush(self) -> None:
        """Write what only this process knows."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """The process ends: what it knows alone is written; no rest is begun any more."""
        with self._lock, suppress(StoreError):  # what cannot be written now is lost with us
            self._closed = True
            if self._resting is not None:
                self._resting.cancel()
                self._resting = None
            self._write()

    # --- with the lock ------------------------------------------------------------------------

    def _succeeded(self, account: str, network: str, history: throttle.History, now: float) -> None:
        if not throttle.worth_noting(history, now):
            return
        if (account, network) in self._counts:
            self._write()  # or the failures before it would come after it
        self._kept.note_success(account, network, now, throttle.MAX_KEPT)

    def _failed(self, account: str, network: str, history: throttle.History, now: float) -> None:
        if len(self._unwritten) >= MAX_UNWRITTEN:
            self._write()
        failed = FailedLogin(
            account=account,
            network=network,
            at=now,
            forget_before=now - throttle.FORGET_AFTER,
            most=throttle.MAX_KEPT,
            usual=throttle.is_usual(history, now),
        )
        self._unwritten.append(failed)
        for key in failed.counts():
            before = self._counts.get(key, FailureCount())
            self._counts[key] = FailureCount(before.count + 1, now)
        if self._resting is None:
            if self._may_write(now):
                self._write()
            else:
                self._resting = self._after(REST_SECONDS, self._rested)

    def _may_write(self, now: float) -> bool:
        passed = max(0.0, now - self._allowed_at)  # a clock that is set back gives nothing
        self._allowed = min(WRITES_AT_ONCE, self._allowed + passed * WRITES_PER_SECOND)
        self._allowed_at = now
        return self._allowed >= 1.0 or self._closed

    def _write(self) -> None:
        if not self._unwritten:
            return
        self._kept.note_failures(tuple(self._unwritten))
        self._unwritten.clear()
        self._counts.clear()
        self._allowed = max(0.0, self._allowed - 1.0)

    def _rested(self) -> None:
        # A store that cannot write now is told to whoever fails next; what failed until then
        # goes on counting here.
        with self._lock, suppress(StoreError):
            if not self._closed:
                self._resting = None
                self._may_write(self._wall())  # the rest has earned this write
                self._write()

    def _history(self, account: str, network: str, now: float) -> throttle.History:
        kept = self._kept.history(account, network)
        return throttle.History(
            address=self._failures(kept.network, ("", network), now),
            account=self._failures(kept.account, (account, ""), now),
            both=self._failures(kept.both, (account, network), now),
            usual_at=kept.usual_at,
        )

    def _failures(self, kept: FailureCount, key: tuple[str, str], now: float) -> throttle.Failures:
        """What is kept and what is unwritten, as they will be together."""
        more = self._counts.get(key)
        if more is None:
            return throttle.Failures(kept.count, kept.last_at)
        old = kept.last_at < now - throttle.FORGET_AFTER
        return throttle.Failures(more.count + (0 if old else kept.count), more.last_at)


def _in_a_thread(seconds: float, work: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, work)
    timer.daemon = True  # a process that ends does not wait for it
    timer.start()
    return timer
