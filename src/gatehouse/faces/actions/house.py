# SPDX-License-Identifier: Apache-2.0
"""What an action may touch.

The same action runs inside the gateway, asked through its control socket, and in a command of its
own when no gateway runs; then `gateway` is None.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from gatehouse.config.running import Running
from gatehouse.faces.actions.operator import NOBODY, Operator
from gatehouse.journal.facts import Fact
from gatehouse.service.base import machine as identity
from gatehouse.service.base.channel import Value
from gatehouse.service.base.clock import SYSTEM_CLOCK, Clock
from gatehouse.store.directory import DataDirectory
from gatehouse.store.interface import Store


class Gateway(Protocol):
    """The running gateway, as far as actions need it."""

    running: Running | None
    revision: int

    def standing_by(self) -> AbstractAsyncContextManager[None]:
        """Around the checks and the start of a revision, so that its processes load meanwhile."""

    async def apply(
        self, revision: int, operator: str, comment: str, running: Running | None = None
    ) -> None:
        """Make a revision run; raises `conductor.ApplyFailed`, and then the old one goes on.

        `running`: what its text was compiled to when it was checked; None: it is read again.
        """

    async def ask(self, what: str) -> Sequence[tuple[str, int, Value]]:
        """Role, process id and numbers of each process."""

    def totals(self) -> dict[str, int | str]:
        """Counters since the start and gauges now."""

    async def listeners_changed(self, within: float) -> None:
        """Listeners were suspended, with so many seconds for who is connected, or resumed."""

    def queue_changed(self) -> None:
        """The deliverer looks at the queue again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The data directory with its store, and the gateway if it runs."""

    directory: DataDirectory
    version: str
    operator: str  # the name of who acts
    acting: Operator = NOBODY
    opened: Store | None = None  # None only for actions that need nothing
    gateway: Gateway | None = None
    started_at: float | None = None
    serial: str = ""  # of this installation; only the running gateway says it
    named: str | None = None  # which machine of a cluster this is, where its start said so
    record: Callable[[Fact], None] | None = None  # the journal is the running gateway's
    clock: Clock = SYSTEM_CLOCK
    committing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def acting_for(self, operator: Operator) -> "House":
        """The same house, for somebody else."""
        return replace(self, operator=operator.name, acting=operator)

    @property
    def machine(self) -> str | None:
        """Which machine of a cluster this is; None: nobody has said so. Raises StoreError."""
        return self.named or identity.kept(self.directory.path)

    @property
    def store(self) -> Store:
        """The store, for actions that need it."""
        assert self.opened is not None, "the action says that it needs nothing"
        return self.opened
