# SPDX-License-Identifier: Apache-2.0
"""The listening sockets of one gateway: kept from revision to revision, shared by its processes.

A listener that an operator has suspended refuses at the kernel's door, the others listen. A socket
that no revision wants any more is closed.
"""

import socket
from collections.abc import Callable, Collection, Iterable, Mapping

from gatehouse.config.running import Running
from gatehouse.service.commit import sockets
from gatehouse.service.commit.sockets import CannotListen, Endpoint


class Ports:
    """All of them, by their place. `suspended` gives the names of listeners that refuse."""

    def __init__(self, suspended: Callable[[], Collection[str]]) -> None:
        self._suspended = suspended
        self._open: dict[Endpoint, socket.socket] = {}

    @property
    def open_now(self) -> Mapping[Endpoint, socket.socket]:
        """Those that there are."""
        return self._open

    def bind(
        self, running: Running, others: Iterable[tuple[Endpoint, str]]
    ) -> dict[str, socket.socket]:
        """A socket for each listener, by its name, and for `others` (where, for whom).

        What is open already is kept as it is. Raises CannotListen.
        """
        by_name = {
            one.name: self._bound(sockets.endpoint(one), f"Listener {one.name}")
            for one in running.listeners
        }
        for where, who in others:
            self._bound(where, who)
        self.hold(running)
        return by_name

    def hold(self, running: Running) -> tuple[str, ...]:
        """Suspended listeners refuse, the others listen; who is suspended. Raises CannotListen."""
        shut = frozenset(self._suspended())
        for listener in running.listeners:
            sock = self._open[sockets.endpoint(listener)]
            if listener.name in shut:
                sockets.rest(sock)
                continue
            try:
                sockets.wake(sock)
            except CannotListen as error:
                text = f"Listener {listener.name} cannot listen again: {error}"
                raise CannotListen(text) from None
        return tuple(shut)

    def keep(self, kept: Collection[Endpoint]) -> None:
        """Close all others."""
        for where in [one for one in self._open if one not in kept]:
            self._open.pop(where).close()

    def _bound(self, where: Endpoint, who: str) -> socket.socket:
        sock = self._open.get(where)
        if sock is None:
            try:
                sock = self._open[where] = sockets.listen(where)
            except CannotListen as error:
                address, port = where
                text = f"{who} cannot listen on {address} port {port}: {error}"
                raise CannotListen(text) from None
        return sock
