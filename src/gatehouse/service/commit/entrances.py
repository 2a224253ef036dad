# SPDX-License-Identifier: Apache-2.0
"""Processes by which people reach the gateway from elsewhere: which a configuration wants.

Such a process is replaced only when what it runs by has changed, so that a commit ends nobody's
session; the one that is replaced takes nobody new and ends with its last client. New ones serve
before the commit counts: an entrance that does not open is a commit that fails.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatehouse.config.running import Running
from gatehouse.service.base.children import Children, Rules
from gatehouse.service.commit import sockets as listening
from gatehouse.service.commit.sockets import Endpoint

SSH = "ssh"

# A process that does not serve after this long will not. One that dies is known at once, so that
# only a machine that is far too busy waits for as long: a commit on it is slow, and does not fail.
START_SECONDS = 60.0
MAX_DEATHS = 2  # one that dies is started again; several in a row have a reason
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Entrance:
    """A process that a configuration wants, with what it runs by and where it listens."""

    role: str
    settings: object
    endpoint: Endpoint


class CannotStart(Exception):
    """A process does not serve; the text says which."""


def wanted(running: Running) -> tuple[Entrance, ...]:
    """All of them."""
    ssh = listening.ssh_endpoint(running)
    return () if ssh is None else (Entrance(SSH, running.ssh, ssh),)


@dataclass(frozen=True, slots=True)
class Change:
    """What was begun for a revision that is not in force yet."""

    running: Running
    revision: int
    rules: Mapping[str, Rules]  # by role
    old: tuple[str, ...]  # roles whose processes retire when it is
    new: tuple[str, ...]  # roles that were started, and stop when it never will be


class Entrances:
    """Starts, replaces and retires them."""

    def __init__(
        self, children: Children, deaths: Callable[[], int], monotonic: Callable[[], float]
    ) -> None:
        self._children, self._deaths, self._monotonic = children, deaths, monotonic
        self._now: dict[str, Entrance] = {}

    async def begin(
        self,
        running: Running,
        revision: int,
        packed: bytes,
        sockets: Mapping[Endpoint, socket.socket],
    ) -> Change:
        """Start what is new or different; `serving` waits for it. Raises CannotStart."""
        there = {one.role: one for one in wanted(running)}
        different = [role for role in self._now if there.get(role) != self._now[role]]
        by_role = {
            role: Rules(revision, packed, {role: sockets[one.endpoint]})
            for role, one in there.items()
        }
        fresh = [role for role, one in there.items() if self._now.get(role) != one]
        try:
            for role in fresh:
                await self._children.start(role, by_role[role])
        except OSError as error:
            raise CannotStart(
                f"No process for {' or '.join(fresh)} can be started: {error}"
            ) from None
        return Change(running, revision, by_role, tuple(different), tuple(fresh))

    async def serving(self, change: Change) -> None:
        """Wait until all that was started serves; raises CannotStart."""
        for role in change.new:
            await self._serves(role, change.revision)

    def finish(self, change: Change) -> None:
        """The revision is in force."""
        for role in change.old:
            self._children.retire(role, change.revision)
        self._now = {one.role: one for one in wanted(change.running)}
        for role, rules in change.rules.items():
            for child in self._children.of(role):
                child.rules = rules  # by which it is started again, if it dies
            self._children.restart_by(role, rules)

    def undo(self, change: Change) -> None:
        """It never will be."""
        for role in change.new:
            self._children.dismiss(role, change.revision, 1.0)

    async def _serves(self, role: str, revision: int) -> None:
        before, ends = self._deaths(), self._monotonic() + START_SECONDS
        while not any(
            child.ready.is_set() and child.revision == revision for child in self._children.of(role)
        ):
            if self._deaths() - before > MAX_DEATHS or self._monotonic() > ends:
                self._children.give_up(revision)
                raise CannotStart(f"The process for {role} does not start; the event log says why")
            await asyncio.sleep(_LOOK_SECONDS)
