# SPDX-License-Identifier: Apache-2.0
"""What goes from the supervisor to a process: all of it, once, and nothing of what comes behind."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from gatehouse.config import build, document, text
from gatehouse.config.running import Running
from gatehouse.service.base import handover


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def running() -> Running:
    parsed = text.parse(b'format = 1\n[system]\nhostname = "gw1.example.com"\n')
    assert isinstance(parsed, text.Parsed)
    read = document.read(parsed.values)
    assert not isinstance(read, tuple)
    return build.build(read)


def memory_left() -> list[str]:
    """Memory of revisions that this process still holds."""
    held = []
    for entry in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of the list itself
            held.append(os.readlink(f"/proc/self/fd/{entry}"))
    return [one for one in held if "gatehouse-revision" in one]


def test_the_values_the_seat_and_the_sockets_arrive(
    ends: tuple[socket.socket, socket.socket], running: Running
) -> None:
    ours, theirs = ends
    with socket.create_server(("127.0.0.1", 0)) as listening:
        handover.give(ours, handover.pack(running), {"InboundMail": listening}, 3)
        ours.sendall(b"behind")
        given = handover.wait(theirs)
        assert given is not None
        assert given.running.hostname == "gw1.example.com"
        assert given.running.delivery == running.delivery
        assert given.seat == 3
        with given.sockets["InboundMail"] as arrived:
            assert arrived.getsockname() == listening.getsockname()
            assert arrived.fileno() != listening.fileno()
            assert not arrived.get_inheritable()
    assert theirs.recv(100) == b"behind"


def test_more_sockets_than_one_message_carries_arrive_in_their_order(
    ends: tuple[socket.socket, socket.socket], running: Running
) -> None:
    ours, theirs = ends
    made = {f"L{number}": socket.socketpair() for number in range(225)}
    try:
        near = {name: pair[0] for name, pair in made.items()}
        handover.give(ours, handover.pack(running), near, 0)
        given = handover.wait(theirs)
        assert given is not None
        assert list(given.sockets) == list(made)
        for name, (_, far) in made.items():
            far.sendall(name.encode())
            assert given.sockets[name].recv(10) == name.encode()
            given.sockets[name].close()
    finally:
        for pair in made.values():
            pair[0].close()
            pair[1].close()
    assert not memory_left()  # at neither end


def test_the_end_of_the_line_means_that_nobody_needs_it(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    ours.close()
    assert handover.wait(theirs) is None


def test_nobody_there_is_an_error_and_keeps_no_descriptor(
    ends: tuple[socket.socket, socket.socket], running: Running
) -> None:
    ours, theirs = ends
    theirs.close()
    with pytest.raises(BrokenPipeError):
        handover.give(ours, handover.pack(running), {}, 0)
    assert not memory_left()


def test_a_word_that_breaks_off_is_no_configuration(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    ours.sendall(b"\0\0\0\x20half")
    ours.close()
    with pytest.raises(EOFError):
        handover.wait(theirs)
