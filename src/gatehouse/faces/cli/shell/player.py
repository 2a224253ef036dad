# SPDX-License-Identifier: Apache-2.0
"""Plays a dialogue: asks, reads, repeats what was not understood, and carries out what it wants.

A recorded session that answers wrongly must end, and not wait for ever: where nobody sits, the
same question is put a few times and the session is given up.
"""

import enum
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from gatehouse.config import places
from gatehouse.faces.actions import (
    configuration,
    configuration_commit,
    destinations,
    logs,
    status,
)
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import LOGIN_OVER, OperatorError
from gatehouse.faces.cli import files
from gatehouse.faces.cli.shell import dialogue
from gatehouse.faces.cli.shell.dialogue import Bad, Question, Talk
from gatehouse.journal.escape import clean

T = TypeVar("T")

_WRONG_ANSWERS = 3  # to one question, of a recorded session; ours
_HELP = ("?", "help")
_COMMITS = (configuration.COMMIT, configuration_commit.ROLLBACK)

# They change the candidate, for all machines.
_OF_THE_WHOLE = (destinations.IMPORT,)

Carry = Callable[[Action, msgspec.Struct], msgspec.Struct]


class SessionEnded(Exception):
    """The input is at its end, or a recorded session cannot go on."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why  # empty: nothing went wrong


class Kind(enum.Enum):
    """What a line is for: each has a history of its own, passwords have none."""

    COMMAND = "command"
    ANSWER = "answer"
    SECRET = "secret"


class Source(Protocol):
    """Where answers come from, and where text goes."""

    person: bool

    def read(self, beginning: str, words: tuple[str, ...], kind: Kind) -> str | None:
        """One line without its end; None at the end of the input."""

    def say(self, text: str) -> None:
        """Print text and a line end."""

    def show(self, output: msgspec.Struct) -> None:
        """Print an action's output."""

    def pause(self, seconds: float) -> None:
        """Let time pass; KeyboardInterrupt for Ctrl-C."""

    def forget(self) -> None:
        """What was pasted ahead does not fit any more."""

    def complete_with(self, lines: Callable[[str], tuple[str, ...]]) -> None:
        """Who knows what a command line may go on with: from what is typed to whole lines."""


class Place(Protocol):
    """Where the files are that somebody names; both raise OperatorError."""

    def read(self, name: str, most: int) -> bytes:
        """What a file holds, and little more than `most` of it."""

    def write_new(self, name: str, content: bytes) -> None:
        """A file that was not there."""


