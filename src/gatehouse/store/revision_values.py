# SPDX-License-Identifier: Apache-2.0
"""What the store remembers about configurations: revisions, candidates, and what is tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gatehouse.store.auth_values import SmtpUser
from gatehouse.store.people_values import Account, AuditEntry


class RevisionKind(Enum):
    """How a revision came to be."""

    COMMIT = "commit"  # somebody changed something
    ROLLBACK = "rollback"  # the text of an older one, because somebody wanted it back
    RENEWAL = "renewal"  # the same text with a certificate that was renewed
    CONFIRM_EXPIRED = "confirm expired"  # the one before, because nobody confirmed the last one
    RESTORED = "restored"  # the one before, because the last one could not run


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrial:
    """A new revision is tried: nobody has seen it run yet, or somebody has to confirm it."""

    good: int  # the revision that comes back if it is not kept
    confirm_by: float | None = None  # None: that it runs is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The revision that is tried; there is one at a time."""

    revision: int
    good: int
    seen_running: bool
    confirm_by: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionHead:
    """What is told of a committed configuration: everything but its text."""

    number: int
    committed_at: float
    operator: str
    comment: str
    kind: RevisionKind = RevisionKind.COMMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(RevisionHead):
    """One committed configuration."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What one operator has prepared, and the revision that it was made from."""

    operator: str
    base: int
    text: str = field(repr=False)
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """People who come with a configuration: kept, or in place of who has their name.

    `keep_role`: refused with `StoreRefused` where nobody with this role could log in any more.
    """

    accounts: Sequence[Account] = ()
    smtp_users: Sequence[SmtpUser] = ()
    keep_role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevision:
    """A configuration to commit, with the secrets that change in the same transaction.

    None takes a secret away. `after`: refused with `StoreMoved` unless this revision is the last.
    `candidate`: the operator whose candidate it was, which is forgotten. `gives_back`: a candidate
    that is kept, unless its operator has another. Without a `trial` the one
    that there may be goes on, unless `ends_trial`. `audit`: an entry of the audit log, which gets
    the number of the revision.
    """

    text: str
    operator: str
    comment: str
    committed_at: float
    secrets: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    kind: RevisionKind = RevisionKind.COMMIT
    after: int | None = None
    trial: NewTrial | None = None
    ends_trial: bool = False
    candidate: str | None = None
    gives_back: Candidate | None = None
    arriving: Arriving | None = None
    audit: AuditEntry | None = None
