# SPDX-License-Identifier: Apache-2.0
"""When to try a deferred recipient again, when to warn its sender, and when to give up.

Pure: the caller brings the clock (seconds since the epoch) and the dice. Waits double from the
first to the longest. RFC 5321 §4.5.4.1 wants several days before giving up; the profile's defaults
are the modelled appliance's, and whichever of retries and time ends first makes the bounce.
"""

import enum
from dataclasses import dataclass

DEFAULT_MAX_RETRIES = 100  # the appliance's bounce profile
DEFAULT_MAX_TIME = 259_200.0  # 72 hours, the same table
DEFAULT_INITIAL_WAIT = 60.0  # the same table
DEFAULT_MAX_WAIT = 3_600.0  # the same table
DEFAULT_MAX_BOUNCE_COPY = 10 * 1024  # the original goes with the bounce only below this size
DEFAULT_WARNING_INTERVAL = 14_400.0  # RFC 3461 §4.1 leaves it to us; four hours are customary
DEFAULT_MAX_WARNINGS = 1
WARN_FROM_TRY = 2  # the appliance warns at the second failed attempt
JITTER_PART = 0.1  # a backlog after a restart spreads over a tenth of the wait
MAX_DOUBLINGS = 20  # 2**20 seconds is 12 days; far beyond any wait, and the power stays small


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceProfile:
    """How long and how often a recipient is tried, and what its sender is told."""

    name: str = "default"
    max_retries: int = DEFAULT_MAX_RETRIES
    max_time: float = DEFAULT_MAX_TIME
    initial_wait: float = DEFAULT_INITIAL_WAIT
    max_wait: float = DEFAULT_MAX_WAIT
    send_bounces: bool = True
    delay_warnings: bool = False
    delay_warning_interval: float = DEFAULT_WARNING_INTERVAL
    max_delay_warnings: int = DEFAULT_MAX_WARNINGS
    max_bounce_copy: int = DEFAULT_MAX_BOUNCE_COPY
    max_time_tls: float | None = None  # shorter limit while required TLS is what fails


class Expired(enum.Enum):
    """Which limit ended the tries."""

    TIME = "too long in the queue"
    RETRIES = "too many tries"
    TLS_TIME = "required TLS was not available for too long"


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Try again at this moment."""

    at: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Bounce the recipient: 5.4.7, delivery expired."""

    reason: Expired


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What is known about one recipient's tries when the latest has failed."""

    accepted_at: float
    tries: int  # failed tries so far, the latest included: 1 or more
    tls_unavailable: bool = False  # the latest failed because required TLS was not to be had


def next_step(
    profile: BounceProfile, attempts: Attempts, *, now: float, jitter: float
) -> TryAgain | GiveUp:
    """Decide after a failed try. `jitter` in [0, 1) spreads a backlog after a restart.

    The last try is made when the time is over and not one long wait before, so that a recipient
    gets all the time that the profile promises.
    """
    limit, reason = _time_limit(profile, attempts.tls_unavailable)
    deadline = attempts.accepted_at + limit
    if now >= deadline:
        return GiveUp(reason)
    if attempts.tries > profile.max_retries:
        return GiveUp(Expired.RETRIES)
    doublings = min(max(attempts.tries - 1, 0), MAX_DOUBLINGS)
    wait = min(profile.initial_wait * 2**doublings, profile.max_wait)
    return TryAgain(min(now + wait * (1 + JITTER_PART * jitter), deadline))


def warning_due(
    profile: BounceProfile,
    attempts: Attempts,
    *,
    warnings_sent: int,
    last_warning_at: float | None,
    now: float,
) -> bool:
    """Is a delay warning to be sent now? (Whether the sender wants any is RFC 3461 NOTIFY.)"""
    if not profile.delay_warnings or warnings_sent >= profile.max_delay_warnings:
        return False
    if attempts.tries < WARN_FROM_TRY:
        return False
    return last_warning_at is None or now >= last_warning_at + profile.delay_warning_interval


def expires_at(profile: BounceProfile, accepted_at: float) -> float:
    """The moment a recipient expires even without a try, as when it was held all the time."""
    return accepted_at + profile.max_time


def _time_limit(profile: BounceProfile, tls_unavailable: bool) -> tuple[float, Expired]:
    if tls_unavailable and profile.max_time_tls is not None:
        if profile.max_time_tls < profile.max_time:
            return profile.max_time_tls, Expired.TLS_TIME
    return profile.max_time, Expired.TIME
