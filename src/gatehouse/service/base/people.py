# SPDX-License-Identifier: Apache-2.0
"""Who is this operator? Passwords, one-time passwords, keys and tokens, checked for all faces.

A refusal does not say why: a wrong password, a wrong code, a name that nobody has and an account
that is disabled are one answer, at the same price. Failures are counted before anything else is
said, the throttle is asked again at the very end, so that logins at the same time do not slip
past it, and only few are looked at at once. A one-time password is looked at only behind the right
password, and used up in the store, so a replayed one fails in every process (RFC 6238 §5.2).
"""

import asyncio
import hashlib
import hmac
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from gatehouse.journal import facts
from gatehouse.policy import auth_throttle
from gatehouse.policy.people import MAX_NAME, Role, Way, within
from gatehouse.service.base import api_tokens, passwords, second_factor
from gatehouse.service.base.login_waits import LoginWaits
from gatehouse.smtp import saslprep
from gatehouse.store.interface import Store
from gatehouse.store.people_values import Account

THREADS = 2  # that hash; each needs the memory of one argon2id hash
MAX_WAITING = 16  # logins at once (ours): operators are few, and the last one waits half a second
NOTE_USE_AFTER = 60.0  # seconds before the use of a token is noted again: not a write per call
_NICENESS = 5  # of threads that hash; see service.receive.authentication

# No account has a blank in its name.
_NOBODY = "unknown name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What somebody shows. `code`: a one-time password or a recovery code, "" for none."""

    name: str
    password: str = field(repr=False)
    code: str = field(default="", repr=False)
    way: Way
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLogin:
    """Somebody has proven that he holds the private half of this key. `code` None: none yet."""

    name: str
    fingerprint: str
    code: str | None = field(default=None, repr=False)
    way: Way
    address: str


@dataclass(frozen=True, slots=True)
class NeedsCode:
    """The key is one of the account's, and the account asks for a one-time password besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """It is this operator. A session that began before `credentials_at` is over."""

    name: str
    role: Role
    full_name: str
    credentials_at: float
    token: str = ""  # the id of the API token that was shown, instead of a password


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not, or he may not. `seconds` > 0: it was not looked at, and is not before then."""

    seconds: float = 0.0


