# SPDX-License-Identifier: Apache-2.0
"""What became of the alerts that were mailed last: for whoever sent a test, and for the alarm list.

An alert that was given up raises an alarm of its own, which is kept and mailed to nobody: it would
be the next one that cannot be delivered (`policy/alarms.py`).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from gatehouse.policy.alarms import AlarmSeverity
from gatehouse.service.base.channel import Alarmed, Value
from gatehouse.store.values import Bounced, Deferred, Delivered, Outcome, QueuedMessage

NAME = "alert-mail-lost"
MOST = 200  # fates that are remembered; a test asks for its own within a minute
_LONGEST_REASON = 300


class AlertFates:
    """The fates of alerts, each under its MID."""

    def __init__(self, send: Callable[[Alarmed], None]) -> None:
        self._send = send
        self._known: OrderedDict[int, tuple[str, str]] = OrderedDict()

    def note(self, message: QueuedMessage, outcomes: Sequence[Outcome]) -> None:
        """An attempt is over; an alert has one recipient."""
        for outcome in outcomes:
            self._known[message.mid] = (_word(outcome), outcome.reply)
            self._known.move_to_end(message.mid)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
            if isinstance(outcome, Bounced):
                self._lost(message, outcome)

    def tell(self, mid: str) -> Value:
        """The fate of one, as far as there is one yet."""
        found = self._known.get(int(mid)) if mid.isascii() and mid.isdecimal() else None
        if found is None:
            return {"fate": None}
        return {"fate": found[0], "reply": found[1]}

    def _lost(self, message: QueuedMessage, outcome: Bounced) -> None:
        (recipient,) = message.recipients[:1] or (None,)
        address = "" if recipient is None else recipient.recipient.address.text
        self._send(
            Alarmed(
                name=NAME,
                severity=AlarmSeverity.WARNING.value,
                text=f"alert mail to {address} could not be delivered:"
                f" {outcome.reply[:_LONGEST_REASON]} (MID {message.mid})",
                key=f"{NAME}/{address}",
                mailed=False,
            )
        )


def _word(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "delivered"
        case Bounced():
            return "bounced"
        case Deferred():
            return "deferred"
