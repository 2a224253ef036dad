# SPDX-License-Identifier: Apache-2.0
"""What the store remembers about other domains' TLS: policies, counts for reports, reports.

Times are unix seconds that the caller brings. Texts of others stand here as they came, bounded by
whoever puts them in.
"""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedSts:
    """An MTA-STS policy file as it was fetched; it holds until `expires_at` (RFC 8461 §3.3)."""

    domain: str
    record_id: str
    content: bytes
    fetched_at: float
    expires_at: float
    used_at: float


class TlsCount(msgspec.Struct, frozen=True):
    """Sessions of one UTC day that ended in the same way; `sessions` is added to what is there.

    `day` counts from 1970-01-01. `policy` and `detail` are JSON texts made by the caller; `result`
    is "" for success.
    """

    day: int
    domain: str
    policy: str
    result: str
    detail: str
    sessions: int


class TlsReportState(msgspec.Struct, frozen=True):
    """How far the report about one day for one domain has come.

    `outcome` is "waiting" (to be tried again at `next_at`), "sent" or "not wanted"; `note` says
    where it went or what stands in the way.
    """

    day: int
    domain: str
    outcome: str
    tries: int
    next_at: float
    changed_at: float
    note: str


class ReceivedTlsReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report that somebody sent about our domains; `content` is the report in canonical JSON.

    `id` 0 is one that is not kept yet. `source` says how it came: "mail" or "import".
    """

    id: int = 0
    received_at: float
    source: str
    organization: str
    report_id: str
    contact: str
    begins_at: float
    ends_at: float
    domains: tuple[str, ...]
    successes: int
    failures: int
    content: str
