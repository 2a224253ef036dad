# SPDX-License-Identifier: Apache-2.0
"""From the ledgers to a verdict: every (message, recipient) pair gets its class.

The classes are LOST, CORRUPT, PHANTOM, DUPLICATE, STUCK and ORPHAN. A second copy is excused only
when the copy before it was in flight at a kill that reached the deliverer, or when the server
dropped its reply on purpose; each doubt excuses one copy and no more.
"""

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.crash.ledger import Entry
from tests.crash.messages import BOUNCES

# After the server's reply has been written, the mark must reach the disk; on a busy machine that
# takes a while. `Findings.widest` says how much of it the copies really needed.
MARK_SECONDS = 1.0

LOST = "LOST"  # acknowledged, not received, no report, not in the queue
CORRUPT = "CORRUPT"  # acknowledged, and something else arrived
PHANTOM = "PHANTOM"  # arrived and was never offered whole, or a report without a refusal
DUPLICATE = "DUPLICATE"  # a copy that nothing excuses
STUCK = "STUCK"  # still in the queue when all that can be delivered has been
ORPHAN = "ORPHAN"  # on disk without an owner
CLASSES = (LOST, CORRUPT, PHANTOM, DUPLICATE, STUCK, ORPHAN)


@dataclass(slots=True)
class Findings:
    """What was found."""

    faults: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CLASSES})
    offered: int = 0
    acknowledged: int = 0
    received: int = 0
    reported: int = 0
    unacknowledged: int = 0  # arrived whole, though the client never heard the 250
    queued: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    widest: float = 0.0  # longest time between a reply and the kill that excuses its copy

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not any(self.faults.values())

    def say(self) -> str:
        """In one paragraph, with examples of what is wrong."""
        lines = [
            f"{self.offered} pairs offered, {self.acknowledged} acknowledged, "
            f"{self.received} received, {self.reported} reported as refused, "
            f"{self.unacknowledged} received without an acknowledgement, "
            f"{self.queued} still queued, copies excused: {dict(self.excused) or 'none'}"
        ]
        for name, found in self.faults.items():
            if found:
                lines.append(f"{name} {len(found)}: {'; '.join(found[:5])}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One copy at the sink."""

    at: float
    number: str
    digest: str


@dataclass(frozen=True, slots=True)
class Kill:
    """A time in which a deliverer died."""

    start: float
    end: float


@dataclass(slots=True)
class _Pair:
    offered: str = ""  # digest
    cut: bool = False
    acked: bool = False
    refused: bool = False
    dropped: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    copies: list[Arrival] = field(default_factory=list)
    reports: list[float] = field(default_factory=list)


def judge(
    entries: Iterable[Entry], queue: Mapping[str, bool], orphans: Iterable[str] = ()
) -> Findings:
    """Classify; `queue` maps waiting pairs to whether they may still be waiting now."""
    pairs: dict[str, _Pair] = defaultdict(_Pair)
    kills: list[Kill] = []
    for entry in entries:
        _read(entry, pairs, kills)
    kills.sort(key=lambda kill: kill.end)
    findings = Findings()
    findings.faults[ORPHAN] = list(orphans)
    for name, rightly in queue.items():
        findings.queued += 1
        if not rightly:
            findings.faults[STUCK].append(name)
    for name, pair in pairs.items():
        _count(pair, findings)
        for fault in _faults(pair, name in queue or report_to(name) in queue):
            findings.faults[fault].append(name)
        times = [copy.at for copy in pair.copies]
        for copies in (times, pair.reports):
            for first in copies[:-1]:
                excuse = _excuse(pair, first, kills, findings)
                if excuse:
                    findings.excused[excuse] += 1
                else:
                    findings.faults[DUPLICATE].append(name)
    return findings


def report_to(pair: str) -> str:
    """Where a report about a pair goes: while that waits, the sender will still be told."""
    return f"s{pair[1:].partition('-')[0]}@{BOUNCES}"


def _read(entry: Entry, pairs: dict[str, _Pair], kills: list[Kill]) -> None:
    if entry.word == "KILL":
        _kind, excuses, start, end, *_ = entry.fields
        if excuses == "1":
            kills.append(Kill(float(start), float(end)))
        return
    pair = pairs[entry.fields[0]]
    match entry.word:
        case "OFFER":
            pair.offered = entry.fields[1]
        case "CUT":
            pair.cut = True
        case "ACK":
            pair.acked = True
        case "REFUSE":
            pair.refused = True
        case "RECV":
            pair.copies.append(Arrival(entry.at, entry.fields[1], entry.fields[2]))
        case "DSN":
            pair.reports.append(entry.at)
        case "DROP":
            pair.dropped.append(entry.at)
        case "ANSWER":
            pair.answered.append(entry.at)
        case word:
            raise ValueError(f"no such word in a ledger: {word}")


def _count(pair: _Pair, findings: Findings) -> None:
    findings.offered += bool(pair.offered)
    findings.acknowledged += pair.acked
    findings.received += bool(pair.copies)
    findings.reported += bool(pair.reports)
    findings.unacknowledged += bool(pair.copies) and not pair.acked


def _faults(pair: _Pair, queued: bool) -> Iterable[str]:
    whole = [copy for copy in pair.copies if copy.digest == pair.offered]
    damaged = len(whole) < len(pair.copies)
    if pair.acked and not whole and not queued:
        if not (pair.reports and pair.refused):
            yield LOST
    if damaged:
        yield CORRUPT if pair.acked else PHANTOM
    if pair.cut and pair.copies and not damaged:
        yield PHANTOM
    if pair.reports and not pair.refused:
        yield PHANTOM


def _excuse(pair: _Pair, at: float, kills: list[Kill], findings: Findings) -> str:
    """Why the gateway may not know that the copy of this moment arrived; "" when it must."""
    if any(0 <= drop - at < MARK_SECONDS for drop in pair.dropped):
        return "reply dropped"
    place = bisect.bisect_left(pair.answered, at)
    answered = pair.answered[place] if place < len(pair.answered) else at
    if answered - at > MARK_SECONDS:
        answered = at  # the answer to a later copy: this one was never answered
    for kill in kills:
        if kill.end >= at - MARK_SECONDS and kill.start <= answered + MARK_SECONDS:
            findings.widest = max(findings.widest, kill.start - answered)
            return "in flight at a kill"
    return ""
