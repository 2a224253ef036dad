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
from typing import IO

import click
import msgspec
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
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


class Person(_Printed):
    """Somebody at a terminal: completion with the tab key, history with the arrows."""

    person = True

    def __init__(self, source: Input | None = None, to: Output | None = None) -> None:
        self._pasted: deque[str] = deque()
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

    def _typed(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str:
        if kind is Kind.SECRET and self._here and is_dumb_terminal():
            return getpass.getpass(beginning)  # the line editor shows everything on such a one
        completer = WordCompleter(list(words), ignore_case=True, sentence=True)
        return self._lines[kind].prompt(
            beginning, completer=completer, is_password=kind is Kind.SECRET
        )
