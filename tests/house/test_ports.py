# SPDX-License-Identifier: Apache-2.0
"""A number for a port that was given to one test is given to no other."""

import os
import socket
from pathlib import Path

from tests import ports

FIRST_OF_THE_SYSTEM = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_each_can_be_listened_on_and_none_is_one_that_the_system_hands_out():
    found = [ports.free_port() for _ in range(5)]
    assert len(set(found)) == 5
    assert max(found) < int(FIRST_OF_THE_SYSTEM.read_text().split()[0])
    for port in found:
        socket.create_server(("127.0.0.1", port)).close()


def test_what_another_process_holds_or_listens_on_is_passed_over(monkeypatch):
    held = [ports.free_port() for _ in range(3)]
    reading, writing = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        used = listener.getsockname()[1]
        child = os.fork()
        if child == 0:  # it comes to the same numbers
            numbers = iter([*held, used, *range(ports.FIRST, ports.LAST)])
            monkeypatch.setattr(ports, "_numbers", lambda: numbers)
            os.write(writing, str(ports.free_port()).encode())
            os._exit(0)
        os.waitpid(child, 0)
    assert int(os.read(reading, 64)) not in (*held, used)
    os.close(reading)
    os.close(writing)