class People:
    """The door for operators; one for each process that has one. Raises `StoreError`."""

    def __init__(
        self, store: Store, wall: Callable[[], float], record: Callable[[facts.Fact], None]
    ) -> None:
        self._people = store.people
        self._waits = LoginWaits(store.smtp_users, wall)
        self._wall = wall
        self._record = record
        self._hashing: ThreadPoolExecutor | None = None  # made when somebody logs in
        self._waiting = 0
        # Between the question whether he has to wait and the count of his failure nobody else asks.
        self._judging = threading.Lock()

    async def authenticate(self, login: Login) -> Person | Refused:
        """Is it he? The answer goes into the journal."""
        if self._waiting >= MAX_WAITING:
            return self._said(login, "password", Refused(1.0))
        self._waiting += 1
        try:
            return self._said(login, "password", await self._authenticate(login))
        finally:
            self._waiting -= 1

    async def has_key(self, name: str, fingerprint: str) -> bool:
        """Whether a key would open an account; it need not have been proven."""
        return await asyncio.to_thread(self._has_key, _prepared(name), fingerprint)

    async def enter_by_key(self, login: KeyLogin) -> Person | Refused | NeedsCode:
        """Is it he, by a key that the caller has seen proven? The answer goes into the journal."""
        verdict = await asyncio.to_thread(self._enter_by_key, login)
        return verdict if isinstance(verdict, NeedsCode) else self._said(login, "key", verdict)

    async def asks_for_code(self, name: str, chance: bytes) -> bool:
        """Whether to ask for a one-time password, before anything is known to be right.

        For names that nobody has it is `chance` that decides, and always alike, so that the
        question does not tell who is somebody.
        """
        return await asyncio.to_thread(self._asks_for_code, _prepared(name), chance)

    async def token(self, text: str) -> Person | Refused:
        """Whose API token is it?"""
        digest = api_tokens.token_digest(text)
        return Refused() if digest is None else await asyncio.to_thread(self._token, digest)

    def close(self) -> None:
        """Let the threads end; failures that only we know are written."""
        if self._hashing is not None:
            self._hashing.shutdown(wait=False, cancel_futures=True)
        self._waits.close()

    async def _authenticate(self, login: Login) -> Person | Refused:
        name = _prepared(login.name)
        password = saslprep.prepare_password(login.password) or ""
        network = auth_throttle.network(login.address)
        found = await asyncio.to_thread(self._find, name, network)
        if isinstance(found, Refused):
            return found
        encoded = None if found is None else found.password_hash
        if self._hashing is None:
            self._hashing = ThreadPoolExecutor(THREADS, "hash", initializer=_step_back)
        right = await asyncio.get_running_loop().run_in_executor(
            self._hashing, passwords.verify_password, encoded, password
        )
        return await asyncio.to_thread(self._judge, name, network, encoded, right, login.code)

    def _said(
        self, login: Login | KeyLogin, proof: str, verdict: Person | Refused
    ) -> Person | Refused:
        match verdict:
            case Person():
                outcome = "succeeded"
            case Refused(seconds):
                outcome = "delayed" if seconds else "failed"
        self._record(
            facts.OperatorLogin(
                at=self._wall(),
                name=login.name[:MAX_NAME],
                way=login.way.value,
                address=login.address,
                outcome=outcome,
                proof=proof,
            )
        )
        return verdict

    # --- in a thread --------------------------------------------------------------------------

    def _find(self, name: str, network: str) -> Account | Refused | None:
        seconds = self._waits.seconds(failures_of(name), network)
        return Refused(seconds) if seconds > 0 else self._active(name)

    def _judge(
        self, name: str, network: str, encoded: str | None, right: bool, code: str
    ) -> Person | Refused:
        with self._judging:
            seconds = self._waits.seconds(failures_of(name), network)
            if seconds > 0:
                return Refused(seconds)
            # While it was looked at, the account may have been disabled or got another password.
            account = self._active(name)
            if account is None or account.password_hash != encoded or not right:
                right = False
            elif account.totp_secret is not None:
                right = self._use_code(account.name, account.totp_secret, code)
            self._waits.note(failures_of(name), network, right=right)
        if not right or account is None:
            return Refused()
        self._people.note_login(name, self._wall())
        return _person(account)

    def _has_key(self, name: str, fingerprint: str) -> bool:
        # Keys first: a name that nobody has and a key that is not his cost the same.
        found = any(one.fingerprint == fingerprint for one in self._people.ssh_keys(name))
        return found and self._active(name) is not None

    def _enter_by_key(self, login: KeyLogin) -> Person | Refused | NeedsCode:
        # A key cannot be guessed, so nobody else's failures make its owner wait; a code can.
        name = _prepared(login.name)
        account = self._active(name) if self._has_key(name, login.fingerprint) else None
        if account is None:
            return Refused()
        if account.totp_secret is not None:
            if login.code is None:
                return NeedsCode()
            refused = self._code_refused(account, login.code, login.address)
            if refused is not None:
                return refused
        self._people.note_ssh_key_used(name, login.fingerprint, self._wall())
        self._people.note_login(name, self._wall())
        return _person(account)

    def _code_refused(self, account: Account, code: str, address: str) -> Refused | None:
        network, failures = auth_throttle.network(address), failures_of(account.name)
        with self._judging:
            seconds = self._waits.seconds(failures, network)
            if seconds > 0:
                return Refused(seconds)
            right = self._use_code(account.name, account.totp_secret or "", code)
            self._waits.note(failures, network, right=right)
        return None if right else Refused()

    def _asks_for_code(self, name: str, chance: bytes) -> bool:
        account = self._people.get(name)
        decoy = hmac.digest(chance, name.encode(), hashlib.sha256)[0] % 2 == 0
        return decoy if account is None else account.totp_secret is not None

    def _use_code(self, name: str, secret: str, code: str) -> bool:
        step = second_factor.matching_step(secret, code, self._wall())
        if step is not None:
            return self._people.use_totp_step(name, step)
        digest = second_factor.recovery_digest(code)
        return digest is not None and self._people.use_recovery_code(name, digest)

    def _token(self, digest: bytes) -> Person | Refused:
        token, now = self._people.find_token(digest), self._wall()
        if token is None or token.expires_at <= now:
            return Refused()
        account = self._active(token.account)
        # A token never does more than its owner may now, whatever he could when it was made.
        if account is None or not within(Role(token.role), Role(account.role)):
            return Refused()
        if token.last_used_at is None or now - token.last_used_at >= NOTE_USE_AFTER:
            self._people.note_token_used(token.id, now)
        return Person(
            name=account.name,
            role=Role(token.role),
            full_name=account.full_name,
            credentials_at=account.credentials_at,
            token=token.id,
        )

    def _active(self, name: str) -> Account | None:
        account = self._people.get(name)
        return account if account is not None and account.enabled else None


def _prepared(name: str) -> str:
    return saslprep.prepare_name(name) or _NOBODY


def failures_of(name: str) -> str:
    """Under which name an operator's failed logins are counted; no user of SMTP AUTH has it."""
    return f"operator {name}"


def _person(account: Account) -> Person:
    return Person(
        name=account.name,
        role=Role(account.role),
        full_name=account.full_name,
        credentials_at=account.credentials_at,
    )


def _step_back() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