class Player:
    """Plays dialogues for one session."""

    def __init__(self, source: Source, carry: Carry, place: Place = files) -> None:
        self._source, self._carry, self._place = source, carry, place
        self._ready: deque[str] = deque()
        self.commit_refused = False
        self.unconfirmed: int | None = None  # a revision of this session that may go back
        self.committed = False  # since somebody looked, who sets it back
        self.level = places.CLUSTER  # what the edits of this session are for

    def play(self, talk: Talk[T], answers: Iterable[str] = ()) -> T:
        """What the dialogue returns.

        `answers`: those that were typed behind the command, for its first questions. Raises
        SessionEnded, and OperatorError of an action where the dialogue does not handle it.
        """
        self._ready = deque(answers)
        resume: Callable[[], dialogue.Prompt] = partial(next, talk)
        try:
            while True:
                try:
                    prompt = resume()
                except StopIteration as ended:
                    self._not_used()
                    return ended.value  # type: ignore[no-any-return]
                try:
                    resume = partial(talk.send, self._meet(prompt))
                except OperatorError as error:
                    resume = partial(talk.throw, error)
        finally:
            talk.close()

    def preview(self, talk: Talk[None], answers: Iterable[str]) -> Question | None:
        """The first question that these answers leave open; None: it would do something before.

        Nothing is printed, and only what changes nothing is carried out.
        """
        ready = deque(answers)
        resume: Callable[[], dialogue.Prompt] = partial(next, talk)
        try:
            while True:
                prompt = resume()
                match prompt:
                    case dialogue.Say() | dialogue.Show():
                        resume = partial(talk.send, None)
                    case dialogue.Do(action=action, given=given) if _only_looks(action, given):
                        resume = self._looked(talk, action, self._at_level(action, given))
                    case dialogue.Mode(to=None):
                        resume = partial(talk.send, self.level)
                    case dialogue.Ask() | dialogue.Choose() | dialogue.Confirm() | dialogue.Menu():
                        found = dialogue.answered(prompt, ready.popleft()) if ready else None
                        if not isinstance(found, dialogue.Good):
                            return prompt
                        resume = partial(talk.send, found.value)
                    case _:
                        return None
        except (StopIteration, OperatorError):
            return None
        finally:
            talk.close()

    def _looked(
        self, talk: Talk[None], action: Action, given: msgspec.Struct
    ) -> Callable[[], dialogue.Prompt]:
        try:
            return partial(talk.send, self._carry(action, given))
        except OperatorError as error:
            return partial(talk.throw, error)

    def ask_status(self) -> status.Status:
        """How the gateway is; raises OperatorError."""
        now = self._carry(status.STATUS, status.StatusInput(destinations=0))
        assert isinstance(now, status.Status)
        return now

    def _pause(self, seconds: float) -> bool:
        self._source.pause(seconds)
        return True

    def _not_used(self) -> None:
        """Words behind a command that no question wanted are no secret."""
        if self._ready:
            self._source.say(clean(f"Not used: {' '.join(self._ready)[:200]}"))

    def _meet(self, prompt: dialogue.Prompt) -> object:
        match prompt:
            case dialogue.Say(text=text):
                self._source.say(text)
            case dialogue.Show(output=output):
                self._source.show(output)
            case dialogue.Do(action=action, given=given):
                return self._do(action, self._at_level(action, given))
            case dialogue.Mode(to=to):
                self.level = self.level if to is None else to
                return self.level
            case dialogue.ReadFile(path=path, most=most):
                return self._place.read(path, most)
            case dialogue.WriteFile(path=path, content=content):
                self._place.write_new(path, content)
            case dialogue.Pause(seconds=seconds):
                return self._source.person and self._pause(seconds)
            case _:
                return self._ask(prompt)
        return None

    def _at_level(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        """Every action that can be told a level is told the one of this session.

        One that only knows the whole is not done for a part of it without anybody noticing.
        """
        if self.level != places.CLUSTER and action in _OF_THE_WHOLE:
            raise OperatorError(
                "at-cluster-level",
                "This is done at the cluster level only.",
                self.level.words(),
                "Go there with `clustermode cluster`.",
            )
        if action is configuration.SHOW or getattr(given, "level", "") is not None:
            return given
        return msgspec.structs.replace(given, level=str(self.level))

    def _do(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        try:
            done = self._carry(action, given)
        except OperatorError as error:
            self.commit_refused |= action in _COMMITS
            if error.fault.reference == LOGIN_OVER:
                raise SessionEnded(error.fault.message.rstrip(".")) from None
            raise
        except KeyboardInterrupt:
            if action.changes:  # the gateway does not hear that nobody waits any more
                self._source.say("\nNobody waits for it now; it may be done all the same.")
            raise
        if isinstance(done, configuration.CommitView):
            self.committed = True
            self.unconfirmed = None if done.confirm_by is None else done.revision
        elif isinstance(done, configuration_commit.Confirmed):
            self.unconfirmed = None
        return done

    def _ask(self, question: Question) -> object:
        above, beginning = dialogue.shown(question)
        wrong = 0
        while True:
            line = self._line(question, above, beginning)
            if line.strip().lower() in _HELP and not isinstance(question, dialogue.Secret):
                self._source.say(dialogue.helped(question))
                continue
            found = dialogue.answered(question, line)
            if not isinstance(found, Bad):
                return self._sure(question, found.value)
            self._source.say(clean(found.why))
            self._ready.clear()  # what was meant for later questions does not fit any more
            self._source.forget()
            wrong += 1
            if wrong >= _WRONG_ANSWERS and not self._source.person:
                raise SessionEnded(f"{_WRONG_ANSWERS} wrong answers to one question")

    def _line(self, question: Question, above: str, beginning: str) -> str:
        hidden = isinstance(question, dialogue.Secret)
        if self._ready and not hidden:
            if isinstance(question, dialogue.Ask) and question.rest:
                words, self._ready = self._ready, deque()
                return " ".join(words)
            return self._ready.popleft()
        if above:
            self._source.say(clean_lines(above))
        kind = Kind.SECRET if hidden else Kind.ANSWER
        line = self._source.read(clean(beginning), dialogue.words(question), kind)
        if line is None:
            raise SessionEnded
        return line

    def _sure(self, question: Question, value: object) -> object:
        """A new password that a person types is typed twice."""
        if isinstance(question, dialogue.Secret) and question.new and self._source.person:
            again = self._source.read("Once more> ", (), Kind.SECRET)
            if again is None:
                raise SessionEnded
            if again != value:
                self._source.say("The two are not the same.")
                return self._ask(question)
        return value


def _only_looks(action: Action, given: msgspec.Struct) -> bool:
    """It changes nothing, nobody outside hears of it, and it does not go through whole logs."""
    return not action.changes and not getattr(given, "live", False) and action is not logs.TAIL


def clean_lines(text: str) -> str:
    """Text of many lines made harmless."""
    return "\n".join(map(clean, text.split("\n")))
