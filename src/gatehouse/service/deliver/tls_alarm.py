# SPDX-License-Identifier: Apache-2.0
"""The alarm "required TLS failed": mail waits because a destination did not give the TLS it must.

Told with the domain, the reason, and how much waits since when; equal ones are those of the same
domain and cause, and the supervisor holds them back by the usual series (`policy/alarms.py`). A
destination with many couriers fails many times in a second: here one a minute gets through.
"""

from collections import OrderedDict
from collections.abc import Callable

from gatehouse.policy.alarms import AlarmSeverity
from gatehouse.policy.destinations import DestinationControl
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.base.clock import Clock
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Queue

NAME = "required-tls-failed"
QUIET_SECONDS = 60.0
MAX_KEYS = 5_000
_LONGEST_REASON = 300


class TlsAlarms:
    """Tells that required TLS failed, where the operator wants to be told."""

    def __init__(self, queue: Queue, clock: Clock, send: Callable[[Alarmed], None]) -> None:
        self._queue = queue
        self._clock = clock
        self._send = send
        self._told: OrderedDict[str, float] = OrderedDict()

    def tell(
        self,
        control: DestinationControl,
        domain: str,
        failure: NotConnected,
        *,
        alerts_only: bool = False,
    ) -> None:
        """No host of a destination could be used, and required TLS was the reason.

        `alerts_only`: nothing but alert mail waits for it; then this must not make more of it.
        """
        if not control.alert_on_required_tls_failure:
            return
        # What a server says behind its code may be different each time.
        cause = failure.cause.partition("-'")[0]
        key = f"{NAME}/{domain}/{cause}" + ("/alert mail" if alerts_only else "")
        now = self._clock.monotonic()
        last = self._told.get(key)
        if last is not None and now - last < QUIET_SECONDS:
            return
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > MAX_KEYS:
            self._told.popitem(last=False)
        self._send(
            Alarmed(
                name=NAME,
                severity=AlarmSeverity.WARNING.value,
                text=f"TLS required for {domain} but not available:"
                f" {failure.cause[:_LONGEST_REASON]} ({self._waiting(domain)})",
                key=key,
                stuck=domain,
                mailed=not alerts_only,
            )
        )

    def _waiting(self, domain: str) -> str:
        try:
            count, oldest = self._queue.waiting_at(domain)
        except StoreError:
            return "an unknown number of messages waiting"
        since = 0.0 if oldest is None else max(0.0, self._clock.wall() - oldest)
        messages = "message" if count == 1 else "messages"
        return f"{count} {messages} waiting, oldest {age(since)}"


def age(seconds: float) -> str:
    """Seconds in the two largest units that say something: "2d 3h", "5m 10s", "0s"."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        if len(parts) == 2:
            break
    return " ".join(parts) or "0s"
