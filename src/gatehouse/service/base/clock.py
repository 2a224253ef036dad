# SPDX-License-Identifier: Apache-2.0
"""The one place that reads a clock.

Two clocks, never mixed: `wall` (unix time, seconds as a float) dates facts, rows and headers;
`monotonic` measures waits and deadlines, so that a clock that jumps a year (summer time, NTP, a
battery) neither fires nor freezes a timeout.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """A pair of clocks that is handed to whoever needs the time; tests hand over pretend ones."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


SYSTEM_CLOCK = Clock()
