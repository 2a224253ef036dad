# SPDX-License-Identifier: Apache-2.0
"""Listening sockets: opening one, and finding out beforehand whether it could be opened."""

import socket

from gatehouse.config.running import Listener, Running

BACKLOG = 511  # connections waiting in the kernel, as Postfix and others ask for by default

Endpoint = tuple[str, int]


class CannotListen(Exception):
    """An address and port cannot be had; the text says why."""


def endpoint(listener: Listener) -> Endpoint:
    """Where a listener listens."""
    return (listener.interface.address, listener.port)


def ssh_endpoint(running: Running) -> Endpoint | None:
    """Where the shell over SSH is reached; None: it is off."""
    return None if running.ssh is None else (running.ssh.address, running.ssh.port)


def endpoints(running: Running) -> frozenset[Endpoint]:
    """Wherever a configuration listens."""
    ssh = ssh_endpoint(running)
    return frozenset([*map(endpoint, running.listeners), *([] if ssh is None else [ssh])])


def listen(where: Endpoint) -> socket.socket:
    """A listening socket; raises CannotListen.

    A process inherits those that it is given, and no other: one that nobody serves any more would
    stay open in it, and the kernel would go on to take clients there.
    """
    sock = _bound(where)
    try:
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise CannotListen(error.strerror or str(error)) from None
    return sock


def rest(sock: socket.socket) -> None:
    """Refuse connections on it, in every process that shares it; the port stays ours.

    Shutting down a listening socket puts it back into the state in which it was bound (Linux,
    `inet_shutdown`); what waited to be accepted is reset.
    """
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.shutdown(socket.SHUT_RD)


def wake(sock: socket.socket) -> None:
    """Listen on it again; nothing changes where it does. Raises CannotListen."""
    try:
        sock.listen(BACKLOG)
    except OSError as error:
        raise CannotListen(error.strerror or str(error)) from None


def why_not(where: Endpoint) -> str:
    """Why nobody could listen there; "" if somebody could. Not to be asked about our own.

    It is bound and given back at once; with SO_REUSEADDR only listening finds another listener.
    """
    try:
        listen(where).close()
    except CannotListen as error:
        return str(error)
    return ""


def _bound(where: Endpoint) -> socket.socket:
    address, port = where
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise CannotListen(error.strerror or str(error)) from None
    return sock
