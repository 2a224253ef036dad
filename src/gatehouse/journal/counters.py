# SPDX-License-Identifier: Apache-2.0
"""The counters of the Status line, made from facts.

Each process counts its own facts. The growth since the last question and the gauges go to one
place that adds them up; `status_values` brings the sum into the order of the line (mail log
grammar, section 11). What Gatehouse has no source for is 0.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gatehouse.journal import facts
from gatehouse.journal.facts import Fact

# Order and spelling are the grammar's; readers split the line at blanks and take pairs.
STATUS_KEYS = tuple(
    "CPULd DskIO RAMUtil QKUsd QKFre CrtMID CrtICID CrtDCID InjMsg InjRcp GenBncRcp RejRcp DrpMsg "
    "SftBncEvnt CmpRcp HrdBncRcp DnsHrdBnc 5XXHrdBnc FltrHrdBnc ExpHrdBnc OtrHrdBnc DlvRcp DelRcp "
    "GlbUnsbHt ActvRcp UnatmptRcp AtmptRcp CrtCncIn CrtCncOut DnsReq NetReq CchHit CchMis CchEct "
    "CchExp CPUTTm CPUETm MaxIO RAMUsd MMLen DstInMem ResCon WorkQ QuarMsgs QuarQKUsd LogUsd "
    "SophLd BMLd CASELd TotalLd LogAvail EuQ EuqRls CmrkLd McafLd SwIn SwOut SwPgIn SwPgOut "
    "SwapUsage RptLd QtnLd EncrQ InjBytes".split()
)

# Latest ids: of several processes the largest is the latest.
ID_KEYS = frozenset({"CrtMID", "CrtICID", "CrtDCID"})

# Messages begun and not yet queued or aborted that a process remembers. More than a machine can
# have open; the bound only keeps a forgotten end from becoming a leak.
_MAX_OPEN = 100_000

_HARD_BOUNCES = ("DnsHrdBnc", "5XXHrdBnc", "FltrHrdBnc", "ExpHrdBnc", "OtrHrdBnc")


class Counters:
    """Counts the facts of one process."""

    def __init__(self) -> None:
        self._grown: dict[str, int] = {}
        self._gauges = {"CrtMID": 0, "CrtICID": 0, "CrtDCID": 0, "CrtCncIn": 0, "CrtCncOut": 0}
        self._open: dict[int, tuple[int, int]] = {}  # mid -> recipients, octets
        self._count_by_type: dict[type, Callable[[Any], None]] = {
            facts.ConnectionOpened: self._connection_opened,
            facts.ConnectionClosed: self._connection_closed,
            facts.MessageStarted: self._message_started,
            facts.RecipientAccepted: self._recipient_accepted,
            facts.RecipientRefused: self._recipient_refused,
            facts.InvalidRecipient: self._recipient_refused,
            facts.DelayedReject: self._delayed_reject,
            facts.MessageReady: self._message_ready,
            facts.MessageQueued: self._message_queued,
            facts.MessageAborted: self._message_aborted,
            facts.BounceGenerated: self._bounce_generated,
            facts.DeliveryConnectionOpened: self._delivery_opened,
            facts.DeliveryConnectionClosed: self._delivery_closed,
            facts.RecipientsDelivered: self._delivered,
            facts.RecipientDelayed: self._delayed,
            facts.RecipientBounced: self._bounced,
            facts.DoubleBounce: self._bounced,
        }

    def count(self, fact: Fact) -> None:
        """Take one fact into account; facts that the Status line knows nothing of are ignored."""
        count = self._count_by_type.get(type(fact))
        if count is not None:
            count(fact)

    def take_growth(self) -> dict[str, int]:
        """By how much each counter grew since the last call."""
        grown, self._grown = self._grown, {}
        return grown

    def gauges(self) -> dict[str, int]:
        """Open connections and latest ids as they are now."""
        return dict(self._gauges)

    def _add(self, key: str, number: int) -> None:
        self._grown[key] = self._grown.get(key, 0) + number

    def _latest(self, key: str, number: int) -> None:
        if number > self._gauges[key]:
            self._gauges[key] = number

    def _connection_opened(self, fact: facts.ConnectionOpened) -> None:
        self._latest("CrtICID", fact.icid)
        self._gauges["CrtCncIn"] += 1

    def _connection_closed(self, fact: facts.ConnectionClosed) -> None:
        self._gauges["CrtCncIn"] -= 1

    def _message_started(self, fact: facts.MessageStarted) -> None:
        self._latest("CrtMID", fact.mid)
        self._open[fact.mid] = (0, 0)
        if len(self._open) > _MAX_OPEN:
            del self._open[next(iter(self._open))]

    def _recipient_accepted(self, fact: facts.RecipientAccepted) -> None:
        recipients, octets = self._open.get(fact.mid, (0, 0))
        self._open[fact.mid] = (recipients + 1, octets)

    def _recipient_refused(self, fact: facts.RecipientRefused | facts.InvalidRecipient) -> None:
        self._add("RejRcp", 1)

    def _delayed_reject(self, fact: facts.DelayedReject) -> None:
        if fact.stage == "recipient":
            self._add("RejRcp", 1)

    def _message_ready(self, fact: facts.MessageReady) -> None:
        recipients, _ = self._open.get(fact.mid, (0, 0))
        self._open[fact.mid] = (recipients, fact.size)

    def _message_queued(self, fact: facts.MessageQueued) -> None:
        injected = self._open.pop(fact.mid, None)
        if injected is not None:  # None: a message of the system's own, which nobody injected
            self._add("InjMsg", 1)
            self._add("InjRcp", injected[0])
            self._add("InjBytes", injected[1])

    def _message_aborted(self, fact: facts.MessageAborted) -> None:
        self._open.pop(fact.mid, None)

    def _bounce_generated(self, fact: facts.BounceGenerated) -> None:
        self._latest("CrtMID", fact.mid)
        self._add("GenBncRcp", 1)

    def _delivery_opened(self, fact: facts.DeliveryConnectionOpened) -> None:
        self._latest("CrtDCID", fact.dcid)
        self._gauges["CrtCncOut"] += 1

    def _delivery_closed(self, fact: facts.DeliveryConnectionClosed) -> None:
        self._gauges["CrtCncOut"] -= 1

    def _delivered(self, fact: facts.RecipientsDelivered) -> None:
        self._add("DlvRcp", len(fact.rids))

    def _delayed(self, fact: facts.RecipientDelayed) -> None:
        self._add("SftBncEvnt", 1)

    def _bounced(self, fact: facts.RecipientBounced | facts.DoubleBounce) -> None:
        self._add(_hard_bounce_key(fact.enhanced, fact.code), 1)


class Totals:
    """What all processes have counted since the start; a process that ended is still in it."""

    def __init__(self) -> None:
        self._counters: dict[str, int] = {}

    def grow(self, growth: Mapping[str, int]) -> None:
        """Add what one process tells (`Counters.take_growth`)."""
        for name, grown in growth.items():
            self._counters[name] = self._counters.get(name, 0) + grown

    def values(self, gauges: Iterable[Mapping[str, int]]) -> dict[str, int | str]:
        """The Status line, with the gauges of the processes that live."""
        now: dict[str, int] = {}
        for each in gauges:
            for name, value in each.items():
                known = now.get(name, 0)
                now[name] = max(known, value) if name in ID_KEYS else known + value
        return status_values(self._counters, now)


def status_values(
    counters: Mapping[str, int], gauges: Mapping[str, int | str]
) -> dict[str, int | str]:
    """All keys of the Status line in their order; sums that follow from others are made here."""
    values: dict[str, int | str] = dict.fromkeys(STATUS_KEYS, 0)
    values["SwapUsage"] = "0%"
    for key in STATUS_KEYS:
        if key in counters:
            values[key] = counters[key]
        elif key in gauges:
            values[key] = gauges[key]
    hard = sum(counters.get(key, 0) for key in _HARD_BOUNCES)
    values["HrdBncRcp"] = hard
    values["CmpRcp"] = hard + counters.get("DlvRcp", 0) + counters.get("DelRcp", 0)
    values["ActvRcp"] = int(values["UnatmptRcp"]) + int(values["AtmptRcp"])
    return values


def _hard_bounce_key(enhanced: str, code: str) -> str:
    if enhanced == "5.4.7":  # too old; the last reply, whatever it was, is not the reason
        return "ExpHrdBnc"
    if code.startswith("5"):
        return "5XXHrdBnc"
    return "DnsHrdBnc" if enhanced == "5.1.2" else "OtrHrdBnc"
