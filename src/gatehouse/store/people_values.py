# SPDX-License-Identifier: Apache-2.0
"""What the store remembers about the people who operate the gateway, and about what they did.

Names, roles and ways are texts that the caller has brought into their one form; times are unix
seconds that the caller brings. What a password leaves behind shows in no `repr`.
"""

import enum
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person. `version` grows with each change: a change of an older one is refused."""

    name: str
    role: str
    full_name: str = ""
    password_hash: str | None = field(default=None, repr=False)  # argon2id, PHC form
    totp_secret: str | None = field(default=None, repr=False)  # base32; it counts
    totp_pending: str | None = field(default=None, repr=False)  # shown, and not yet confirmed
    enabled: bool = True
    created_at: float
    changed_at: float
    credentials_at: float  # sessions that are older have to log in again
    last_login_at: float | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """One person as he may be listed: never with a secret."""

    name: str
    role: str
    full_name: str
    totp: bool
    enabled: bool
    created_at: float
    changed_at: float
    last_login_at: float | None


class AccountChange(enum.Enum):
    """What came of a change."""

    DONE = "done"
    MISSING = "missing"  # there is no such account
    OUTDATED = "outdated"  # somebody else has changed it meanwhile
    LAST = "last"  # nobody with the role that must stay would be left


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token of an account, without the token: only its SHA-256 is kept."""

    id: str
    account: str
    role: str
    label: str
    created_at: float
    expires_at: float
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """A public key by which an account logs in over SSH. `key`: its form on the wire."""

    account: str
    fingerprint: str
    algorithm: str
    key: bytes
    comment: str
    added_at: float
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody did, or was refused. `id` 0: it has none yet."""

    id: int = 0
    at: float
    operator: str
    role: str
    way: str
    address: str
    action: str
    arguments: str  # JSON, without secrets
    outcome: str
    revision: int | None = None
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; empty: all."""

    operator: str = ""
    action: str = ""  # an action, or the first words of several
    since: float = 0.0
    before_id: int | None = None
