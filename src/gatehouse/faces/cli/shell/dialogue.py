# SPDX-License-Identifier: Apache-2.0
"""What a dialogue may ask, and how an answer is read.

A dialogue is a generator: it yields prompts and is sent what came of each. It touches no terminal,
no file and no gateway, so a test plays it with a list of answers. The shapes on the screen are
those of the modelled appliance: a default in brackets, numbered choices, operations in capitals,
and an empty line that leaves a menu.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import msgspec

from gatehouse.config.places import Level
from gatehouse.faces.actions.action import Action

T = TypeVar("T")
Out = TypeVar("Out", bound=msgspec.Struct)

# Why an answer is not taken; None: it is.
Check = Callable[[str], str | None]

NOTHING = "none"  # typed where a value may be taken away
NO_TEXT = "This is no text in UTF-8."
_YES = ("y", "yes")
_NO = ("n", "no")
_LISTED = 200  # choices that are printed; ours: some screens, and nobody reads thousands of lines
_WHOLE = 18  # digits that are read as a number; more are no number that anything here takes


@dataclass(frozen=True, slots=True)
class Good:
    """An answer, as the dialogue gets it."""

    value: object


@dataclass(frozen=True, slots=True)
class Bad:
    """Why an answer is not taken."""

    why: str


def anything(_: str) -> str | None:
    """Every answer is taken."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Something to print; it is clean already."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A line of text; an empty one means the default."""

    text: str
    default: str = ""
    check: Check = anything
    words: tuple[str, ...] = ()  # to complete
    help: str = ""
    rest: bool = False  # takes all words that are left of those behind the command


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """One of numbered choices, by number or by its words; counted from 0 for the dialogue."""

    text: str
    choices: tuple[str, ...]
    default: int | None = 0
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Yes or no."""

    text: str
    default: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """An operation by its word; an empty line leaves (None for the dialogue)."""

    operations: tuple[tuple[str, str], ...]  # word and what it does


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A password: not shown, not kept, empty for none. A new one is typed twice."""

    text: str
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """Have an action done; its output comes back, or OperatorError is raised in the dialogue."""

    action: Action
    given: msgspec.Struct


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Print an action's output as the commands do."""

    output: msgspec.Struct


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """The content of a file of the person's; OperatorError if it cannot be read."""

    path: str
    most: int  # octets; of a longer file little more is read, for the action to refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """A new file for its owner alone; OperatorError if it is there or cannot be written."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait a moment, for a person who watches something; Ctrl-C ends the dialogue.

    False for the dialogue: nobody sits there, and nothing was waited for.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The level that the edits of this session go to; it comes back."""

    to: Level | None = None  # from now on this one


Question = Ask | Choose | Confirm | Menu | Secret
Prompt = Question | Say | Do | Show | ReadFile | WriteFile | Pause | Mode
Talk = Generator[Prompt, object, T]


# --- what dialogues are written with --------------------------------------------------------------


def say(*lines: str) -> Talk[None]:
    """Print lines."""
    yield Say(text="\n".join(lines))


def ask(
    text: str,
    default: str = "",
    *,
    check: Check = anything,
    words: Sequence[str] = (),
    help: str = "",
    rest: bool = False,
) -> Talk[str]:
    """A line of text."""
    question = Ask(
        text=text, default=default, check=check, words=tuple(words), help=help, rest=rest
    )
    return cast(str, (yield question))


def ask_number(text: str, default: int, least: int, most: int, help: str = "") -> Talk[int]:
    """A whole number within bounds."""
    answer = yield from ask(
        text, str(default), check=whole_number(least, most), help=help or f"{least} to {most}."
    )
    return int(answer)


def choose(text: str, choices: Sequence[str], default: int | None = 0, help: str = "") -> Talk[int]:
    """The place of the choice, from 0."""
    return cast(int, (yield Choose(text=text, choices=tuple(choices), default=default, help=help)))


def confirm(text: str, default: bool = False, help: str = "") -> Talk[bool]:
    """Yes or no."""
    return cast(bool, (yield Confirm(text=text, default=default, help=help)))


def menu(*operations: tuple[str, str]) -> Talk[str | None]:
    """An operation; None: leave."""
    return cast("str | None", (yield Menu(operations=operations)))


def secret(text: str, new: bool = False) -> Talk[str]:
    """A password."""
    return cast(str, (yield Secret(text=text, new=new)))


def do(action: Action, given: msgspec.Struct, output: type[Out]) -> Talk[Out]:
    """What came of an action; `output` is the type that it declares."""
    done = yield Do(action=action, given=given)
    assert isinstance(done, output)
    return done


def show(action: Action, given: msgspec.Struct) -> Talk[None]:
    """Have an action done and print what came of it."""
    done = yield Do(action=action, given=given)
    assert isinstance(done, msgspec.Struct)
    yield Show(output=done)


def read_file(path: str, most: int) -> Talk[bytes]:
    """The content of a file."""
    return cast(bytes, (yield ReadFile(path=path, most=most)))


def write_file(path: str, content: bytes) -> Talk[None]:
    """A new file."""
    yield WriteFile(path=path, content=content)


def pause(seconds: float) -> Talk[bool]:
    """Whether somebody sits there; then the time has passed."""
    return cast(bool, (yield Pause(seconds=seconds)))


def mode(to: Level | None = None) -> Talk[Level]:
    """The level that edits go to, after it was changed."""
    return cast(Level, (yield Mode(to=to)))


def whole_number(least: int, most: int) -> Check:
    """A check: a whole number within bounds."""

    def check(answer: str) -> str | None:
        digits = answer.removeprefix("-")
        if digits.isascii() and digits.isdecimal() and len(digits) <= _WHOLE:
            if least <= int(answer) <= most:
                return None
        return f"A whole number from {least} to {most} is needed."

    return check


def something(answer: str) -> str | None:
    """A check: not empty."""
    return None if answer else "An answer is needed."


def words_of(answer: str) -> tuple[str, ...]:
    """A list as people type it: with commas, blanks or both."""
    return tuple(answer.replace(",", " ").split())


# --- how it looks, and what an answer means -------------------------------------------------------


def shown(question: Question) -> tuple[str, str]:
    """What stands above the line, and what stands at its beginning."""
    match question:
        case Ask(text=text, default=default):
            return text, f"[{default}]> "
        case Choose(text=text, choices=choices, default=default):
            lines = [f"{number}. {one}" for number, one in enumerate(choices[:_LISTED], 1)]
            if (more := len(choices) - _LISTED) > 0:
                lines.append(f"… and {more} more: type the number or the name.")
            return "\n".join([text, *lines]), f"[{'' if default is None else default + 1}]> "
        case Confirm(text=text, default=default):
            return "", f"{text} [{'Y' if default else 'N'}]> "
        case Menu(operations=operations):
            lines = [f"- {word} - {what}" for word, what in operations]
            return "\n".join(["", "Choose an operation:", *lines]), "[]> "
        case Secret(text=text):
            return "", f"{text}> "


def words(question: Question) -> tuple[str, ...]:
    """What can be completed."""
    match question:
        case Ask(words=known):
            return known
        case Choose(choices=choices):
            return choices
        case Confirm():
            return ("yes", "no")
        case Menu(operations=operations):
            return tuple(word for word, _ in operations)
        case Secret():
            return ()


def helped(question: Question) -> str:
    """What is said to `?`."""
    match question:
        case Ask(help=text, default=default, check=check):
            empty = f"An empty line means {default!r}." if default else "The line may be empty."
            if not default and check("") is not None:
                empty = "An answer is needed."
            return f"{text} {empty}".strip()
        case Choose(help=text):
            return f"{text} Type a number, or an empty line for the one in brackets.".strip()
        case Confirm(help=text):
            return f"{text} Type Y or N.".strip()
        case Menu():
            return "Type one of the words above; an empty line leaves this menu."
        case Secret():
            return "What you type is not shown."


def is_text(line: str) -> bool:
    """Octets that are no UTF-8 come as lone surrogates, which nothing behind us can store."""
    return line.isascii() or not any("\ud800" <= char <= "\udfff" for char in line)


def answered(question: Question, line: str) -> Good | Bad:
    """What a line means as an answer."""
    if not is_text(line):
        return Bad(NO_TEXT)
    answer = line.strip()
    match question:
        case Ask(default=default, check=check):
            value = answer or default
            why = check(value)
            return Good(value) if why is None else Bad(why)
        case Choose(choices=choices, default=default):
            return _chosen(answer, choices, default)
        case Confirm(default=default):
            if not answer:
                return Good(default)
            if answer.lower() in (*_YES, *_NO):
                return Good(answer.lower() in _YES)
            return Bad("Answer Y or N.")
        case Menu(operations=operations):
            return _operation(answer, [word for word, _ in operations])
        case Secret():
            return Good(line)


def _chosen(answer: str, choices: Sequence[str], default: int | None) -> Good | Bad:
    if not answer and default is not None:
        return Good(default)
    if whole_number(1, len(choices))(answer) is None:
        return Good(int(answer) - 1)
    # As it stands there, in any case, or by the name that stands before what is told about it.
    for wanted, words in (
        (answer, choices),
        (answer.lower(), [one.lower() for one in choices]),
        (answer.lower(), [one.lower().partition(" (")[0] for one in choices]),
    ):
        found = [place for place, one in enumerate(words) if one == wanted]
        if wanted and len(found) == 1:
            return Good(found[0])
    return Bad(f"Answer with a number from 1 to {len(choices)}.")


def _operation(answer: str, known: Sequence[str]) -> Good | Bad:
    if not answer:
        return Good(None)
    wanted = answer.upper()
    if wanted in known:
        return Good(wanted)
    near = [word for word in known if word.startswith(wanted)]
    if len(near) == 1:
        return Good(near[0])
    return Bad(f"Answer with one of {', '.join(known)}, or an empty line.")
