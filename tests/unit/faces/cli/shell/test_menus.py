# SPDX-License-Identifier: Apache-2.0
"""The loop of a menu: it goes on after whatever an operation comes to."""

from gatehouse.config import schema
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft
from gatehouse.faces.cli.shell.dialogue import Talk, ask, say
from gatehouse.faces.cli.shell.player import Player
from tests.unit.faces.cli.shell.playing import Script, nothing_to_do


def _half(draft: Draft) -> Talk[None]:
    draft.put(("logs", "keep"), 7)
    if (yield from ask("How?")) == "badly":
        raise OperatorError("bad", "That does not work.")


def _heading(draft: Draft) -> Talk[None]:
    yield from say(f"keep: {draft.get('logs', 'keep')}")


def test_what_an_operation_leaves_unfinished_is_gone_when_the_menu_comes_again() -> None:
    draft = Draft(schema.Document(format=1), {"format": 1}, candidate=False)
    source = Script(["HALF", "well", "half", "badly", ""])
    talk = menus.edit(draft, _heading, ("HALF", "Begin something.", _half))
    Player(source, nothing_to_do).play(talk)
    assert source.transcript.count("keep: None") == 3
    assert "That does not work." in source.transcript
    assert draft.values == {"format": 1}


def test_a_draft_is_as_before_when_a_dialogue_is_left_in_the_middle() -> None:
    draft = Draft(schema.Document(format=1), {"format": 1}, candidate=False)
    talk = menus.edit(draft, _heading, ("HALF", "Begin something.", _half))
    next(talk)
    talk.send(None)
    talk.send("HALF")
    assert draft.get("logs", "keep") == 7
    talk.close()
    assert draft.get("logs", "keep") is None
