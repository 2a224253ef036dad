# SPDX-License-Identifier: Apache-2.0
"""A text that stands in a file, or that is pasted."""

import pytest

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.pasting import file_or_pasted
from gatehouse.faces.cli.shell.player import Player, SessionEnded
from tests.unit.faces.cli.shell.playing import Script, nothing_to_do


def pasted(*lines: str) -> bytes:
    return Player(Script(["", *lines]), nothing_to_do).play(file_or_pasted("File", 20))


def test_what_is_pasted_ends_with_a_dot_and_keeps_its_empty_lines() -> None:
    assert pasted("one", "", "two.", ".") == b"one\n\ntwo.\n"
    assert pasted(".") == b""


def test_it_is_bounded_and_must_come_to_its_end() -> None:
    assert pasted("x" * 19, ".") == b"x" * 19 + b"\n"
    with pytest.raises(OperatorError, match="more than 20"):
        pasted("x" * 20, ".")
    with pytest.raises(SessionEnded):
        pasted("one")
