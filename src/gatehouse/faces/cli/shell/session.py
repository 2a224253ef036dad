# SPDX-License-Identifier: Apache-2.0
"""A session of the shell: a command, its dialogue, the next command.

What a dialogue has not finished when it is left (Ctrl-C, end of the input, an error) is not kept.
Words behind a command answer its first questions: `hoststatus partner.example`.
"""

import difflib
import shlex
from collections.abc import Mapping, Sequence

from gatehouse.config.places import CLUSTER
from gatehouse.faces.actions import configuration, who
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import Fault, OperatorError
from gatehouse.faces.cli import files
from gatehouse.faces.cli.shell.commands import ALIASES, COMMANDS, Command
from gatehouse.faces.cli.shell.dialogue import (
    NO_TEXT,
    Show,
    Talk,
    do,
    helped,
    is_text,
    say,
    shown,
)
from gatehouse.faces.cli.shell.dialogue import words as answers
from gatehouse.faces.cli.shell.player import (
    Carry,
    Kind,
    Place,
    Player,
    SessionEnded,
    Source,
    clean_lines,
)
from gatehouse.faces.cli.shell.wording import here
from gatehouse.faces.cli.terminal import moment
from gatehouse.journal.escape import clean

_LEAVE = ("quit", "exit")
_HELP = ("help", "?")
_WHO = "who"
_OWN = (*_HELP, *_LEAVE, _WHO)
_NAME_WIDTH = 18  # of the list of commands: the longest name and a gap


def _who_else() -> Talk[None]:
    try:
        found = yield from do(who.WHO, Nothing(), who.WhoList)
    except OperatorError:
        return  # no gateway runs, or it is none of his business
    if found.sessions:
        yield Show(output=found)


def _what_is_not_committed() -> Talk[None]:
    found = yield from do(configuration.DIFF, configuration.DiffInput(), configuration.Difference)
    if found.candidate and (found.changes or found.secrets):
        count = len(found.changes) + len(found.secrets)
        yield from say(
            f"Not committed: {count} change{'s' * (count > 1)}. They stay; see `commit`."
        )


