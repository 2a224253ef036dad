# SPDX-License-Identifier: Apache-2.0
"""What was promised and what arrived, one line each, safe before anybody acts on it.

A line is `seconds word field…`; the clock is one monotonic clock for the whole harness, which is
one process that nobody kills. Words: OFFER CUT ACK (client), RECV DROP REFUSE DSN ANSWER (sink),
KILL (the storm).
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    at: float
    word: str
    fields: tuple[str, ...]


class Ledger:
    """Appends lines; all that wait share one fsync, so that the ledger does not brake the load."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[tuple[bytes, asyncio.Future[None] | None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def say(self, word: str, *lines: tuple[object, ...]) -> None:
        """Write lines of one word and wait until they are safe."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((self._render(word, lines), done))
        await done

    def note(self, word: str, *fields: object) -> None:
        """Write a line that nobody waits for."""
        self._queue.put((self._render(word, (fields,)), None))

    def close(self) -> None:
        """Write what is left."""
        self._queue.put(None)
        self._thread.join()
        os.close(self._fd)

    @staticmethod
    def _render(word: str, lines: Iterable[tuple[object, ...]]) -> bytes:
        at = f"{time.monotonic():.6f} {word} "
        return "".join(at + " ".join(map(str, fields)) + "\n" for fields in lines).encode("ascii")

    def _serve(self) -> None:
        while True:
            group = [self._queue.get()]
            try:
                while True:
                    group.append(self._queue.get_nowait())
            except Empty:
                pass
            waiting = [one for one in group if one is not None]
            os.write(self._fd, b"".join(text for text, _ in waiting))
            os.fsync(self._fd)
            futures = [future for _, future in waiting if future is not None]
            if futures:
                self._loop.call_soon_threadsafe(_release, futures)
            if len(waiting) < len(group):
                return


def _release(futures: list["asyncio.Future[None]"]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def read(paths: Iterable[Path]) -> list[Entry]:
    """All lines of some ledgers in the order of time."""
    return sorted((entry for path in paths for entry in _lines(path)), key=lambda entry: entry.at)


def _lines(path: Path) -> Iterator[Entry]:
    for line in path.read_text("ascii").splitlines():
        at, word, *fields = line.split(" ")
        yield Entry(float(at), word, tuple(fields))
