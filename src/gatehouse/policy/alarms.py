# SPDX-License-Identifier: Apache-2.0
"""Which of many equal alarms are told, which are only counted, and who gets them by mail.

Rule: the appliance's growing series. The first alarm of a key is told at once. What follows under
the same key is told when the next moment of the series has passed: `initial` seconds after the
first, then each moment is `initial` plus twice the one before (5, 15, 35, 75, ...), and above
`maximum` every multiple of it. `initial` 0 tells every one. A told alarm carries how many were held
back before it. A key that was quiet for longer than `maximum` begins anew.

An alert about mail that cannot be delivered is not mailed to where it cannot go either, and one
about alert mail alone is mailed to nobody: it would be the next that cannot be delivered.

Pure: the caller remembers the series and brings the clock, to the hourly limit too.
"""

import enum
from collections import deque
from collections.abc import Container
from dataclasses import dataclass, replace

from gatehouse.mail.address import Address


class AlarmSeverity(enum.StrEnum):
    """How urgent an alarm is; the appliance's words."""

    CRITICAL = "Critical"  # mail or trust is broken, or will be within days
    WARNING = "Warning"  # somebody must do something in time
    INFORMATION = "Information"  # good to know


class AlarmClass(enum.StrEnum):
    """What an alarm is about: those of the appliance's classes that we raise, by its names."""

    SYSTEM = "System"
    HARVEST = "Directory Harvest Attack Prevention"


ALL_CLASSES = "all"  # the word of a subscription for every class

INITIAL_SECONDS = 300.0  # the appliance's defaults between duplicates
MAXIMUM_SECONDS = 3600.0
MOST_AN_HOUR = 100  # our own: more is read by nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing to tell. Equal `key`s are the same trouble."""

    name: str  # of the rule: "certificate-expiry"
    severity: AlarmSeverity
    text: str  # one sentence, and what to do
    key: str
    alarm_class: AlarmClass = AlarmClass.SYSTEM
    stuck: str = ""  # the destination to which nothing goes because of it, as the queue names it
    mailed: bool = True  # False: it is about alert mail itself


@dataclass(frozen=True, slots=True)
class Pacing:
    """Seconds between duplicates."""

    initial: float = INITIAL_SECONDS
    maximum: float = MAXIMUM_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Somebody who gets alarms by mail."""

    address: Address
    severities: frozenset[AlarmSeverity]
    classes: frozenset[AlarmClass]

    def wants(self, severity: str, alarm_class: str) -> bool:
        """Whether an alarm of this severity and class is for him."""
        return severity in self.severities and alarm_class in self.classes


class HourlyLimit:
    """How many alarms are mailed in an hour, whatever they are about.

    Each destination has a series of its own; a relay that is down or a rule that is too strict
    makes hundreds of them at once, and a mailbox that is flooded is not read.
    """

    def __init__(self, most: int = MOST_AN_HOUR) -> None:
        self._most = most
        self._at: deque[float] = deque()

    def allows(self, severity: str, now: float) -> bool:
        """Whether one more may go. Critical ones have as much room again."""
        while self._at and not now - 3600.0 < self._at[0] <= now:
            self._at.popleft()
        room = self._most * (2 if severity == AlarmSeverity.CRITICAL else 1)
        return len(self._at) < room

    @property
    def last(self) -> bool:
        """Whether the next one to go is the last for now, but for critical ones."""
        return len(self._at) + 1 == self._most

    def count(self, now: float) -> None:
        """One went."""
        self._at.append(now)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why an alert is not mailed to somebody who wants it."""

    reason: str


def withheld(*, mailed: bool, stuck: str, way: Container[str]) -> Withheld | None:
    """Whether mailing an alert would only add to what waits; None: mail it.

    `way`: the destinations that mail to this subscriber may go by, as the queue names them.
    """
    if not mailed:
        return Withheld("it is about alert mail that cannot be delivered")
    if stuck and stuck in way:
        return Withheld(f"it would go to {stuck}, which it is about")
    return None


@dataclass(frozen=True, slots=True)
class Series:
    """What has been said under one key."""

    began: float
    told: float  # when it was told last
    seen: float  # when it came last
    suppressed: int  # came since it was told


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with an alarm, and what to remember of it."""

    tell: bool
    suppressed: int  # held back since the last one that was told
    series: Series


def decide(known: Series | None, now: float, pacing: Pacing) -> Decision:
    """Tell this alarm or hold it back."""
    if known is None:
        return Decision(True, 0, Series(now, now, now, 0))
    # A clock that was set back must not silence a key until it has caught up.
    if now < known.seen or now - known.seen > pacing.maximum:
        return Decision(True, known.suppressed, Series(now, now, now, 0))
    if _moment_between(known.told - known.began, now - known.began, pacing):
        return Decision(True, known.suppressed, replace(known, told=now, seen=now, suppressed=0))
    held = replace(known, seen=now, suppressed=known.suppressed + 1)
    return Decision(False, held.suppressed, held)


def subject(severity: str, alarm_class: str, hostname: str, text: str) -> str:
    """The subject line, in the appliance's newer form; "": it is not known yet who we are."""
    where = f" {hostname}" if hostname else ""
    return f"{severity} <{alarm_class}>{where}: {text}"


def _moment_between(told: float, now: float, pacing: Pacing) -> bool:
    """Whether the series has a moment after `told` and not after `now`."""
    if pacing.initial <= 0:
        return True
    moment = pacing.initial
    while moment < pacing.maximum:
        if moment > told:
            return moment <= now
        moment = pacing.initial + 2 * moment
    # From here on the multiples of the maximum.
    return int(now // pacing.maximum) > int(told // pacing.maximum)
