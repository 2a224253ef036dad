# SPDX-License-Identifier: Apache-2.0
"""The people who operate the gateway, in the database: accounts, codes, API tokens, SSH keys.

Rule: what must not happen twice is decided by the row that changed. A one-time password, a recovery
code and the last account of a role are looked at and changed in one transaction, so two processes
that come at the same instant do not both succeed. Hashes and secrets lie sealed under the
account's name; of tokens and recovery codes there is only the SHA-256.
"""

import hmac
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from gatehouse.store.errors import StoreRefused
from gatehouse.store.people_values import (
    Account,
    AccountChange,
    AccountEntry,
    ApiToken,
    SshKey,
)
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.sqlite.secrets import SqliteSecrets

_QUERIES = load_queries(SQL / "people.sql")


class _Sealed(msgspec.Struct, frozen=True):
    """What nobody but us may read, as it is sealed."""

    password_hash: str | None
    totp_secret: str | None
    totp_pending: str | None


class _Undo(Exception):
    """Takes a transaction back; carries what came of it."""

    def __init__(self, outcome: AccountChange) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class SqlitePeople:
    """The tables `account`, `recovery_code`, `api_token` and `ssh_key`."""

    def __init__(self, database: Database, secrets: SqliteSecrets) -> None:
        self._database = database
        self._secrets = secrets

    def add(self, account: Account) -> bool:
        """Keep a new account; False when the name is taken."""
        row = self._row(account)
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["add"], row)
            return connection.changes() == 1

    def arrive(
        self, connection: apsw.Connection, accounts: Sequence[Account], keep_role: str
    ) -> None:
        """Accounts from elsewhere, in a transaction of the caller's; raises StoreRefused.

        What else opened the account of who had the name before would open the new one: recovery
        codes, SSH keys and API tokens go.
        """
        before = _count(connection, keep_role)
        for account in accounts:
            connection.execute(_QUERIES["arrive"], self._row(account))
            _forget_what_opens(connection, account.name)
        if before and not _count(connection, keep_role):
            raise StoreRefused(f"Nobody who can log in would be {keep_role} any more")

    def get(self, name: str) -> Account | None:
        """One account."""
        with self._database.reading() as connection:
            row = next(connection.execute(_QUERIES["get"], (name,)), None)
        if row is None:
            return None
        kept = msgspec.msgpack.decode(self._secrets.unseal(_label(name), row[3]), type=_Sealed)
        return Account(
            name=row[0],
            role=row[1],
            full_name=row[2],
            password_hash=kept.password_hash,
            totp_secret=kept.totp_secret,
            totp_pending=kept.totp_pending,
            enabled=bool(row[4]),
            created_at=row[5],
            changed_at=row[6],
            credentials_at=row[7],
            last_login_at=row[8],
            version=row[9],
        )

    def list(self) -> tuple[AccountEntry, ...]:
        """All accounts by name."""
        with self._database.reading() as connection:
            return tuple(
                AccountEntry(
                    name=row[0],
                    role=row[1],
                    full_name=row[2],
                    totp=bool(row[3]),
                    enabled=bool(row[4]),
                    created_at=row[5],
                    changed_at=row[6],
                    last_login_at=row[7],
                )
                for row in connection.execute(_QUERIES["list"])
            )

    def replace(
        self, account: Account, keep_role: str, recovery: Sequence[bytes] | None = None
    ) -> AccountChange:
        """Change an account; with `recovery`, its recovery codes (their SHA-256) with it."""
        row = (
            account.name,
            account.role,
            account.full_name,
            self._seal(account),
            account.totp_secret is not None,
            account.enabled,
            account.changed_at,
            account.credentials_at,
            account.version,
        )
        try:
            with self._database.transaction() as connection:
                before = _count(connection, keep_role)
                connection.execute(_QUERIES["replace"], row)
                if connection.changes() != 1:
                    there = next(connection.execute(_QUERIES["present"], (account.name,)), None)
                    raise _Undo(AccountChange.OUTDATED if there else AccountChange.MISSING)
                _undo_if_last(connection, keep_role, before)
                if recovery is not None:
                    connection.execute(_QUERIES["forget_recovery"], (account.name,))
                    rows = [(account.name, digest) for digest in recovery]
                    connection.executemany(_QUERIES["add_recovery"], rows)
        except _Undo as undone:
            return undone.outcome
        return AccountChange.DONE

    def delete(self, name: str, keep_role: str) -> AccountChange:
        """Forget an account with its tokens, recovery codes and SSH keys."""
        try:
            with self._database.transaction() as connection:
                before = _count(connection, keep_role)
                connection.execute(_QUERIES["remove"], (name,))
                if connection.changes() != 1:
                    raise _Undo(AccountChange.MISSING)
                _undo_if_last(connection, keep_role, before)
                _forget_what_opens(connection, name)
        except _Undo as undone:
            return undone.outcome
        return AccountChange.DONE

    def note_login(self, name: str, at: float) -> None:
        """Somebody has logged in."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["note_login"], (name, at))

    # --- the second factor ----------------------------------------------------------------------

    def use_totp_step(self, name: str, step: int) -> bool:
        """A one-time password of this step is used; False when one of it or a later one was."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["use_step"], (name, step))
            return connection.changes() == 1

    def use_recovery_code(self, name: str, digest: bytes) -> bool:
        """A recovery code is used and gone; False when there is none such."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["use_recovery"], (name, digest))
            return connection.changes() == 1

    def recovery_codes_left(self, name: str) -> int:
        """How many are unused."""
        with self._database.reading() as connection:
            return int(next(connection.execute(_QUERIES["count_recovery"], (name,)))[0])

    # --- tokens ---------------------------------------------------------------------------------

    def add_token(self, token: ApiToken, digest: bytes, forget_before: float) -> None:
        """Keep a token by its SHA-256; those that ended before `forget_before` go."""
        row = (
            digest,
            token.id,
            token.account,
            token.role,
            token.label,
            token.created_at,
            token.expires_at,
        )
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["forget_expired"], (forget_before,))
            connection.execute(_QUERIES["add_token"], row)

    def find_token(self, digest: bytes) -> ApiToken | None:
        """The token with this SHA-256, also one whose time is over."""
        with self._database.reading() as connection:
            row = next(connection.execute(_QUERIES["find_token"], (digest,)), None)
        if row is None or not hmac.compare_digest(row[0], digest):
            return None
        return _token(row[1:])

    def tokens(self, account: str = "") -> tuple[ApiToken, ...]:
        """The tokens of an account, or of all."""
        with self._database.reading() as connection:
            return tuple(map(_token, connection.execute(_QUERIES["tokens"], (account,))))

    def note_token_used(self, token_id: str, at: float) -> None:
        """A token was used."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["use_token"], (token_id, at))

    def revoke_token(self, account: str, token_id: str) -> bool:
        """Forget a token; False when the account has none such."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["revoke_token"], (account, token_id))
            return connection.changes() == 1

    # --- public keys ----------------------------------------------------------------------------

    def add_ssh_key(self, key: SshKey) -> bool:
        """Keep a public key; False when the account has it already."""
        row = (key.account, key.fingerprint, key.algorithm, key.key, key.comment, key.added_at)
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["add_ssh_key"], row)
            return connection.changes() == 1

    def ssh_keys(self, account: str) -> tuple[SshKey, ...]:
        """The public keys of an account, the oldest first."""
        with self._database.reading() as connection:
            return tuple(map(_ssh_key, connection.execute(_QUERIES["ssh_keys"], (account,))))

    def note_ssh_key_used(self, account: str, fingerprint: str, at: float) -> None:
        """A public key was used."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["use_ssh_key"], (account, fingerprint, at))

    def remove_ssh_key(self, account: str, fingerprint: str, at: float) -> bool:
        """Forget a public key; sessions from before `at` are over. False: there is none such."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["remove_ssh_key"], (account, fingerprint))
            if connection.changes() != 1:
                return False
            connection.execute(_QUERIES["move_credentials"], (account, at))
            return True

    def _row(self, account: Account) -> tuple[Any, ...]:
        return (
            account.name,
            account.role,
            account.full_name,
            self._seal(account),
            account.totp_secret is not None,
            account.enabled,
            account.created_at,
            account.changed_at,
            account.credentials_at,
        )

    def _seal(self, account: Account) -> bytes:
        kept = _Sealed(account.password_hash, account.totp_secret, account.totp_pending)
        label = _label(account.name)
        sealed = self._secrets.seal({label: msgspec.msgpack.encode(kept)})[label]
        assert sealed is not None
        return sealed


def _label(name: str) -> str:
    """The name under which an account's secrets are sealed: moved to another they do not open."""
    return f"account/{name}"


def _token(row: Sequence[Any]) -> ApiToken:
    names = ("id", "account", "role", "label", "created_at", "expires_at", "last_used_at")
    return msgspec.convert(dict(zip(names, row, strict=True)), ApiToken)


def _ssh_key(row: Sequence[Any]) -> SshKey:
    names = ("account", "fingerprint", "algorithm", "key", "comment", "added_at", "last_used_at")
    return msgspec.convert(dict(zip(names, row, strict=True)), SshKey)


def _count(connection: apsw.Connection, role: str) -> int:
    return int(next(connection.execute(_QUERIES["count_role"], (role,)))[0])


def _forget_what_opens(connection: apsw.Connection, name: str) -> None:
    for query in ("forget_tokens", "forget_recovery", "forget_ssh_keys"):
        connection.execute(_QUERIES[query], (name,))


def _undo_if_last(connection: apsw.Connection, role: str, before: int) -> None:
    if before and not _count(connection, role):
        raise _Undo(AccountChange.LAST)
