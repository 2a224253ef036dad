# SPDX-License-Identifier: Apache-2.0
"""Dates for header fields, made once per second (RFC 5322 §3.3)."""

import time

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def header_date(at: float) -> bytes:
    """`Sun, 02 Mar 2025 06:00:00 +0000` for a unix time: UTC, English whatever the locale."""
    t = time.gmtime(at)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
    ).encode("ascii")


class HeaderDate:
    """Remembers the text of the latest second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def text(self, at: float) -> bytes:
        """The date of a unix time."""
        second = int(at)
        if second != self._second:
            self._second = second
            self._text = header_date(at)
        return self._text
