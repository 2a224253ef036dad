# SPDX-License-Identifier: Apache-2.0
"""How much a destination gets: recipients in so many minutes, and connections to one address.

Counted for the destination domain, or for each address of its mail exchangers where the rule says
so: then all domains that a provider hosts share what its hosts may get. A window begins with its
first recipient and ends `recipient_minutes` later. What is too much now waits in the ready list; it
is neither tried nor deferred. Counts live in this process and begin anew with it.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gatehouse.policy.destinations import DestinationControl, LimitType
from gatehouse.service.deliver.link import Link

MAX_WINDOWS = 20_000  # as many destinations as the ready lists hold; the oldest are forgotten
# When a connection of another destination to the same address has ended is not known in advance.
LOOK_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class _Window:
    ends: float
    taken: int = 0


class Limits:
    """The counts of one process; times are of the monotonic clock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._links: dict[str, set[Link]] = {}
        self._dialling: dict[str, int] = {}

    # --- recipients -----------------------------------------------------------------------------

    def take(self, control: DestinationControl, domain: str, ip: str, wanted: int) -> int:
        """How many of so many recipients may go now; they count as gone."""
        if not control.recipient_limit:
            return wanted
        window = self._window(control, domain, ip)
        granted = max(0, min(wanted, control.recipient_limit - window.taken))
        window.taken += granted
        return granted

    def give_back(self, control: DestinationControl, domain: str, ip: str, unused: int) -> None:
        """Recipients that were not offered after all."""
        if control.recipient_limit:
            window = self._window(control, domain, ip)
            window.taken = max(0, window.taken - unused)

    def wait(self, control: DestinationControl, domain: str, ip: str) -> float:
        """Seconds until the window of a destination ends."""
        return max(0.0, self._window(control, domain, ip).ends - self._monotonic())

    def _window(self, control: DestinationControl, domain: str, ip: str) -> _Window:
        by_ip = control.limit_type is LimitType.MX_IP
        key = f"{ip} {control.domain}" if by_ip else domain
        now = self._monotonic()
        found = self._windows.get(key)
        if found is None or found.ends <= now:
            found = self._windows[key] = _Window(now + control.recipient_minutes * 60.0)
            self._windows.move_to_end(key)
            if len(self._windows) > MAX_WINDOWS:
                self._windows.popitem(last=False)
        return found

    # --- addresses ------------------------------------------------------------------------------

    def busy_for(self, ip: str, control: DestinationControl) -> float:
        """Seconds until an address may be tried again; 0: now."""
        if self._open(ip) >= control.max_connections:
            return LOOK_AGAIN_SECONDS
        if not control.recipient_limit:
            return 0.0
        window = self._window(control, "", ip)
        full = window.taken >= control.recipient_limit
        return max(LOOK_AGAIN_SECONDS, window.ends - self._monotonic()) if full else 0.0

    @contextlib.contextmanager
    def dialling(self, ip: str) -> Iterator[Callable[[Link], None]]:
        """A connection to an address is being made; call what it gives when it stands."""
        self._dialling[ip] = self._dialling.get(ip, 0) + 1
        try:
            yield self._links.setdefault(ip, set()).add
        finally:
            left = self._dialling.pop(ip) - 1
            if left:
                self._dialling[ip] = left
            self._open(ip)

    def _open(self, ip: str) -> int:
        """Connections to an address; those that have ended are forgotten."""
        alive = {link for link in self._links.get(ip, ()) if link.alive}
        if alive:
            self._links[ip] = alive
        elif ip not in self._dialling:
            self._links.pop(ip, None)
        return len(alive) + self._dialling.get(ip, 0)
