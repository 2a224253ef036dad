# SPDX-License-Identifier: Apache-2.0
"""What lies in a data directory, read without the gateway's own code.

The harness must not believe the thing it tests: tables are read with plain SQL, files by their
names, ownership by their locks.
"""

import fcntl
import os
from pathlib import Path
from typing import Any

import apsw


def waiting(data: Path) -> set[str]:
    """The recipients that wait, whatever for."""
    query = "SELECT address FROM recipient WHERE state = 0"
    return {str(address) for (address,) in _rows(data, query)}


def messages_queued(data: Path) -> int:
    """How many messages the queue has."""
    return int(_rows(data, "SELECT count(*) FROM message")[0][0])


def orphans(data: Path) -> list[str]:
    """Rows without their owner; spool files that no row names and no process holds."""
    found = [
        f"recipient row {mid}/{rid}"
        for mid, rid in _rows(
            data, "SELECT mid, rid FROM recipient WHERE mid NOT IN (SELECT mid FROM message)"
        )
    ]
    named = {int(segment) for (segment,) in _rows(data, "SELECT DISTINCT segment FROM message")}
    present = {path.name: path for path in (data / "spool").iterdir()}
    for name, path in sorted(present.items()):
        stem, _, suffix = name.partition(".")
        if suffix != "seg":
            found.append(f"spool file {name}")
        elif int(stem, 16) not in named and not _held(path):
            found.append(f"spool segment {name}")
    missing = named - {int(name.partition(".")[0], 16) for name in present if name.endswith(".seg")}
    return found + [f"segment {segment:x} is named and not there" for segment in sorted(missing)]


def intact(data: Path) -> str:
    """What SQLite says about its file."""
    return str(_rows(data, "PRAGMA integrity_check")[0][0])


def _rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(data / "queue.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(10_000)
        return list(connection.execute(query))
    finally:
        connection.close()


def _held(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # swept between listing and looking
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
