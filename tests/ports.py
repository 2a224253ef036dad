# SPDX-License-Identifier: Apache-2.0
"""Ports for what can be given a number only, and listens later: nobody else takes them meanwhile.

Who can bind port 0, or has an address of its own (`tests.live.gateway.address`), needs none.
"""

import errno
import functools
import itertools
import os
import socket
from collections.abc import Iterator

# Below the ports that Linux hands out by itself (ip_local_port_range begins at 32768): neither a
# client's connection nor somebody's port 0 is ever one of these.
FIRST, LAST = 10_000, 32_000
# Who holds a number binds its UDP port here, where nobody asks for anything; it is free again when
# the process ends, however it ends.
HOLD = "127.255.255.1"

_held: list[socket.socket] = []


def free_port() -> int:
    """A port that no other test has, in this process or another, until this process ends."""
    for port in itertools.islice(_numbers(), LAST - FIRST):
        if _hold(port) and not _used(port):
            return port
    raise AssertionError("no port is left")


@functools.cache
def _numbers() -> Iterator[int]:
    """All of them, from a place that other processes seldom begin at."""
    begin = os.getpid() * 101 % (LAST - FIRST)
    return itertools.cycle([*range(FIRST + begin, LAST), *range(FIRST, FIRST + begin)])


def _hold(port: int) -> bool:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((HOLD, port))
    except OSError as error:
        sock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    _held.append(sock)
    return True


def _used(port: int) -> bool:
    """Somebody who knows nothing of us has it."""
    for family, everywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((everywhere, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
    return False
