# SPDX-License-Identifier: Apache-2.0
"""What a store remembers about the people who operate the gateway; a part of `store.interface`.

What stands there holds here: a method that returns has done what it says, durably, and every one
may raise `StoreError`.
"""

from collections.abc import Sequence
from typing import Protocol

from gatehouse.store.people_values import (
    Account,
    AccountChange,
    AccountEntry,
    ApiToken,
    AuditEntry,
    AuditFilter,
    SshKey,
)


class People(Protocol):
    """Those who operate the gateway: accounts, recovery codes, API tokens and SSH keys.

    `keep_role`: a change after which nobody with this role could log in is not made.
    """

    def add(self, account: Account) -> bool:
        """Keep a new account; False when the name is taken."""

    def get(self, name: str) -> Account | None:
        """One account."""

    def list(self) -> tuple[AccountEntry, ...]:
        """All accounts by name."""

    def replace(
        self, account: Account, keep_role: str, recovery: Sequence[bytes] | None = None
    ) -> AccountChange:
        """Change an account; with `recovery`, its recovery codes (their SHA-256) with it."""

    def delete(self, name: str, keep_role: str) -> AccountChange:
        """Forget an account with its tokens, recovery codes and SSH keys."""

    def note_login(self, name: str, at: float) -> None:
        """Somebody has logged in."""

    def use_totp_step(self, name: str, step: int) -> bool:
        """A one-time password of this step is used; False when one of it or a later one was."""

    def use_recovery_code(self, name: str, digest: bytes) -> bool:
        """A recovery code is used and gone; False when there is none such."""

    def recovery_codes_left(self, name: str) -> int:
        """How many are unused."""

    def add_token(self, token: ApiToken, digest: bytes, forget_before: float) -> None:
        """Keep a token by its SHA-256; those that ended before `forget_before` go."""

    def find_token(self, digest: bytes) -> ApiToken | None:
        """The token with this SHA-256, also one whose time is over."""

    def tokens(self, account: str = "") -> tuple[ApiToken, ...]:
        """The tokens of an account, or of all."""

    def note_token_used(self, token_id: str, at: float) -> None:
        """A token was used."""

    def revoke_token(self, account: str, token_id: str) -> bool:
        """Forget a token; False when the account has none such."""

    def add_ssh_key(self, key: SshKey) -> bool:
        """Keep a public key; False when the account has it already."""

    def ssh_keys(self, account: str) -> tuple[SshKey, ...]:
        """The public keys of an account, the oldest first."""

    def note_ssh_key_used(self, account: str, fingerprint: str, at: float) -> None:
        """A public key was used."""

    def remove_ssh_key(self, account: str, fingerprint: str, at: float) -> bool:
        """Forget a public key; sessions from before `at` are over. False: there is none such."""


class Audit(Protocol):
    """Who did what, append-only."""

    def append(self, entry: AuditEntry) -> None:
        """One entry more."""

    def list(self, wanted: AuditFilter, limit: int) -> tuple[AuditEntry, ...]:
        """Entries, the newest first."""
