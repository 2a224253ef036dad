# SPDX-License-Identifier: Apache-2.0
"""Moments as answers carry them: from the numbers that the store keeps, always in UTC.

What a terminal makes of them, in local time, is the face's own.
"""

from datetime import UTC, datetime
from typing import overload


@overload
def moment(at: float) -> datetime: ...
@overload
def moment(at: float | None) -> datetime | None: ...
def moment(at: float | None) -> datetime | None:
    """`at`: seconds since 1970. What never happened stays None."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
