# SPDX-License-Identifier: Apache-2.0
"""Dates as header fields write them (RFC 5322 §3.3): UTC, and English whatever the locale."""

from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def header_date(at: float) -> str:
    """`Mon, 03 Mar 2025 06:00:00 +0000` for a unix time."""
    t = datetime.fromtimestamp(int(at), UTC)
    month = _MONTHS[t.month - 1]
    return f"{_DAYS[t.weekday()]}, {t.day:02d} {month} {t.year:04d} {t:%H:%M:%S} +0000"
