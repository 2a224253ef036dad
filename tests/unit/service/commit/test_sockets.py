# SPDX-License-Identifier: Apache-2.0
"""An address and port that cannot be had are found out without disturbing who has them."""

import socket

import pytest

from gatehouse.service.commit import sockets
from tests.patience import PATIENCE
from tests.ports import free_port


def test_what_is_free_can_be_had_again_and_again() -> None:
    port = free_port()
    assert sockets.why_not(("127.0.0.1", port)) == ""
    sockets.listen(("127.0.0.1", port)).close()


def test_what_somebody_has_is_told_and_goes_on_listening() -> None:
    with sockets.listen(("127.0.0.1", 0)) as taken:
        where = taken.getsockname()
        assert "in use" in sockets.why_not(where)
        with pytest.raises(sockets.CannotListen):
            sockets.listen(where)
        taken.setblocking(True)
        with socket.create_connection(where, PATIENCE):
            taken.accept()[0].close()


def test_an_address_of_another_machine_is_told() -> None:
    assert sockets.why_not(("192.0.2.1", 2525))


def test_a_socket_at_rest_refuses_everywhere_and_can_be_woken() -> None:
    where = ("127.0.0.1", free_port())
    with sockets.listen(where) as ours, ours.dup() as of_another_process:
        sockets.rest(ours)
        sockets.rest(ours)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where, PATIENCE)
        sockets.wake(ours)
        sockets.wake(ours)
        of_another_process.setblocking(True)
        with socket.create_connection(where, PATIENCE):
            of_another_process.accept()[0].close()


def test_a_port_that_somebody_took_meanwhile_is_told() -> None:
    where = ("127.0.0.1", free_port())
    with sockets.listen(where) as ours:
        sockets.rest(ours)
        with sockets.listen(where), pytest.raises(sockets.CannotListen):
            sockets.wake(ours)
