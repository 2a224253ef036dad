# SPDX-License-Identifier: Apache-2.0
"""Sockets stay open from revision to revision, and suspended listeners refuse."""

import socket
from collections.abc import Iterator

import pytest

from gatehouse.config import checks
from gatehouse.config.running import Running
from gatehouse.service.commit.ports import Ports
from gatehouse.service.commit.sockets import CannotListen, Endpoint, endpoints
from tests.ports import free_port

TEXT = """\
format = 1
[interfaces.Net]
address = "127.0.0.1"
"""
LISTENER = """\
[listeners.{name}]
type = "private"
interface = "Net"
port = {port}
"""


def running(**ports: int) -> Running:
    text = TEXT + "".join(LISTENER.format(name=name, port=port) for name, port in ports.items())
    loaded = checks.load(text.encode())
    assert isinstance(loaded, checks.Loaded)
    return loaded.running


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def shut() -> set[str]:
    return set()


@pytest.fixture
def ports(shut: set[str]) -> Iterator[Ports]:
    one = Ports(lambda: shut)
    yield one
    one.keep(())


def test_a_socket_is_kept_while_a_revision_wants_it(ports: Ports) -> None:
    first, second = free_port(), free_port()
    before = ports.bind(running(Edge=first), [])["Edge"]
    after = ports.bind(wanted := running(Edge=first, More=second), [])
    assert after["Edge"] is before
    ports.keep(endpoints(wanted))
    assert listens(first) and listens(second)
    ports.keep(endpoints(running(More=second)))
    assert not listens(first)


def test_suspended_listeners_refuse_from_the_start_and_until_they_are_resumed(
    ports: Ports, shut: set[str]
) -> None:
    port = free_port()
    shut.add("Edge")
    ports.bind(now := running(Edge=port), [])
    assert not listens(port)
    assert ports.hold(now) == ("Edge",)
    shut.clear()
    assert ports.hold(now) == ()
    assert listens(port)


def test_a_place_that_a_suspended_listener_leaves_is_open_for_another(
    ports: Ports, shut: set[str]
) -> None:
    port = free_port()
    shut.add("Edge")
    ports.bind(running(Edge=port), [])
    ports.bind(running(Other=port), [])
    assert listens(port)


def test_who_cannot_listen_is_named(ports: Ports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where: Endpoint = taken.getsockname()
        with pytest.raises(CannotListen, match=f"Listener Edge cannot .* port {where[1]}: "):
            ports.bind(running(Edge=where[1]), [])
        with pytest.raises(CannotListen, match="The shell cannot"):
            ports.bind(running(), [(where, "The shell")])


def test_a_port_that_is_lost_meanwhile_is_told(ports: Ports, shut: set[str]) -> None:
    port = free_port()
    shut.add("Edge")
    ports.bind(now := running(Edge=port), [])
    shut.clear()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        with pytest.raises(CannotListen, match="Listener Edge cannot listen again"):
            ports.hold(now)
