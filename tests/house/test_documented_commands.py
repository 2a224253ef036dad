# SPDX-License-Identifier: Apache-2.0
"""What the manuals and the hints tell people to type is understood, and is there.

Command lines of code blocks are given to the real parser as they stand. In running text, and in
the words that the program itself says, words in capitals stand for what the reader fills in.
"""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from gatehouse.config import document, schema
from gatehouse.faces.cli.main import Doors, tree
from gatehouse.faces.cli.shell.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "gatehouse"
MANUALS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "bench").glob("*.md")]
)
TREE = tree(
    Doors(version=lambda: "", run_gateway=lambda data, machine: 0, open_house=lambda data: (0, 0))
)

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"(?:^|\s)(?:\$ |sudo -u \w+ |\w+=\S+ |\S*/)*gatehouse (.*)")
CODE = re.compile(r"`([^`\n]+)`")
NUMBERS = frozenset({"MID", "NUMBER", "N", "REVISION"})


def typed(text):
    """The words behind `gatehouse` of each command line in the blocks of a page."""
    for language, body in BLOCK.findall(text):
        if language in {"text", "toml"}:
            continue
        for line in body.replace("\\\n", " ").splitlines():
            if (hit := LINE.fullmatch(line)) is not None:
                words = shlex.split(hit.group(1), comments=True)
                yield hit.group(1), until_redirection(words)


def until_redirection(words):
    """A shell's part of the line is none of ours."""
    end = next((n for n, word in enumerate(words) if word in {">", "<", "|", "&"}), len(words))
    return words[:end]


def mentioned(text):
    """The words of commands that stand in running text, with or without `gatehouse` before them."""
    for code in CODE.findall(BLOCK.sub("", text)):
        words = until_redirection(as_words(code))
        if words[:1] == ["gatehouse"] and words[1:2] != ["ACTION"]:
            yield code, words[1:]
        elif len(words) > 1 and words[0] in GROUPS and words[1] in GROUPS[words[0]].commands:
            yield code, words


GROUPS = {name: one for name, one in TREE.commands.items() if isinstance(one, click.Group)}


def as_words(code):
    try:
        return shlex.split(code)
    except ValueError:  # no command line
        return code.split()


def filled_in(words):
    """Numbers for what is a number; optional parts without their brackets."""
    plain = [word.strip("[]").replace("…", "x") for word in words]
    return ["1" if word in NUMBERS else word for word in plain]


def fault(words, *, whole=True):
    """Why a command line is not understood; "" if it is. One that is not `whole` may lack words."""
    command: click.Command = TREE
    name, rest = "gatehouse", list(words)
    try:
        while isinstance(command, click.Group):
            if not rest:
                return ""  # the name of a group
            context = command.make_context(name, rest)
            found_name, found, rest = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
            assert found is not None and found_name is not None
            name, command = found_name, found
        command.make_context(name, rest)
    except click.exceptions.Exit:  # --help
        return ""
    except (click.MissingParameter, click.BadOptionUsage) as refused:
        return refused.format_message() if whole else ""
    except click.ClickException as refused:
        return refused.format_message()
    return ""


@pytest.mark.parametrize("manual", MANUALS, ids=lambda place: place.name)
def test_every_command_line_of_a_manual_is_understood(manual):
    text = manual.read_text()
    why = {line: fault(words) for line, words in typed(text)}
    why |= {code: fault(filled_in(words), whole=False) for code, words in mentioned(text)}
    assert {line: reason for line, reason in why.items() if reason} == {}


def test_every_command_that_the_program_names_is_there():
    wrong = {}
    for place in sorted(SOURCE.rglob("*.py")):
        for code in re.findall(r"`gatehouse ([a-z-][^`\n{]*)", place.read_text()):
            words = filled_in(code.replace('"', "").split())
            if (why := fault(words, whole=False)) and "unexpected extra" not in why:
                wrong[f"{place.relative_to(SOURCE)}: {code}"] = why
    assert wrong == {}


def test_what_is_wrong_is_found():
    assert fault(["queue", "list"]) == ""
    assert "No such command" in fault(["queue", "lost"])
    assert "No such option" in fault(["queue", "list", "--lost"])
    assert "Missing argument" in fault(["hat", "import", "InboundMail"])
    assert fault(["hat", "import", "InboundMail"], whole=False) == ""
    assert "unexpected extra" in fault(["hat", "show", "InboundMail", "x"], whole=False)
    assert [words for _, words in typed("```sh\n$ gatehouse queue show 5 > x # why\n```\n")] == [
        ["queue", "show", "5"]
    ]
    assert [words for _, words in mentioned("say `queue hold --all`, not `policy/x.py`")] == [
        ["queue", "hold", "--all"]
    ]


# --- the shell ----------------------------------------------------------------------------------


OTHERS = {"clearchanges", "who"}  # another name; and what the session answers itself


def test_the_manual_of_the_shell_names_every_command_and_no_other():
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "docs" / "shell.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z][a-z ]*?)(?: [A-Z ]+)?`", row)}
    assert sorted(set(COMMANDS) - named) == [], "docs/shell.md says nothing about these"
    assert sorted(named - set(COMMANDS) - OTHERS) == [], "there are no such commands"


# --- the configuration ---------------------------------------------------------------------------


def unknown(text):
    """What stands in a piece of configuration and is no section or field."""
    values = tomllib.loads(text)
    if values.keys() <= {"saved"}:
        return []
    found = document.read(values)
    if isinstance(found, schema.Document):
        return []
    return [(one.path, one.what) for one in found if "is no " in one.what]


@pytest.mark.parametrize("manual", MANUALS, ids=lambda place: place.name)
def test_every_field_in_a_piece_of_configuration_exists(manual):
    pieces = [body for language, body in BLOCK.findall(manual.read_text()) if language == "toml"]
    assert [fault for piece in pieces for fault in unknown(piece)] == []


def test_a_field_that_does_not_exist_is_found():
    assert unknown("[delivery]\nsmpt_port = 25\n")
    assert unknown("[delivery]\nsmtp_port = 25\n") == []
