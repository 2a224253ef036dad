# SPDX-License-Identifier: Apache-2.0
"""What the store remembers about users who send by SMTP AUTH, and about failed logins.

Names and networks are texts that the caller has brought into their one form; times are unix seconds
that the caller brings. What a password leaves behind shows in no `repr`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramSecret:
    """The server's keys of SCRAM-SHA-256 (RFC 5802 §3)."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpUser:
    """One user. `certificate` says whose certificate proves him: "sha256:…", "dns:…", …"""

    name: str
    password_hash: str | None = field(default=None, repr=False)  # argon2id, PHC form
    scram: ScramSecret | None = field(default=None, repr=False)
    certificate: str | None = None
    enabled: bool = True
    created_at: float
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpUserEntry:
    """One user as he may be listed: never with what his password left behind."""

    name: str
    has_password: bool
    certificate: str | None
    enabled: bool
    created_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Failed logins in a row, and when the last one was."""

    count: int = 0
    last_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginHistory:
    """What is remembered about an account and a network."""

    network: FailureCount = FailureCount()  # of the network, over all names
    account: FailureCount = FailureCount()  # of the account, over all networks where it is unusual
    both: FailureCount = FailureCount()
    usual_at: float | None = None  # the last noted login of this account from this network


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLogin:
    """A failed login to remember.

    `forget_before`: counts whose last failure is older begin anew. `most`: how many counts are
    kept, the oldest go first. `usual`: only the count of this account at this network grows.
    """

    account: str
    network: str
    at: float
    forget_before: float
    most: int
    usual: bool

    def counts(self) -> tuple[tuple[str, str], ...]:
        """Account and network of each count that grows; "" stands for all of them."""
        pair = (self.account, self.network)
        return (pair,) if self.usual else (pair, ("", self.network), (self.account, ""))


@dataclass(frozen=True, slots=True)
class FailureLine:
    """A count as an operator sees it; `network` "" stands for all networks."""

    network: str
    count: int
    last_at: float


@dataclass(frozen=True, slots=True)
class UsualLine:
    """A network from which an account has logged in."""

    network: str
    last_at: float
