# SPDX-License-Identifier: Apache-2.0
"""Where should bodies lie, and who waits for the database? The measurements of ADR 0003 and 0004.

    PYTHONPATH=src python bench/spool_layouts.py [--groups N] [--directory DIR]

Every layout makes groups of 20 messages durable together with a row for each (WAL,
synchronous=FULL), as a group commit does. Reported are medians over three interleaved rounds.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import apsw

from gatehouse.store.sqlite.turn import WriterTurn

GROUP = 20
SIZES = (4096, 65536, 1048576)
ROUNDS = 3

# Commits, the longest wait in seconds, CPU seconds: of one writer.
Results: TypeAlias = "multiprocessing.Queue[tuple[int, float, float]]"
Layout = Callable[[apsw.Connection, Path, list[bytes], int], None]


def database(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("wal_autocheckpoint", 4000)
    connection.set_busy_timeout(60_000)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS message (mid INTEGER PRIMARY KEY, place TEXT, body BLOB) STRICT"
    )
    return connection


def insert(connection: apsw.Connection, rows: list[tuple[str, bytes | None]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO message (place, body) VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def blobs(connection: apsw.Connection, _directory: Path, bodies: list[bytes], _group: int) -> None:
    insert(connection, [("", body) for body in bodies])


def files(connection: apsw.Connection, directory: Path, bodies: list[bytes], group: int) -> None:
    for number, body in enumerate(bodies):
        fd = os.open(directory / f"{group}-{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, body)
        os.fsync(fd)
        os.close(fd)
    flush_directory(directory)
    insert(connection, [(f"{group}-{number}", None) for number in range(len(bodies))])


def segment(connection: apsw.Connection, directory: Path, bodies: list[bytes], group: int) -> None:
    path = directory / "segment"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    append(fd, bodies)
    os.close(fd)
    if group == 0:
        flush_directory(directory)
    insert(connection, [(f"segment {group}", None)] * len(bodies))


def allocated(
    connection: apsw.Connection, directory: Path, bodies: list[bytes], group: int
) -> None:
    """A segment whose blocks were reserved beforehand."""
    path = directory / "allocated"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    size = sum(map(len, bodies))
    if group == 0:
        os.posix_fallocate(fd, 0, 64 * 1024 * 1024)
        flush_directory(directory)
    os.lseek(fd, (group * size) % (64 * 1024 * 1024), os.SEEK_SET)
    append(fd, bodies)
    os.close(fd)
    insert(connection, [(f"allocated {group}", None)] * len(bodies))


def append(fd: int, bodies: list[bytes]) -> None:
    for body in bodies:
        zlib.crc32(body)
    os.writev(fd, bodies)
    os.fdatasync(fd)


def flush_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


LAYOUTS: dict[str, Layout] = {
    "BLOB in the database": blobs,
    "file per message": files,
    "shared segment": segment,
    "shared segment, preallocated": allocated,
}


def measure(layout: Layout, size: int, groups: int, parent: str) -> tuple[float, float]:
    """Messages a second, and CPU microseconds for each."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        directory = Path(name)
        connection = database(directory / "queue.db")
        bodies = [os.urandom(size) for _ in range(GROUP)]
        wall, cpu = time.perf_counter(), time.process_time()
        for group in range(groups):
            layout(connection, directory, bodies, group)
        cpu = time.process_time() - cpu
        wall = time.perf_counter() - wall
        connection.close()
    return groups * GROUP / wall, cpu / groups / GROUP * 1e6


def compare_layouts(groups: int, parent: str) -> None:
    print(f"{'layout':30} {'size':>8} {'messages/s':>11} {'CPU us each':>12}")
    for size in SIZES:
        count = max(3, groups * 4096 // size if size > 65536 else groups)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in LAYOUTS}
        for _ in range(ROUNDS):
            for name, layout in LAYOUTS.items():
                found[name].append(measure(layout, size, count, parent))
        for name, results in found.items():
            rate = statistics.median(result[0] for result in results)
            cpu = statistics.median(result[1] for result in results)
            print(f"{name:30} {size:8} {rate:11.0f} {cpu:12.1f}")


def write_in_turn(path: Path, turns: bool, seconds: float, results: "Results") -> None:
    """Commit groups as fast as the others allow; reports count, worst wait and CPU."""
    connection = database(path)
    turn = WriterTurn(path.with_name("turn"))
    count, worst = 0, 0.0
    cpu, end = time.process_time(), time.monotonic() + seconds
    while (start := time.monotonic()) < end:
        if turns:
            turn.take(60.0)
        insert(connection, [("x" * 300, None)] * GROUP)
        if turns:
            turn.give_back()
        count += 1
        worst = max(worst, time.monotonic() - start)
    cpu = time.process_time() - cpu
    results.put((count, worst, cpu))


def compare_waiting(seconds: float, parent: str) -> None:
    print(f"\n{'three writers wait by':30} {'commits/s':>11} {'worst ms':>14} {'CPU us each':>12}")
    for name, turns in (("SQLite's busy handler", False), ("flock", True)) * 2:
        with tempfile.TemporaryDirectory(dir=parent) as directory:
            path = Path(directory) / "queue.db"
            database(path).close()
            results: Results = multiprocessing.Queue()
            workers = [
                multiprocessing.Process(target=write_in_turn, args=(path, turns, seconds, results))
                for _ in range(3)
            ]
            for worker in workers:
                worker.start()
            found = [results.get() for _ in workers]
            for worker in workers:
                worker.join()
        commits = sum(count for count, _, _ in found)
        worst = max(wait for _, wait, _ in found)
        cpu = sum(spent for _, _, spent in found)
        rate, cost = commits / seconds, cpu / commits * 1e6
        print(f"{name:30} {rate:11.0f} {worst * 1000:14.1f} {cost:12.0f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--directory", default=None, help="on the file system to be measured")
    options = parser.parse_args()
    parent = options.directory or tempfile.gettempdir()
    compare_layouts(options.groups, parent)
    compare_waiting(options.seconds, parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
