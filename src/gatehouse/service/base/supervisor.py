# SPDX-License-Identifier: Apache-2.0
"""Tasks are started here and nowhere else.

asyncio keeps only a weak reference to a task, and swallows the exception of one that nobody awaits:
a lost task is mail that stops moving in silence. This supervisor keeps the reference, reports every
failure by name, and ends all tasks when its owner stops.
"""

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

Report = Callable[[str, BaseException], None]


def describe(error: BaseException) -> str:
    """The last line of a traceback with its place: enough for an operator's report, no locals."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


class TaskSupervisor:
    """Owns the tasks of one process. `report` is told the name and the error of each that fails.

    `vital` tasks are those without which the process lives and does nothing: when one fails,
    `give_up` is called, and a process that ends is started again.
    """

    def __init__(self, report: Report, give_up: Callable[[], None] = lambda: None) -> None:
        self._report = report
        self._give_up = give_up
        self._vital: set[asyncio.Task[Any]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self, coroutine: Coroutine[Any, Any, Any], name: str, *, vital: bool = False
    ) -> asyncio.Task[Any]:
        """Run `coroutine` as a task that is referenced until it ends."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        if vital:
            self._vital.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        vital = task in self._vital
        self._vital.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._report(task.get_name(), error)
            if vital:
                self._give_up()

    async def stop(self, within: float) -> int:
        """Cancel what still runs and wait up to `within` seconds; returns how many did not end."""
        tasks = [t for t in self._tasks if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if not tasks:
            return 0
        _, pending = await asyncio.wait(tasks, timeout=within)
        return len(pending)
