# SPDX-License-Identifier: Apache-2.0
"""Ready lists: what may be tried now, one list per destination, and who is in whose hands.

Kept in the memory of the one deliverer process; the store stays the truth. A (message, destination)
pair is here from the moment it falls due until its attempt has been settled, so that reading the
queue again never starts a second delivery of the same thing. A destination that has nothing ready
and no connection is forgotten, so a million domains seen once cost nothing.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from gatehouse.store.values import DueRecipient

# Destinations of which counts and the last end of a try are kept when nothing goes there any more.
MAX_PAST = 1_000


@dataclass(slots=True)
class Destination:
    """One destination domain with work, or with an open connection."""

    domain: str
    ready: deque[int] = field(default_factory=deque)  # MIDs, oldest first
    couriers: int = 0  # tasks that carry mail there, connected or connecting
    idle: list[asyncio.Future[None]] = field(default_factory=list)  # of these, who wait for work
    delivered: int = 0  # recipients, since the deliverer started
    deferred: int = 0
    bounced: int = 0
    last_status: str = ""  # how the latest connection attempt ended
    paused: bool = False  # its limits are reached: nothing is started until they allow it again
    closing: bool = False  # we stop: nobody waits for more work
    up: bool | None = None  # whether a host let us in, the last time we tried
    last_tried_at: float | None = None

    def tried(self, at: float, status: str, *, up: bool) -> None:
        """A connection was tried: how that ended."""
        self.last_tried_at, self.last_status, self.up = at, status, up

    def wake(self) -> None:
        """Give work to couriers that hold an open connection, one for each ready message."""
        for _ in range(min(len(self.idle), len(self.ready))):
            waiter = self.idle.pop()
            if not waiter.done():
                waiter.set_result(None)

    def dismiss(self) -> None:
        """Send idle couriers home, and those too that would be idle next."""
        self.closing = True
        while self.idle:
            waiter = self.idle.pop()
            if not waiter.done():
                waiter.set_result(None)


class ReadyLists:
    """All destinations that have work."""

    def __init__(self) -> None:
        self.destinations: dict[str, Destination] = {}
        self._held: set[tuple[int, str]] = set()
        self._past: OrderedDict[str, Destination] = OrderedDict()  # what was forgotten last

    def __len__(self) -> int:
        """How many pairs are ready or in flight."""
        return len(self._held)

    def add(self, due: Iterable[DueRecipient]) -> list[Destination]:
        """Take what fell due; the destinations that got something new."""
        touched: dict[str, Destination] = {}
        held = self._held
        for recipient in due:
            key = (recipient.mid, recipient.domain)
            if key in held:
                continue
            held.add(key)
            destination = self.destination(recipient.domain)
            destination.ready.append(recipient.mid)
            touched[recipient.domain] = destination
        return list(touched.values())

    def destination(self, domain: str) -> Destination:
        """The entry of a domain, made when it is new."""
        found = self.destinations.get(domain)
        if found is None:
            found = self._past.pop(domain, None) or Destination(domain)
            self.destinations[domain] = found
        return found

    def known(self, domain: str) -> Destination | None:
        """What is remembered of a domain, also when nothing goes there now."""
        return self.destinations.get(domain) or self._past.get(domain)

    def put_back(self, destination: Destination, but: Container[int] = ()) -> None:
        """What is ready is nobody's again, `but` these: it stays where it is safe, in the store."""
        kept = [mid for mid in destination.ready if mid in but]
        for mid in destination.ready:
            if mid not in but:
                self._held.discard((mid, destination.domain))
        destination.ready.clear()
        destination.ready.extend(kept)

    def settled(self, mid: int, domain: str) -> None:
        """An attempt is over and written down: the pair may fall due again."""
        self._held.discard((mid, domain))

    def forget_if_empty(self, destination: Destination) -> None:
        """Drop a destination that has neither work nor couriers."""
        if not destination.ready and not destination.couriers:
            self.destinations.pop(destination.domain, None)
            if destination.last_tried_at is not None:
                self._past[destination.domain] = destination
                if len(self._past) > MAX_PAST:
                    self._past.popitem(last=False)
