# SPDX-License-Identifier: Apache-2.0
"""Where answers come from: a person at a terminal, or lines on standard input.

A replayed session prints what a screen would have shown, with each answer behind its question, so
that recording and replay can be compared line by line. A password is never among it.
"""

import sys
import time
from typing import IO

import click
import msgspec
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import DummyHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle

from gatehouse.faces.cli.shell.player import Kind
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen, screen
from gatehouse.journal.escape import clean

LONGEST_LINE = 65_536  # characters of an answer; ours: a list of some thousand members


class _Printed:
    """What all have in common: text goes to standard output, unless it goes elsewhere."""

    def say(self, text: str) -> None:
        """Print text and a line end."""
        self._write(f"{text}\n")

    def show(self, output: msgspec.Struct) -> None:
        """Print an action's output."""
        self.say(render(output, self._screen()))

    def _write(self, text: str) -> None:
        click.echo(text, nl=False)

    def _screen(self) -> Screen:
        return screen()

    def pause(self, seconds: float) -> None:
        """Let time pass; KeyboardInterrupt for Ctrl-C."""
        time.sleep(seconds)


class Piped(_Printed):
    """Lines that were recorded."""

    person = False

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stdin if stream is None else stream

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        """The next line."""
        self._write(beginning)
        line = self._line()
        if not line:
            self._write("\n")
            return None
        answer = line.rstrip("\r\n")
        self.say("" if kind is Kind.SECRET else clean(answer))
        return answer

    def _line(self) -> str:
        return self._stream.readline(LONGEST_LINE)


class Person(_Printed):
    """Somebody at a terminal: completion with the tab key, history with the arrows."""

    person = True

    def __init__(self, source: Input | None = None, to: Output | None = None) -> None:
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
        completer = WordCompleter(list(words), ignore_case=True, sentence=True)
        try:
            line = self._lines[kind].prompt(
                beginning, completer=completer, is_password=kind is Kind.SECRET
            )
        except EOFError:
            return None
        return line[:LONGEST_LINE]
