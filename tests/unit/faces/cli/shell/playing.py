# SPDX-License-Identifier: Apache-2.0
"""A source of answers for tests, which keeps what was printed."""

from collections.abc import Callable, Iterable

import msgspec

from gatehouse.faces.actions import who
from gatehouse.faces.actions.action import Action
from gatehouse.faces.cli.shell.player import Kind
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen


class Script:
    """Answers in order; what is asked and said is one transcript."""

    def __init__(self, answers: Iterable[str], *, person: bool = False) -> None:
        self.person = person
        self._answers = iter(answers)
        self.transcript: list[str] = []
        self.pauses = 0  # that a watching person makes before Ctrl-C
        self.words: list[tuple[str, ...]] = []
        self.kinds: list[Kind] = []

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        self.words.append(words)
        self.kinds.append(kind)
        answer = next(self._answers, None)
        self.transcript.append(f"{beginning}{answer if kind is not Kind.SECRET else '***'}")
        return answer

    def say(self, text: str) -> None:
        self.transcript += text.split("\n")

    def forget(self) -> None:
        pass

    def complete_with(self, lines: Callable[[str], tuple[str, ...]]) -> None:
        self.lines_from = lines

    def pause(self, seconds: float) -> None:
        if self.pauses == 0:
            raise KeyboardInterrupt
        self.pauses -= 1

    def show(self, output: msgspec.Struct) -> None:
        self.say(render(output, Screen()))


def nothing_to_do(action: Action, given: msgspec.Struct) -> msgspec.Struct:
    """For dialogues that must not touch the house."""
    if action is who.WHO:
        return who.WhoList(sessions=())
    raise AssertionError(f"{action.name} {given}")