class Session:
    """One person, or one recorded session."""

    def __init__(
        self,
        source: Source,
        carry: Carry,
        *,
        who: str,
        host: str,
        place: Place = files,
        commands: Mapping[str, Command] = COMMANDS,
    ) -> None:
        self._source, self._who, self._host = source, who, host
        self._player = Player(source, carry, place)
        self._commands = commands
        self._names = (*commands, *ALIASES, *_OWN)
        self._refused = False
        source.complete_with(self._lines_from)

    def run(self) -> int:
        """Until it is left; the exit status: 1 if a commit was refused, or the input broke off."""
        while True:
            try:
                self._remind()
                line = self._source.read(self._beginning(), self._names, Kind.COMMAND)
                if line is None or not self._command(line):
                    break
            except KeyboardInterrupt:
                self._source.forget()
                self._source.say("")
            except SessionEnded as ended:
                if ended.why:
                    self._source.say(clean(f"The session ends here: {ended.why}."))
                    return 1
                self._source.say("The input ended within a dialogue; what it began is not kept.")
                break
        return int(self._player.commit_refused)

    def run_one(self, line: str) -> int:
        """One command line, and its dialogue; the exit status: 1 if it was refused or broke off."""
        try:
            self._command(line)
        except KeyboardInterrupt:
            return 1
        except SessionEnded as ended:
            why = ended.why or "the input ended within a dialogue; what it began is not kept"
            self._source.say(clean(f"The session ends here: {why}."))
            return 1
        return int(self._player.commit_refused or self._refused)

    def farewell(self) -> None:
        """Whoever leaves hears what he has not committed; silent about whatever goes wrong."""
        try:
            self._player.play(_what_is_not_committed())
        except (OperatorError, SessionEnded, KeyboardInterrupt):
            return

    def _beginning(self) -> str:
        """Which machine this is; and whom edits are for, where that is not everybody."""
        level = self._player.level
        part = "" if level == CLUSTER else f" ({level.kind.value.capitalize()} {level.name})"
        return f"{clean(self._host)}{part}> "

    def _remind(self) -> None:
        """A commit of this session may have renamed the machine, or may go back by itself."""
        waiting = self._player.unconfirmed
        if waiting is None and not self._player.committed:
            return
        try:
            now = self._player.ask_status()
        except OperatorError:
            return  # whatever is wrong there is said to the next command
        self._player.committed = False
        self._host = now.hostname or self._host
        if waiting is None:
            return
        if now.unconfirmed is not None:
            until = moment(now.unconfirmed.confirm_by)
            revision = now.unconfirmed.revision
            self._source.say(f"Revision {revision} goes back at {until}: `commitconfirm`.")
            return
        self._source.say(
            f"Revision {waiting} was confirmed elsewhere, or went back: `commitdetail`."
        )
        self._player.unconfirmed = None

    def _command(self, line: str) -> bool:
        """Carry out a line; False: the session is over."""
        try:
            words = shlex.split(line, comments=True)
            why = "" if is_text(line) else NO_TEXT
        except ValueError:
            words, why = [], "A quote is not closed."
        if why:
            self._source.say(why)
            self._refused = True
            return True
        if not words:
            return True
        first = words[0].lower()
        if first in _LEAVE:
            return False
        if first in _HELP:
            self._source.say(self._help_on(words[1:]) if words[1:] else self._help())
        elif first == _WHO:
            self._source.say(clean(f"{self._who}, at this shell"))
            self._player.play(_who_else())
        else:
            self._play(first, words)
        return True

    def _named(self, words: Sequence[str]) -> tuple[str, int]:
        """The command that a line begins with, and how many words its name has."""
        first, pair = words[0].lower(), " ".join(words[:2]).lower()
        return (pair, 2) if pair in self._commands else (ALIASES.get(first, first), 1)

    def _lines_from(self, typed: str) -> tuple[str, ...]:
        """What a command line may go on with behind its last blank, as whole lines."""
        begun = typed.rpartition(" ")[0]
        try:
            words = shlex.split(begun)
        except ValueError:
            return ()
        name, size = self._named(words) if words else ("", 0)
        command = self._commands.get(name)
        question = command and self._player.preview(command.talk(), words[size:])
        if not question:
            return ()
        return tuple(f"{begun} {one}" for one in answers(question) if shlex.quote(one) == one)

    def _play(self, first: str, words: list[str]) -> None:
        name, size = self._named(words)
        command = self._commands.get(name)
        if command is None:
            self._source.say(self._unknown(first))
            self._refused = True
            return
        try:
            self._player.play(command.talk(), words[size:])
        except OperatorError as error:
            self._tell(error.fault)

    def _tell(self, fault: Fault) -> None:
        self._refused = True
        for one in fault.findings:
            self._source.say(clean(one.text))
        self._source.say(clean(here(fault.sentence())))

    def _help_on(self, words: list[str]) -> str:
        """What a command is for, and what it asks next behind these words."""
        name, size = self._named(words)
        command = self._commands.get(name)
        if command is None:
            return self._help() if name in _OWN else self._unknown(name)
        question = self._player.preview(command.talk(), words[size:])
        if question is None:
            return f"{name}: {command.summary}"
        above, beginning = shown(question)
        asked = above.removeprefix("\n") or beginning.rstrip("> ")
        return clean_lines("\n".join([f"{name}: {command.summary}", "", asked, helped(question)]))

    def _help(self) -> str:
        rows = [f"{name:<{_NAME_WIDTH}}{one.summary}" for name, one in self._commands.items()]
        return "\n".join(
            [
                *rows,
                f"{_WHO:<{_NAME_WIDTH}}Show who you are here, and who is logged in.",
                f"{'help':<{_NAME_WIDTH}}Show this, or more: help listenerconfig edit 1.",
                f"{'':<{_NAME_WIDTH}}At a question `?` says what is allowed.",
                f"{'quit':<{_NAME_WIDTH}}Leave; what is not committed stays for the next time.",
            ]
        )

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._names, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`help` lists all commands."
        return clean(f"There is no command {name[:80]!r}. {hint}")
