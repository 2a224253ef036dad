# SPDX-License-Identifier: Apache-2.0
"""Is it this user? Passwords, SCRAM keys and certificates, checked so that nobody can flood us.

Everything here runs in a few threads of low priority; what does not fit into a short queue is told
to come back, so a flood of logins costs neither memory nor the processor that mail needs. Nobody is
looked at before the throttle has agreed, also at the end of SCRAM, and a name that nobody has takes
the same way as one that somebody has. What failed is counted in the store (`policy/auth_throttle`).
"""

import asyncio
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from gatehouse.policy import auth_throttle as throttle
from gatehouse.service.base import passwords
from gatehouse.smtp import scram
from gatehouse.store.auth_values import FailedLogin, FailureCount, SmtpUser
from gatehouse.store.interface import SmtpUsers

THREADS = 2
"""Of each receiver process; each needs the memory of one argon2id hash while it works."""

MAX_WAITING = 64
"""Logins that wait in a process (ours): with 50 ms for each, the last one waits two seconds."""

MAX_WAITING_PER_NETWORK = 16
"""Of these, from one address (ours): an office whose devices all wake at once."""

_NICENESS = 10  # below everything that moves mail
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Granted:
    """It is this user."""

    user: str


@dataclass(frozen=True, slots=True)
class Denied:
    """It is not, or he may not."""

    user: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not looked at; `seconds` 0: too many logins wait."""

    user: str
    seconds: float = 0.0


Verdict = Granted | Denied | Later


class Authenticator:
    """One for each receiver process. Methods raise `StoreError`."""

    def __init__(self, users: SmtpUsers, wall: Callable[[], float]) -> None:
        self._users = users
        self._wall = wall
        self._pool: ThreadPoolExecutor | None = None
        self._naming_secret: bytes | None = None
        self._waiting: Counter[str] = Counter()

    async def password(self, user: str, password: str, ip: str) -> Verdict:
        """Is this the password of the user?"""
        return await self._run(user, ip, lambda at: self._check_password(user, password, at))

    async def scram_keys(self, user: str, ip: str) -> scram.ScramKeys | Later:
        """The keys to go on with; for a name that nobody has, keys that nobody can prove."""
        return await self._run(user, ip, lambda at: self._find_keys(user, at))

    async def proof(self, user: str, ip: str, *, right: bool) -> Verdict:
        """A proof was looked at and is right or wrong: what does that mean?"""
        return await self._run(user, ip, lambda at: self._judge(user, at, right=right))

    async def certificate(self, identities: Sequence[str], user: str | None, ip: str) -> Verdict:
        """Whose certificate is it, and is it that of the user who is named?"""
        shown = user or "unknown"
        return await self._run(shown, ip, lambda at: self._find_owner(identities, user, at))

    def is_registered(self, identities: Sequence[str]) -> bool:
        """Some user is proved by one of these identities."""
        return bool(self._users.by_certificate(identities))

    def close(self) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, user: str, ip: str, work: Callable[[str], _T]) -> _T | Later:
        network = throttle.network(ip)
        waiting = self._waiting
        if waiting.total() >= MAX_WAITING or waiting[network] >= MAX_WAITING_PER_NETWORK:
            return Later(user)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, "login", initializer=_step_back)
        waiting[network] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, network)
        finally:
            waiting[network] -= 1
            if not waiting[network]:
                del waiting[network]

    # --- in a thread ----------------------------------------------------------------------------

    def _check_password(self, name: str, password: str, network: str) -> Verdict:
        late = self._too_early(name, network)
        if late is not None:
            return late
        user = self._active(name)
        encoded = None if user is None else user.password_hash
        return self._settle(name, network, right=passwords.verify_password(encoded, password))

    def _find_keys(self, name: str, network: str) -> scram.ScramKeys | Later:
        late = self._too_early(name, network)
        if late is not None:
            return late
        made_up = scram.plausible_keys(self._secret(), name)
        user = self._active(name)
        kept = None if user is None else user.scram
        if kept is None:
            return made_up
        return scram.ScramKeys(kept.salt, kept.iterations, kept.stored_key, kept.server_key)

    def _judge(self, name: str, network: str, *, right: bool) -> Verdict:
        late = self._too_early(name, network)
        if late is not None:
            return late
        # Between his keys and his proof a user may have been disabled.
        return self._settle(name, network, right=right and self._active(name) is not None)

    def _find_owner(self, identities: Sequence[str], name: str | None, network: str) -> Verdict:
        owners = self._users.by_certificate(identities)
        if name is None and len(owners) == 1:
            name = owners[0]
        if name is None:
            return Denied("unknown")
        late = self._too_early(name, network)
        if late is not None:
            return late
        right = name in owners and self._active(name) is not None
        return self._settle(name, network, right=right)

    def _active(self, name: str) -> SmtpUser | None:
        user = self._users.get(name)
        return user if user is not None and user.enabled else None

    def _too_early(self, name: str, network: str) -> Later | None:
        seconds = throttle.seconds_to_wait(self._history(name, network), self._wall())
        return Later(name, seconds) if seconds > 0 else None

    def _settle(self, name: str, network: str, *, right: bool) -> Verdict:
        """Remember how it ended."""
        history, now = self._history(name, network), self._wall()
        if right:
            if throttle.worth_noting(history, now):
                self._users.note_success(name, network, now, throttle.MAX_KEPT)
            return Granted(name)
        self._users.note_failure(
            FailedLogin(
                account=name,
                network=network,
                at=now,
                forget_before=now - throttle.FORGET_AFTER,
                most=throttle.MAX_KEPT,
                usual=throttle.is_usual(history, now),
            )
        )
        return Denied(name)

    def _history(self, name: str, network: str) -> throttle.History:
        kept = self._users.history(name, network)
        return throttle.History(
            address=_failures(kept.network),
            account=_failures(kept.account),
            both=_failures(kept.both),
            usual_at=kept.usual_at,
        )

    def _secret(self) -> bytes:
        if self._naming_secret is None:
            fresh = secrets.token_bytes(32)
            self._naming_secret = self._users.naming_secret(fresh, self._wall())
        return self._naming_secret


def _failures(kept: FailureCount) -> throttle.Failures:
    return throttle.Failures(kept.count, kept.last_at)


def _step_back() -> None:
    """On Linux each thread has a priority of its own (sched(7), setpriority(2))."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
