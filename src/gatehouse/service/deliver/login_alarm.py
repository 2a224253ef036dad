# SPDX-License-Identifier: Apache-2.0
"""The alarm "login at smart host failed": mail waits for a password that the operator must repair.

Made from the fact of the login. One for each smart host and reason; couriers try again and again,
so at most one in a minute gets out of here, and the supervisor holds equal ones back by the usual
series (`policy/alarms.py`).
"""

from collections.abc import Callable

from gatehouse.journal.facts import Fact, SmartHostLogin
from gatehouse.policy.alarms import AlarmSeverity
from gatehouse.policy.route_table import smart_destination
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.base.clock import Clock
from gatehouse.service.deliver.tls_alarm import QUIET_SECONDS

NAME = "smart-host-login-failed"
MOST_KEYS = 1_000  # smart hosts are configured by hand; when there are more, the count begins anew
_LONGEST_REASON = 300


class LoginAlarms:
    """Tells that a smart host does not let us in."""

    def __init__(self, clock: Clock, send: Callable[[Alarmed], None]) -> None:
        self._clock = clock
        self._send = send
        self._told: dict[str, float] = {}

    def note(self, fact: Fact) -> None:
        """A reader of facts."""
        if not isinstance(fact, SmartHostLogin) or fact.ok:
            return
        key = f"{NAME}/{fact.name}/{fact.reason}"
        now = self._clock.monotonic()
        last = self._told.get(key)
        if last is not None and now - last < QUIET_SECONDS:
            return
        if len(self._told) >= MOST_KEYS:
            self._told.clear()
        self._told[key] = now
        reason = fact.reason[:_LONGEST_REASON]
        self._send(
            Alarmed(
                name=NAME,
                severity=AlarmSeverity.WARNING.value,
                text=f"login at smart host {fact.name} failed: {reason}",
                key=key,
                stuck=smart_destination(fact.name),
            )
        )
