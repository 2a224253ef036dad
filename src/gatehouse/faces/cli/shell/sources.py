# SPDX-License-Identifier: Apache-2.0
"""Where answers come from: a person at a terminal, or lines on standard input.

A replayed session prints what a screen would have shown, with each answer behind its question, so
that recording and replay can be compared line by line. A password is never among it.

What a person pastes are as many answers as it has lines. A terminal hands it over in one piece, and
as one answer its empty lines, which take defaults, would be lost.
"""

import getpass
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import click
import msgspec
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import DummyHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.utils import is_dumb_terminal

from gatehouse.faces.actions import configuration, logs
from gatehouse.faces.cli.shell.player import Kind, SessionEnded
from gatehouse.faces.cli.shell.wording import here
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen, screen
from gatehouse.journal.escape import clean

LONGEST_LINE = 65_536  # characters of an answer; ours: a list of some thousand members
_QUOTED = (configuration.Text, logs.LogLines)  # as they are, whatever stands in them
_TOO_LONG = f"a line has more than {LONGEST_LINE} characters"


class OutputLost(Exception):
    """What is said cannot be written, and why: nobody would see what a session does then."""


class _Printed:
    """What all have in common: text goes to standard output, unless it goes elsewhere."""

    def say(self, text: str) -> None:
        """Print text and a line end."""
        self._write(f"{text}\n")

    def show(self, output: msgspec.Struct) -> None:
        """Print an action's output."""
        text = render(output, self._screen())
        self.say(text if isinstance(output, _QUOTED) else here(text))

    def _write(self, text: str) -> None:
        try:
            click.echo(text, nl=False)
        except BrokenPipeError:
            raise  # who listened went away, and needs to be told nothing
        except OSError as error:
            raise OutputLost(error.strerror) from None

    def _screen(self) -> Screen:
        return screen()

    def pause(self, seconds: float) -> None:
        """Let time pass; KeyboardInterrupt for Ctrl-C."""
        time.sleep(seconds)

    def forget(self) -> None:
        """What was given ahead does not fit any more; a recording goes on with its next line."""

    def complete_with(self, lines: Callable[[str], tuple[str, ...]]) -> None:
        """Nothing is completed where nobody types."""


class Piped(_Printed):
    """Lines that were recorded."""

    person = False

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stdin if stream is None else stream

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        """The next line; SessionEnded for one that cannot be taken as a whole."""
        self._write(beginning)
        line = self._line()
        if not line:
            self._write("\n")
            return None
        if len(line) >= LONGEST_LINE and not line.endswith("\n"):
            raise SessionEnded(_TOO_LONG)
        answer = line.rstrip("\r\n")
        self.say("" if kind is Kind.SECRET else clean(answer))
        return answer

    def _line(self) -> str:
        return self._stream.readline(LONGEST_LINE)


class _Whole(Completer):
    """Completes the whole line, small and capital letters alike."""

    def __init__(
        self, words: Sequence[str], lines: Callable[[str], tuple[str, ...]] | None
    ) -> None:
        self._words, self._lines = words, lines

    def get_completions(self, document: Document, complete_event: object) -> Iterator[Completion]:
        """Every line that begins with what is typed; shown is what comes last in it."""
        typed = document.text_before_cursor
        known = tuple(self._words)
        if self._lines is not None and " " in typed:
            known += self._beyond(typed)
        for one in known:
            if one.lower().startswith(typed.lower()):
                yield Completion(one, start_position=-len(typed), display=one.split(" ")[-1])

    def _beyond(self, typed: str) -> tuple[str, ...]:
        # In a thread: an event loop runs in this one, and what is asked may need one of its own.
        assert self._lines is not None
        with ThreadPoolExecutor(1) as thread:
            asked = thread.submit(self._lines, typed)
        # A key that completes nothing is better than one that breaks the line.
        return () if asked.exception() is not None else asked.result()


class Person(_Printed):
    """Somebody at a terminal: completion with the tab key, history with the arrows."""

    person = True

    def __init__(self, source: Input | None = None, to: Output | None = None) -> None:
        self._pasted: deque[str] = deque()
        self._lines_from: Callable[[str], tuple[str, ...]] = lambda typed: ()
        self._here = to is None  # the terminal is the one of this process
        # A name is no command, and a password is kept nowhere.
        histories: dict[Kind, History] = {
            Kind.COMMAND: InMemoryHistory(),
            Kind.ANSWER: InMemoryHistory(),
            Kind.SECRET: DummyHistory(),
        }
        self._lines: dict[Kind, PromptSession[str]] = {
            kind: PromptSession(
                history=history,
                input=source,
                output=to,
                complete_while_typing=False,  # with the tab key, as people know it from shells
                complete_style=CompleteStyle.READLINE_LIKE,
            )
            for kind, history in histories.items()
        }

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        """One line; KeyboardInterrupt for Ctrl-C."""
        if self._pasted:
            line = self._pasted.popleft()
            self.say(beginning if kind is Kind.SECRET else f"{beginning}{clean(line)}")
        else:
            try:
                line, *rest = self._typed(beginning, words, kind).split("\n")
            except EOFError:
                return None
            self._pasted.extend(rest if rest[-1:] != [""] else rest[:-1])  # it ended with a line
        if len(line) > LONGEST_LINE:
            self.say(f"Not taken: {_TOO_LONG}.")
            raise KeyboardInterrupt
        return line

    def forget(self) -> None:
        """Whatever was pasted behind a line that does not fit is not answered with."""
        self._pasted.clear()

    def complete_with(self, lines: Callable[[str], tuple[str, ...]]) -> None:
        """Commands are completed beyond their first word by what the session knows."""
        self._lines_from = lines

    def _typed(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str:
        if kind is Kind.SECRET and self._here and is_dumb_terminal():
            return getpass.getpass(beginning)  # the line editor shows everything on such a one
        completer = _Whole(words, self._lines_from if kind is Kind.COMMAND else None)
        return self._lines[kind].prompt(
            beginning, completer=completer, is_password=kind is Kind.SECRET
        )
