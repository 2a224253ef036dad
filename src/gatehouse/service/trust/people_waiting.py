# SPDX-License-Identifier: Apache-2.0
"""People from a saved file: how they travel, and how they wait for the commit.

They wait sealed beside the operator's other changes (`pending`) and come into their tables in the
transaction that keeps the revision. Who is there already gets what the file says; nobody is taken
away. Tokens, recovery codes and SSH keys do not travel: they are made anew where they are needed.
"""

from collections.abc import Mapping

import msgspec

from gatehouse.service.trust import pending
from gatehouse.store.auth_values import ScramSecret, SmtpUser
from gatehouse.store.interface import Store
from gatehouse.store.people_values import Account

PREFIX = pending.ELSEWHERE
ACCOUNT, USER = pending.OPERATOR, pending.SMTP_USER


class SavedAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator, as he travels."""

    name: str
    role: str
    full_name: str
    password_hash: str | None
    totp_secret: str | None
    enabled: bool
    created_at: float

    def __repr__(self) -> str:
        return f"SavedAccount({self.name!r})"


class SavedScram(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of SCRAM-SHA-256 (RFC 5802 §3)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return "SavedScram(...)"


class SavedUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user of SMTP AUTH, as he travels."""

    name: str
    password_hash: str | None
    scram: SavedScram | None
    certificate: str | None
    enabled: bool
    created_at: float

    def __repr__(self) -> str:
        return f"SavedUser({self.name!r})"


def accounts_of(store: Store) -> tuple[SavedAccount, ...]:
    """All operators, with what proves them."""
    found = (store.people.get(one.name) for one in store.people.list())
    return tuple(_account(one) for one in found if one is not None)


def users_of(store: Store) -> tuple[SavedUser, ...]:
    """All users of SMTP AUTH, with what proves them."""
    found = (store.smtp_users.get(one.name) for one in store.smtp_users.list())
    return tuple(_user(one) for one in found if one is not None)


def staging(
    store: Store, accounts: tuple[SavedAccount, ...], users: tuple[SavedUser, ...]
) -> dict[str, bytes]:
    """What has to wait so that they come with the commit; who is the same here is left out."""
    here: dict[str, SavedAccount | SavedUser] = {}
    here |= {ACCOUNT + one.name: one for one in (accounts_of(store) if accounts else ())}
    here |= {USER + one.name: one for one in (users_of(store) if users else ())}
    wanted: dict[str, SavedAccount | SavedUser] = {ACCOUNT + one.name: one for one in accounts}
    wanted |= {USER + one.name: one for one in users}
    return {
        name: msgspec.msgpack.encode(one) for name, one in wanted.items() if here.get(name) != one
    }


def arriving(store: Store, operator: str, now: float) -> tuple[list[Account], list[SmtpUser]]:
    """Who comes with an operator's commit."""
    waiting = pending.staged(store, operator, PREFIX)
    return _accounts(waiting, now), _users(waiting, now)


def _accounts(waiting: Mapping[str, bytes | None], now: float) -> list[Account]:
    found = []
    for name, content in waiting.items():
        if content is not None and name.startswith(ACCOUNT):
            one = msgspec.msgpack.decode(content, type=SavedAccount)
            found.append(
                Account(
                    name=one.name,
                    role=one.role,
                    full_name=one.full_name,
                    password_hash=one.password_hash,
                    totp_secret=one.totp_secret,
                    enabled=one.enabled,
                    created_at=one.created_at,
                    changed_at=now,
                    credentials_at=now,  # sessions with what was there before are over
                )
            )
    return found


def _users(waiting: Mapping[str, bytes | None], now: float) -> list[SmtpUser]:
    found = []
    for name, content in waiting.items():
        if content is not None and name.startswith(USER):
            one = msgspec.msgpack.decode(content, type=SavedUser)
            keys = one.scram
            found.append(
                SmtpUser(
                    name=one.name,
                    password_hash=one.password_hash,
                    scram=None
                    if keys is None
                    else ScramSecret(
                        salt=keys.salt,
                        iterations=keys.iterations,
                        stored_key=keys.stored_key,
                        server_key=keys.server_key,
                    ),
                    certificate=one.certificate,
                    enabled=one.enabled,
                    created_at=one.created_at,
                    changed_at=now,
                )
            )
    return found


def _account(one: Account) -> SavedAccount:
    return SavedAccount(
        name=one.name,
        role=one.role,
        full_name=one.full_name,
        password_hash=one.password_hash,
        totp_secret=one.totp_secret,
        enabled=one.enabled,
        created_at=one.created_at,
    )


def _user(one: SmtpUser) -> SavedUser:
    keys = one.scram
    return SavedUser(
        name=one.name,
        password_hash=one.password_hash,
        scram=None
        if keys is None
        else SavedScram(
            salt=keys.salt,
            iterations=keys.iterations,
            stored_key=keys.stored_key,
            server_key=keys.server_key,
        ),
        certificate=one.certificate,
        enabled=one.enabled,
        created_at=one.created_at,
    )
