# SPDX-License-Identifier: Apache-2.0
"""When to warn that a certificate ends: each threshold once, for as long as the certificate lives.

Rule: 90, 60, 30, 15, 5, 4, 3, 2, 1 days before the end, on the last day, and once after it. A
short-lived certificate (under 200 days) has a third of its lifetime as a further threshold, and
day counts above that third are dropped: a machine renews it then, and an alarm before would only
teach people to look away.

Pure: the caller remembers what has fired and brings the clock.
"""

import enum
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = (90, 60, 30, 15, 5, 4, 3, 2, 1)  # the appliance's alert days for custom CAs
SHORT_LIVED = timedelta(days=200)  # the largest public lifetime from 2026-03-15 (ballot SC-081v3)
_DAY = timedelta(days=1)


class Stage(enum.Enum):
    """How urgent a threshold is."""

    AHEAD = "ahead"  # there is time
    LAST_DAY = "last day"  # less than a day is left
    EXPIRED = "expired"  # partners that verify refuse already


@dataclass(frozen=True, slots=True)
class Threshold:
    """A moment at which to warn; `name` is what the caller remembers."""

    name: str
    before_end: timedelta
    stage: Stage


@dataclass(frozen=True, slots=True)
class Warn:
    """Raise the alarm once for `threshold`; remember all of `passed` as fired."""

    threshold: Threshold
    passed: frozenset[str]
    left: timedelta  # negative after the end


def thresholds(not_before: datetime, not_after: datetime) -> tuple[Threshold, ...]:
    """All moments to warn for one certificate, the earliest first."""
    lifetime = max(not_after - not_before, timedelta(0))
    if lifetime < SHORT_LIVED:
        third = lifetime / 3
        ahead = [Threshold("third", third, Stage.AHEAD)]
        days = [each for each in DAYS if each * _DAY < third]
    else:
        ahead, days = [], [each for each in DAYS if each * _DAY < lifetime]
    ahead += [Threshold(f"{each}d", each * _DAY, Stage.AHEAD) for each in days]
    if lifetime >= 2 * _DAY:
        # A certificate of hours would begin its life in its last day.
        ahead.append(Threshold("last-day", _DAY - timedelta(seconds=1), Stage.LAST_DAY))
    return (*ahead, Threshold("expired", -timedelta(seconds=1), Stage.EXPIRED))


def due(
    not_before: datetime, not_after: datetime, *, fired: AbstractSet[str], now: datetime
) -> Warn | None:
    """The one warning to give now: the latest threshold passed, if it has not fired.

    Thresholds that were passed together (the gateway was off, the certificate is new here) give one
    warning, not a series.
    """
    left = not_after - now
    passed = [each for each in thresholds(not_before, not_after) if left <= each.before_end]
    if not passed or passed[-1].name in fired:
        return None
    return Warn(passed[-1], frozenset(each.name for each in passed), left)


def next_check(not_before: datetime, not_after: datetime, *, now: datetime) -> datetime | None:
    """When the next threshold falls due; None after the last one."""
    moments = [not_after - each.before_end for each in thresholds(not_before, not_after)]
    return min((each for each in moments if each > now), default=None)
