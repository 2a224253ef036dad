# SPDX-License-Identifier: Apache-2.0
"""The shell for somebody who is elsewhere: over a line that a process of ours holds.

It is the same session, player and dialogues; only where answers come from and where text goes
differs. With a terminal there is completion and history as at this machine; without one, lines are
a recorded session. All of it blocks, in a thread of the session's own.
"""

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO, cast

from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import is_dumb_terminal

from gatehouse.faces.actions import status
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.files import Folder
from gatehouse.faces.cli.shell.player import Carry, Kind, SessionEnded
from gatehouse.faces.cli.shell.session import Session
from gatehouse.faces.cli.shell.sources import LONGEST_LINE, Person, Piped
from gatehouse.faces.cli.terminal import FEWEST_COLUMNS, Screen
from gatehouse.journal.escape import clean

MOST_TYPED = 4 * LONGEST_LINE
"""Characters that somebody types, or pastes, for one answer (ours): the line editor would keep them
all, and needs half a millisecond for each."""


class Line(Protocol):
    """The other end; everything waits where it has to, and nothing fails when it is gone."""

    @property
    def ended(self) -> bool:
        """Nothing more comes."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the window there."""

    def take(self) -> str:
        """Whatever was typed."""

    def read_line(self, most: int) -> str | None:
        """Wait for a line, with its end."""

    def pause(self, seconds: float) -> bool:
        """Let time pass; True: Ctrl-C was typed, or nothing more comes."""

    def write(self, text: str) -> None:
        """Send text."""

    def attach(self, ready: Callable[[], None]) -> Callable[[], None]:
        """Call `ready`, from any thread, when there is something to take; the result undoes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is there, and what he wants."""

    line: Line
    name: str
    role: str
    address: str
    terminal: str | None  # its type; None: no terminal, but a recorded session
    command: str | None  # one command line; None: the shell
    files: Path  # the folder for the files that he names


def serve(caller: Caller, carry: Carry) -> int:
    """A session from its beginning to its end; the exit status."""
    if caller.terminal is None:
        return _play(FarPiped(caller.line), caller, carry)
    source, to = _FarInput(caller.line), _output(caller.line, caller.terminal)
    # Without a session of its own the line editor would mix up the people who are there.
    with create_app_session(input=source, output=to):
        return _play(FarPerson(caller.line, source, to), caller, carry)


def _play(source: "FarPerson | FarPiped", caller: Caller, carry: Carry) -> int:
    try:
        now = carry(status.STATUS, status.StatusInput(destinations=0))
    except OperatorError as error:
        source.say(clean(error.fault.sentence()))
        return 1
    assert isinstance(now, status.Status)
    session = Session(
        source,
        carry,
        who=f"{caller.name} ({caller.role}), from {caller.address}",
        host=now.hostname or "gatehouse",
        place=Folder(caller.files),
    )
    if caller.command is not None:
        return session.run_one(caller.command)
    if source.person:
        source.say("Gatehouse. `help` lists the commands; nothing changes before `commit`.")
    left = session.run()
    if source.person:
        session.farewell()
    return left


class FarPiped(Piped):
    """Lines that come from elsewhere."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._far = line

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self._far.pause(seconds)

    def _write(self, text: str) -> None:
        self._far.write(text)

    def _line(self) -> str:
        line = self._far.read_line(LONGEST_LINE) or ""
        # It is cut by octets; the rest of it must not become the answer to the next question.
        if line and not line.endswith("\n") and not self._far.ended:
            raise SessionEnded(f"a line has more than {LONGEST_LINE} octets")
        return line

    def _screen(self) -> Screen:
        return Screen()


class FarPerson(Person):
    """Somebody at a terminal that is elsewhere."""

    def __init__(self, line: Line, source: "_FarInput", to: Vt100_Output) -> None:
        super().__init__(source, to)
        self._far, self._keys = line, source
        self._colour = not is_dumb_terminal(to.term or "")

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        """One line; KeyboardInterrupt for Ctrl-C."""
        try:
            return super().read(beginning, words, kind)
        except KeyboardInterrupt:
            if self._keys.too_many:
                raise SessionEnded(f"more than {MOST_TYPED} characters for one answer") from None
            raise

    def pause(self, seconds: float) -> None:
        """Let time pass; KeyboardInterrupt for Ctrl-C."""
        if self._far.pause(seconds):
            if self._far.ended:
                raise SessionEnded
            raise KeyboardInterrupt

    def _write(self, text: str) -> None:
        self._far.write(text.replace("\n", "\r\n"))  # the terminal there is in raw mode

    def _screen(self) -> Screen:
        return Screen(max(FEWEST_COLUMNS, self._far.size[1]), colour=self._colour)


class _FarInput(Input):
    """What the line editor reads: keys out of what was typed."""

    def __init__(self, line: Line) -> None:
        self._far = line
        self._keys: list[KeyPress] = []
        self._parser = Vt100Parser(self._keys.append)
        self._typed = 0  # characters for the answer that is being typed
        self.too_many = False

    def fileno(self) -> int:
        """There is no file: the line tells when there is something."""
        raise io.UnsupportedOperation("a line has no descriptor")

    def typeahead_hash(self) -> str:
        """Keys that were typed ahead stay with their session."""
        return f"far-{id(self)}"

    def read_keys(self) -> list[KeyPress]:
        """Whatever has come."""
        text = self._far.take()
        self._typed += len(text)
        if self._typed > MOST_TYPED:
            self.too_many = True
            return [KeyPress(Keys.ControlC)]
        self._parser.feed(text)
        return self._taken()

    def flush_keys(self) -> list[KeyPress]:
        """An Escape that nothing follows is an Escape."""
        self._parser.flush()
        return self._taken()

    @property
    def closed(self) -> bool:
        """Nothing more comes."""
        return self._far.ended

    def raw_mode(self) -> AbstractContextManager[None]:
        """The terminal there is in raw mode all the time."""
        return nullcontext()

    def cooked_mode(self) -> AbstractContextManager[None]:
        """It is never in cooked mode."""
        return nullcontext()

    @contextmanager
    def attach(self, input_ready_callback: Callable[[], None]) -> Iterator[None]:
        """The editor that runs now hears when something was typed."""
        loop = asyncio.get_running_loop()
        self._typed = 0

        def ready() -> None:
            loop.call_soon_threadsafe(input_ready_callback)

        detach = self._far.attach(ready)
        try:
            yield
        finally:
            detach()

    @contextmanager
    def detach(self) -> Iterator[None]:
        """For a moment nobody hears it."""
        undo = self._far.attach(lambda: None)
        try:
            yield
        finally:
            undo()

    def _taken(self) -> list[KeyPress]:
        taken, self._keys[:] = list(self._keys), []
        return taken


class _Writer:
    """What the line editor prints to."""

    encoding = "utf-8"

    def __init__(self, line: Line) -> None:
        self._far = line

    def write(self, text: str) -> int:
        """Send it."""
        self._far.write(text)
        return len(text)

    def flush(self) -> None:
        """It is on its way already."""

    def isatty(self) -> bool:
        """There is a terminal at the other end."""
        return True


def _output(line: Line, terminal: str) -> Vt100_Output:
    def size() -> Size:
        rows, columns = line.size
        return Size(rows=rows, columns=columns)

    # Asking a terminal for the place of its cursor waits for an answer that may never come.
    return Vt100_Output(cast(TextIO, _Writer(line)), size, term=terminal, enable_cpr=False)
