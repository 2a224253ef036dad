# SPDX-License-Identifier: Apache-2.0
"""Reads the dialogues beside this file. What plays them - an engine or a socket - is elsewhere.

The form is described in README.md. A script that does not keep it raises ScriptError with the line.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


class ScriptError(ValueError):
    """The script itself is wrong."""


@dataclass(frozen=True, slots=True)
class Send:
    """C: octets of the client, CRLF included unless the script used C|."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Expect:
    """S: one complete reply; `code` may hold dots for any digit, `text` stands somewhere in it."""

    code: str
    text: str
    line: int

    def matches(self, reply: list[str]) -> bool:
        """Whether all lines of the reply have the code, and one of them the text."""
        code = re.compile(self.code)
        if not all(code.fullmatch(line[:3]) for line in reply):
            return False
        return any(self.text in line[4:] for line in reply)


@dataclass(frozen=True, slots=True)
class Without:
    """S! the last reply does not hold this text."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Silence:
    """S: silence - the server has nothing to say yet."""

    line: int


@dataclass(frozen=True, slots=True)
class Closed:
    """S: close - nothing more comes and the server closes."""

    line: int


@dataclass(frozen=True, slots=True)
class StartTls:
    """TLS: the handshake takes place."""


Step = Send | Expect | Without | Silence | Closed | StartTls


@dataclass(frozen=True, slots=True)
class Script:
    """One dialogue. `only_engine`: it depends on timing that a socket cannot promise."""

    name: str
    why: str
    settings: dict[str, str]
    refused: frozenset[str]
    messages: int
    only_engine: bool
    steps: tuple[Step, ...]


def load_all() -> list[Script]:
    """Every dialogue of this folder, by name."""
    return [parse(path.name, path.read_text("utf-8")) for path in sorted(HERE.glob("*.smtp"))]


def parse(name: str, text: str) -> Script:
    """Read one dialogue."""
    settings: dict[str, str] = {}
    refused: set[str] = set()
    steps: list[Step] = []
    why: list[str] = []
    messages = 0
    only_engine = False
    for number, line in enumerate(text.split("\n"), 1):
        mark, _, rest = line.partition(" ")
        match mark:
            case "":
                continue
            case "#":
                why.append(rest)
            case "SET:":
                settings.update(_setting(word, number) for word in rest.split())
            case "REFUSE:":
                refused.add(rest)
            case "MESSAGES:":
                messages = int(rest)
            case "ONLY:":
                only_engine = rest == "engine"
            case "TLS:":
                steps.append(StartTls())
            case "C:":
                steps.append(Send(octets(rest) + b"\r\n"))
            case "C|":
                steps.append(Send(octets(rest)))
            case "S:" | "S!":
                steps.append(_expectation(mark, rest, number))
            case _:
                raise ScriptError(f"{name}:{number}: no such mark: {mark}")
    if not why:
        raise ScriptError(f"{name}: a dialogue says why it is there, in a line with #")
    return Script(name, why[0], settings, frozenset(refused), messages, only_engine, tuple(steps))


def octets(text: str) -> bytes:
    r"""The octets of a script's text: UTF-8, and \r \n \t \\ \xNN; \*N repeats the last one."""
    text = re.sub(r"(\\x..|[^\\])\\\*(\d+)", lambda m: m[1] * int(m[2]), text)
    return bytes(codecs.escape_decode(text.encode("utf-8"))[0])


def split_replies(wire: bytes) -> tuple[list[list[str]], bytes]:
    """Complete replies, each a list of lines without CRLF, and what is left over."""
    replies: list[list[str]] = []
    lines: list[str] = []
    done = 0
    position = 0
    while (end := wire.find(b"\r\n", position)) >= 0:
        lines.append(wire[position:end].decode("ascii"))
        position = end + 2
        if lines[-1][3:4] != "-":
            replies.append(lines)
            lines = []
            done = position
    return replies, wire[done:]


def _setting(word: str, number: int) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ScriptError(f"line {number}: SET: wants name=value, not {word}")
    return name, value


def _expectation(mark: str, rest: str, number: int) -> Step:
    if mark == "S!":
        return Without(rest, number)
    if rest == "close":
        return Closed(number)
    if rest == "silence":
        return Silence(number)
    code, text = rest[:3], rest[4:]
    if not re.fullmatch(r"[2-5][0-9.]{2}", code):
        raise ScriptError(f"line {number}: no reply code: {rest}")
    return Expect(code, text.removesuffix("..."), number)
