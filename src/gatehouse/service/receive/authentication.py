# SPDX-License-Identifier: Apache-2.0
"""Is it this user? Passwords, SCRAM keys and certificates, checked so that nobody can flood us.

Hashing is done in a few threads of low priority, and what does not fit into a short queue is told
to come back: a flood of logins costs neither memory nor the processor that mail needs. The store is
asked in a thread of its own with the usual priority, for it has one turn to write that mail waits
for too. Nothing is said before the throttle has agreed at the very end, so logins at the same time
do not slip past it; and a name that nobody has takes the same way as one that somebody has.
"""

import asyncio
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gatehouse.policy import auth_throttle as throttle
from gatehouse.service.base import passwords
from gatehouse.service.base.login_waits import LoginWaits
from gatehouse.smtp import scram
from gatehouse.store.auth_values import SmtpUser
from gatehouse.store.interface import SmtpUsers

THREADS = 2
"""That hash, in each receiver process; each needs the memory of one argon2id hash."""

MAX_WAITING = 64
"""Logins that wait in a process (ours): with 50 ms for each, the last one waits two seconds."""

MAX_WAITING_PER_NETWORK = 16
"""Of these, from one address (ours): an office whose devices all wake at once."""

_NICENESS = 5  # below what moves mail, and not starved by it (sched(7): a third of the weight)
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


@dataclass(frozen=True, slots=True)
class _Hash:
    """What to compare a password with; None: nobody's."""

    encoded: str | None = field(repr=False)


class Authenticator:
    """One for each receiver process. Methods raise `StoreError`."""

    def __init__(self, users: SmtpUsers, wall: Callable[[], float]) -> None:
        self._users = users
        self._wall = wall
        self._waits = LoginWaits(users, wall)
        self._hashing: ThreadPoolExecutor | None = None  # made when somebody logs in
        self._asking: ThreadPoolExecutor | None = None
        self._naming_secret: bytes | None = None
        self._waiting: Counter[str] = Counter()

    async def password(self, user: str, password: str, ip: str) -> Verdict:
        """Is this the password of the user?"""
        return await self._admit(user, ip, lambda at: self._password(user, password, at))

    async def scram_keys(self, user: str, ip: str) -> scram.ScramKeys | Later:
        """The keys to go on with; for a name that nobody has, keys that nobody can prove."""
        return await self._admit(user, ip, lambda at: self._ask(self._find_keys, user, at))

    async def proof(self, user: str, ip: str, *, right: bool) -> Verdict:
        """A proof was looked at and is right or wrong: what does that mean?"""
        return await self._admit(user, ip, lambda at: self._ask(self._judge, user, at, right))

    async def certificate(self, identities: Sequence[str], user: str | None, ip: str) -> Verdict:
        """Whose certificate is it, and is it that of the user who is named?"""
        shown = user or "unknown"
        return await self._admit(
            shown, ip, lambda at: self._ask(self._find_owner, identities, user, at)
        )

    def is_registered(self, identities: Sequence[str]) -> bool:
        """Some user is proved by one of these identities."""
        return bool(self._users.by_certificate(identities))

    def close(self) -> None:
        """Let the threads end; failures that only we know are written."""
        for pool in (self._hashing, self._asking):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        self._waits.close()

    async def _admit(
        self, user: str, ip: str, work: Callable[[str], Coroutine[Any, Any, _T]]
    ) -> _T | Later:
        """Do it, unless too many logins are being looked at."""
        network = throttle.network(ip)
        waiting = self._waiting
        if waiting.total() >= MAX_WAITING or waiting[network] >= MAX_WAITING_PER_NETWORK:
            return Later(user)
        waiting[network] += 1
        try:
            return await work(network)
        finally:
            waiting[network] -= 1
            if not waiting[network]:
                del waiting[network]

    async def _password(self, user: str, password: str, network: str) -> Verdict:
        found = await self._ask(self._find_hash, user, network)
        if isinstance(found, Later):
            return found
        if self._hashing is None:
            self._hashing = ThreadPoolExecutor(THREADS, "hash", initializer=_step_back)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(
            self._hashing, passwords.verify_password, found.encoded, password
        )
        return await self._ask(self._judge, user, network, right)

    async def _ask(self, work: Callable[..., _T], *given: object) -> _T:
        """Ask the store, in its thread."""
        if self._asking is None:
            self._asking = ThreadPoolExecutor(1, "users")
        return await asyncio.get_running_loop().run_in_executor(self._asking, work, *given)

    # --- in the thread that asks the store ----------------------------------------------------

    def _find_hash(self, name: str, network: str) -> _Hash | Later:
        late = self._too_early(name, network)
        if late is not None:
            return late
        user = self._active(name)
        return _Hash(None if user is None else user.password_hash)

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

    def _judge(self, name: str, network: str, right: bool) -> Verdict:
        """What a right or wrong proof means now; remember it."""
        late = self._too_early(name, network)
        if late is not None:
            return late
        # While he was looked at, a user may have been disabled.
        right = right and self._active(name) is not None
        self._waits.note(name, network, right=right)
        return Granted(name) if right else Denied(name)

    def _find_owner(self, identities: Sequence[str], name: str | None, network: str) -> Verdict:
        owners = self._users.by_certificate(identities)
        if name is None and len(owners) == 1:
            name = owners[0]
        if name is None:
            return Denied("unknown")
        return self._judge(name, network, name in owners)

    def _active(self, name: str) -> SmtpUser | None:
        user = self._users.get(name)
        return user if user is not None and user.enabled else None

    def _too_early(self, name: str, network: str) -> Later | None:
        seconds = self._waits.seconds(name, network)
        return Later(name, seconds) if seconds > 0 else None

    def _secret(self) -> bytes:
        if self._naming_secret is None:
            fresh = secrets.token_bytes(32)
            self._naming_secret = self._users.naming_secret(fresh, self._wall())
        return self._naming_secret


def _step_back() -> None:
    """On Linux each thread has a priority of its own (sched(7), setpriority(2))."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
