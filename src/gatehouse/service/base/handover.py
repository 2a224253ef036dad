# SPDX-License-Identifier: Apache-2.0
"""Handing the values that run, and the sockets, from the supervisor to its processes.

A revision is read, checked and compiled once, by the supervisor; a process gets the result through
memory that it is given, and need not load what reading and checking take. The bytes never leave the
gateway: they go from one process of ours to the next, by descriptor or over the line.

Descriptors travel over the line (SCM_RIGHTS, unix(7)) and not by inheritance, so that a process can
be started, and load its modules, before anybody knows what it will run by: a commit whose text is
still being checked has its receivers ready when the text is good.
"""

import array
import os
import pickle
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gatehouse.config.running import Running

# Linux passes 253 descriptors with one message at most (SCM_MAX_FD, unix(7)).
_MOST_AT_ONCE = 200
_HEAD = struct.Struct("!I")
_FD_SIZE = array.array("i").itemsize


class _Parcel(msgspec.Struct, frozen=True):
    """What goes with the descriptors: the first is the revision's, then one for each name."""

    seat: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What a process is to run by."""

    running: Running
    sockets: Mapping[str, socket.socket]  # it listens there, by name
    seat: int  # its column in the head count


def pack(running: Running) -> bytes:
    """The values as bytes."""
    return pickle.dumps(running, protocol=pickle.HIGHEST_PROTOCOL)


def unpack(packed: bytes) -> Running:
    """The values again; raises TypeError for anything else."""
    running = pickle.loads(packed)
    if not isinstance(running, Running):
        raise TypeError("what was handed over is no configuration")
    return running


def give(
    line: socket.socket, packed: bytes, sockets: Mapping[str, socket.socket], seat: int
) -> None:
    """Write it into a line whose other end `wait` reads; raises OSError if nobody is there.

    Does not wait for the reader: what is written is small, and the memory goes as a descriptor.
    """
    parcel = msgspec.msgpack.encode(_Parcel(seat, tuple(sockets)))
    memory = os.memfd_create("gatehouse-revision")
    try:
        with os.fdopen(os.dup(memory), "wb") as file:
            file.write(packed)
        numbers = [memory, *(sock.fileno() for sock in sockets.values())]
        socket.send_fds(line, [_HEAD.pack(len(parcel))], numbers[:_MOST_AT_ONCE])
        line.sendall(parcel)
        for begin in range(_MOST_AT_ONCE, len(numbers), _MOST_AT_ONCE):
            socket.send_fds(line, [b"+"], numbers[begin : begin + _MOST_AT_ONCE])
    finally:
        os.close(memory)


def wait(line: socket.socket) -> Given | None:
    """Wait for it, before anything else is read; None when the other end is gone: not needed."""
    head, numbers = _received(line, _HEAD.size)
    if not head:
        return None
    parcel = msgspec.msgpack.decode(_exactly(line, *_HEAD.unpack(head)), type=_Parcel)
    while len(numbers) < len(parcel.names) + 1:
        more, others = _received(line, 1)
        if not more:
            return None
        numbers += others
    memory, *listening = numbers
    with os.fdopen(memory, "rb") as file:
        file.seek(0)
        running = unpack(file.read())
    named = zip(parcel.names, listening, strict=True)
    return Given(running, {name: socket.socket(fileno=fd) for name, fd in named}, parcel.seat)


def _received(line: socket.socket, length: int) -> tuple[bytes, list[int]]:
    """So many octets, none at the end of the stream; and the descriptors that came with them."""
    room = socket.CMSG_SPACE(_MOST_AT_ONCE * _FD_SIZE)
    content, extra, _, _ = line.recvmsg(length, room, socket.MSG_CMSG_CLOEXEC)
    numbers = array.array("i")
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(data[: len(data) - len(data) % _FD_SIZE])
    if content:
        content += _exactly(line, length - len(content))
    return content, list(numbers)


def _exactly(line: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        more = line.recv(length - len(content))
        if not more:
            raise EOFError("the supervisor left in the middle of a word")
        content += more
    return content
