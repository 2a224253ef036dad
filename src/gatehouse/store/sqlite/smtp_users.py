# SPDX-License-Identifier: Apache-2.0
"""Users of SMTP AUTH and their failed logins in the database.

What a password left behind (its argon2id hash and its SCRAM keys) lies there sealed under the
user's name: the database without the master key is no list to guess passwords against.
"""

from collections.abc import Sequence

import apsw
import msgspec

from gatehouse.store.auth_values import (
    FailedLogin,
    FailureCount,
    FailureLine,
    LoginHistory,
    ScramSecret,
    SmtpUser,
    SmtpUserEntry,
    UsualLine,
)
from gatehouse.store.errors import StoreRefused
from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.sqlite.secrets import SqliteSecrets

_QUERIES = load_queries(SQL / "smtp_users.sql")
_NAMING = "smtp-auth/unknown names"


class _Sealed(msgspec.Struct, frozen=True):
    """What a password left behind, as it is sealed."""

    password_hash: str | None
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


class SqliteSmtpUsers:
    """The tables `smtp_user`, `login_failure` and `usual_network`."""

    def __init__(self, database: Database, secrets: SqliteSecrets) -> None:
        self._database = database
        self._secrets = secrets

    def add(self, user: SmtpUser) -> bool:
        """Keep a new user; False when the name or the certificate is taken."""
        row = self._row(user)
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["add"], row)
            return connection.changes() == 1

    def arrive(self, connection: apsw.Connection, users: Sequence[SmtpUser]) -> None:
        """Users from elsewhere, in a transaction of the caller's; raises StoreRefused."""
        for user in users:
            try:
                connection.execute(_QUERIES["arrive"], self._row(user))
            except apsw.ConstraintError:
                raise StoreRefused(
                    f"The certificate of the SMTP user {user.name!r} belongs to another user"
                ) from None

    def replace(self, user: SmtpUser) -> bool:
        """Change a user; False: there is none. Raises `StoreRefused` for a taken certificate."""
        row = (user.name, self._seal(user), user.certificate, user.enabled, user.changed_at)
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["replace"], row)
            return connection.changes() == 1

    def get(self, name: str) -> SmtpUser | None:
        """One user."""
        with self._database.reading() as connection:
            row = next(connection.execute(_QUERIES["get"], (name,)), None)
        if row is None:
            return None
        password_hash, scram = self._unseal(name, row[1])
        return SmtpUser(
            name=row[0],
            password_hash=password_hash,
            scram=scram,
            certificate=row[2],
            enabled=bool(row[3]),
            created_at=row[4],
            changed_at=row[5],
        )

    def list(self) -> tuple[SmtpUserEntry, ...]:
        """All users by name."""
        with self._database.reading() as connection:
            return tuple(
                SmtpUserEntry(
                    name=row[0],
                    has_password=bool(row[1]),
                    certificate=row[2],
                    enabled=bool(row[3]),
                    created_at=row[4],
                    changed_at=row[5],
                )
                for row in connection.execute(_QUERIES["list"])
            )

    def by_certificate(self, identities: Sequence[str]) -> tuple[str, ...]:
        """The users whom one of these identities of a certificate proves."""
        with self._database.snapshot() as connection:
            found = (
                name
                for identity in identities
                for (name,) in connection.execute(_QUERIES["by_certificate"], (identity,))
            )
            return tuple(dict.fromkeys(found))

    def delete(self, name: str) -> bool:
        """Forget a user, with his failures and usual networks; False when there was none."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["remove"], (name,))
            gone = connection.changes() == 1
            connection.execute(_QUERIES["unlock"], (name,))
            connection.execute(_QUERIES["forget_usual"], (name,))
        return gone

    # --- failed logins --------------------------------------------------------------------------

    def history(self, account: str, network: str) -> LoginHistory:
        """What is remembered about an account and a network."""
        with self._database.snapshot() as connection:
            usual = next(connection.execute(_QUERIES["usual"], (account, network)), None)
            return LoginHistory(
                network=_count(connection, "", network),
                account=_count(connection, account, ""),
                both=_count(connection, account, network),
                usual_at=None if usual is None else usual[0],
            )

    def note_failures(self, failed: Sequence[FailedLogin]) -> None:
        """Count failed logins, all in one transaction."""
        if not failed:
            return
        rows = [
            (account, network, one.at, one.forget_before)
            for one in failed
            for account, network in one.counts()
        ]
        with self._database.transaction() as connection:
            connection.executemany(_QUERIES["count_failure"], rows)
            connection.execute(_QUERIES["forget_failures"], (failed[-1].forget_before,))
            connection.execute(_QUERIES["drop_failures"], (failed[-1].most,))

    def note_success(self, account: str, network: str, at: float, most: int) -> None:
        """A login succeeded: the network is usual for the account, its failures there are over."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["end_failures"], (account, network))
            connection.execute(_QUERIES["note_usual"], (account, network, at))
            connection.execute(_QUERIES["drop_usual"], (most,))

    def failures_of(self, account: str) -> tuple[FailureLine, ...]:
        """The counts of an account, the one over all networks first."""
        with self._database.reading() as connection:
            return tuple(
                FailureLine(*row) for row in connection.execute(_QUERIES["failures_of"], (account,))
            )

    def usual_of(self, account: str) -> tuple[UsualLine, ...]:
        """Where an account usually comes from, the latest first."""
        with self._database.reading() as connection:
            return tuple(
                UsualLine(*row) for row in connection.execute(_QUERIES["usual_of"], (account,))
            )

    def unlock(self, account: str) -> int:
        """Forget the failures of an account; how many counts that were."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["unlock"], (account,))
            return connection.changes()

    def naming_secret(self, fresh: bytes, at: float) -> bytes:
        """What makes up keys for names that nobody has: `fresh` at first, then always the same."""
        kept = self._secrets.get(_NAMING)
        if kept is None:
            sealed = self._secrets.seal({_NAMING: fresh})[_NAMING]
            with self._database.transaction() as connection:
                connection.execute(_QUERIES["keep_secret"], (_NAMING, sealed, at))
            kept = self._secrets.get(_NAMING)
        return fresh if kept is None else kept

    # --- sealing --------------------------------------------------------------------------------

    def _row(self, user: SmtpUser) -> tuple[str | bytes | float | None, ...]:
        return (
            user.name,
            self._seal(user),
            user.certificate,
            user.enabled,
            user.created_at,
            user.changed_at,
        )

    def _seal(self, user: SmtpUser) -> bytes | None:
        scram = user.scram
        if scram is None:
            return None
        kept = _Sealed(
            user.password_hash, scram.salt, scram.iterations, scram.stored_key, scram.server_key
        )
        label = _label(user.name)
        return self._secrets.seal({label: msgspec.msgpack.encode(kept)})[label]

    def _unseal(self, name: str, sealed: bytes | None) -> tuple[str | None, ScramSecret | None]:
        if sealed is None:
            return None, None
        content = self._secrets.unseal(_label(name), sealed)
        kept = msgspec.msgpack.decode(content, type=_Sealed)
        return kept.password_hash, ScramSecret(
            salt=kept.salt,
            iterations=kept.iterations,
            stored_key=kept.stored_key,
            server_key=kept.server_key,
        )


def _label(name: str) -> str:
    """The name under which a user's secrets are sealed: moved to another user they do not open."""
    return f"smtp-user/{name}"


def _count(connection: apsw.Connection, account: str, network: str) -> FailureCount:
    row = next(connection.execute(_QUERIES["failure"], (account, network)), None)
    return FailureCount() if row is None else FailureCount(*row)
