# SPDX-License-Identifier: Apache-2.0
"""Handing the values that run from the supervisor to its processes.

A revision is read, checked and compiled once, by the supervisor; a process gets the result through
memory that it inherits, and need not load what reading and checking take. The bytes never leave the
gateway: they go from one process of ours to the next, by descriptor or over the line.
"""

import os
import pickle

from gatehouse.config.running import Running


def pack(running: Running) -> bytes:
    """The values as bytes."""
    return pickle.dumps(running, protocol=pickle.HIGHEST_PROTOCOL)


def unpack(packed: bytes) -> Running:
    """The values again; raises TypeError for anything else."""
    running = pickle.loads(packed)
    if not isinstance(running, Running):
        raise TypeError("what was handed over is no configuration")
    return running


def put(packed: bytes) -> int:
    """A descriptor that a new process can read them from; the caller closes it."""
    fd = os.memfd_create("gatehouse-revision")
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(packed)
    return fd


def take(fd: int) -> Running:
    """What the supervisor put there."""
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return unpack(file.read())
