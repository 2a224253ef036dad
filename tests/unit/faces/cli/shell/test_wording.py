# SPDX-License-Identifier: Apache-2.0
"""Advice is for whoever reads it: at a prompt of the shell it names commands of the shell."""

import pytest

from gatehouse.faces.cli.shell import wording
from gatehouse.faces.cli.shell.commands import COMMANDS


@pytest.mark.parametrize(
    ("said", "here"),
    [
        ("Make one with `gatehouse config load FILE`.", "Make one with `loadconfig`."),
        ("Try `gatehouse config set PATH VALUE`.", "Try `set PATH VALUE`."),
        ("a\nTo make it run: gatehouse config commit COMMENT\nb", "a\nTo make it run: `commit`\nb"),
        (
            "\x1b[33mTo keep it: gatehouse config confirm\x1b[0m\nb",
            "\x1b[33mTo keep it: `commitconfirm`\x1b[0m\nb",
        ),
        ("It waits: gatehouse config commit", "It waits: `commit`"),
        ("`gatehouse config commit COMMENT` makes it run.", "`commit` makes it run."),
        ("`gatehouse tls ciphers STRING` shows it.", "`gatehouse tls ciphers STRING` shows it."),
        ("`gatehouse config rebase --take mine`", "`gatehouse config rebase --take mine`"),
        ("Subject: gatehouse config commit is down", "Subject: gatehouse config commit is down"),
    ],
)
def test_advice_is_in_the_words_of_the_shell(said: str, here: str) -> None:
    assert wording.here(said) == here


def test_every_command_that_is_named_is_there() -> None:
    assert set(wording._HERE.values()) <= set(COMMANDS)
