# SPDX-License-Identifier: Apache-2.0
"""Answers by question: a way through the menus, and what is said to the questions on it.

A question is known by its beginning, the longest that fits. Every other question gets an empty
line, so that its default holds. Dialogues may gain questions and change their order: what is shown
is that this way and these answers lead there.
"""

from collections.abc import Callable, Mapping

import msgspec

from gatehouse.faces.cli.shell.player import Kind
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen

_MENU = "Choose an operation:"


class Interview:
    """A source of answers for one command. `way`: `listenerconfig > edit > limits`."""

    person = False

    def __init__(self, way: str, answers: Mapping[str, str]) -> None:
        self._command, *self._words = way.split(" > ")
        self._answers = dict(answers)
        self._above = ""
        self._begun = False
        self.went: list[str] = []  # operations that were chosen, with the command in front
        self.transcript: list[str] = []

    @property
    def left(self) -> list[str]:
        """Words of the way and questions that nobody asked for."""
        return [*self._words, *self._answers]

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        answer = self._answer(beginning, words, kind)
        self.transcript.append(f"{beginning}{answer}")
        self._above = ""  # a yes-or-no question prints nothing above itself
        return answer

    def say(self, text: str) -> None:
        self._above = text
        self.transcript += text.split("\n")

    def show(self, output: msgspec.Struct) -> None:
        self.say(render(output, Screen()))

    def forget(self) -> None:
        pass

    def complete_with(self, lines: Callable[[str], tuple[str, ...]]) -> None:
        self.lines_from = lines

    def pause(self, seconds: float) -> None:
        raise AssertionError("nobody sits here and watches")

    def _answer(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        if kind is Kind.COMMAND:
            if self._begun:
                return "quit"
            self._begun = True
            self.went.append(self._command)
            return self._command
        if _MENU in self._above:
            return self._operation(words)
        question = self._above.split("\n")[0] if beginning.startswith("[") else beginning
        known = [one for one in self._answers if question.startswith(one)]
        return self._answers.pop(max(known, key=len)) if known else ""

    def _operation(self, words: tuple[str, ...]) -> str:
        if not self._words or self._words[0].upper() not in words:
            return ""
        self.went.append(self._words[0])
        return self._words.pop(0)
