# SPDX-License-Identifier: Apache-2.0
"""Questions to our processes, each with its number, and the answers of those that are still there.

A process that ends answers nothing any more: whoever waits is told at once, and does not sit out
the time that a slow one gets. A commit asks the old receivers while they are leaving.
"""

import asyncio
from collections.abc import Callable, Iterable

from gatehouse.service.base import channel as line
from gatehouse.service.base.children import Child

ANSWER_SECONDS = 5.0

Answer = tuple[str, int, line.Value]  # role, process id, what it said


class Questions:
    """What was asked and is not answered yet."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[Child, asyncio.Future[line.Value]]] = {}
        self._last = 0

    async def ask(
        self, children: Iterable[Child], message: Callable[[int], line.Message]
    ) -> list[Answer]:
        """Say something that is answered with its number; the answers that come in time."""
        asked: list[int] = []
        for child in list(children):
            self._last += 1
            if child.send(message(self._last)):
                answer: asyncio.Future[line.Value] = asyncio.get_running_loop().create_future()
                self._open[self._last] = child, answer
                asked.append(self._last)
        try:
            if asked:
                waiting = [self._open[number][1] for number in asked]
                await asyncio.wait(waiting, timeout=ANSWER_SECONDS)
        finally:
            over = [self._open.pop(number) for number in asked]
        return [
            (child.role, child.process.pid, answer.result())
            for child, answer in over
            if answer.done() and not answer.cancelled()
        ]

    def told(self, number: int, value: line.Value) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        _, answer = self._open.get(number, (None, None))
        if answer is not None and not answer.done():
            answer.set_result(value)

    def ended(self, child: Child) -> None:
        """A process is gone."""
        for asked, answer in self._open.values():
            if asked is child:
                answer.cancel()
