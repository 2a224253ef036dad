# SPDX-License-Identifier: Apache-2.0
"""A draft: what is kept, what is refused, and what others did meanwhile."""

from gatehouse.faces.actions import configuration
from gatehouse.faces.cli.shell import candidate_edit
from gatehouse.faces.cli.shell.candidate_edit import Draft
from gatehouse.faces.cli.shell.player import Player
from tests.unit.faces.cli.shell.conftest import Desk
from tests.unit.faces.cli.shell.playing import Script

PORT = ("listeners", "InboundMail", "port")


def at(desk: Desk) -> tuple[Player, Draft]:
    player = Player(Script([]), desk.carry)
    return player, player.play(candidate_edit.open_draft())


def test_what_is_kept_is_the_candidate(desk: Desk) -> None:
    player, draft = at(desk)
    before = draft.candidate
    draft.put(PORT, 2600)
    assert player.play(candidate_edit.keep(draft)) is True
    assert (before, draft.candidate) == (False, True)
    assert draft.document.listeners["InboundMail"].port == 2600
    assert desk.candidate() == draft.document


def test_nothing_changed_makes_no_candidate(desk: Desk) -> None:
    player, draft = at(desk)
    assert player.play(candidate_edit.keep(draft)) is True
    assert player.play(candidate_edit.open_draft()).candidate is False


def test_a_draft_that_is_refused_is_as_it_was(desk: Desk) -> None:
    player, draft = at(desk)
    for value in (70_000, "twenty"):  # by its form
        draft.put(PORT, value)
        assert player.play(candidate_edit.keep(draft)) is False
        assert draft.get(*PORT) == 2525
    draft.put(("listeners", "InboundMail", "interface"), "Nowhere")  # by the check of all of it
    assert player.play(candidate_edit.keep(draft)) is False
    assert draft.get("listeners", "InboundMail", "interface") == "PublicNet"
    assert player.play(candidate_edit.open_draft()).candidate is False


def test_every_reason_of_a_refusal_is_said(desk: Desk) -> None:
    source = Script([])
    player = Player(source, desk.carry)
    draft = player.play(candidate_edit.open_draft())
    draft.put(("listeners", "InboundMail", "interface"), "Nowhere")
    draft.put(("listeners", "InboundMail", "certificate"), "missing")
    assert player.play(candidate_edit.keep(draft)) is False
    for path in ("listeners.InboundMail.interface", "listeners.InboundMail.certificate"):
        assert sum(path in line for line in source.transcript) == 1, source.transcript
    assert source.transcript[-1] == "Nothing was changed."


def test_what_came_into_the_candidate_meanwhile_stays(desk: Desk) -> None:
    player, draft = at(desk)
    other = desk.text().replace("gw1.", "gw9.").replace("# a remark", "# another remark")
    desk.carry(configuration.LOAD, configuration.LoadInput(file=other.encode()))
    draft.put(PORT, 2600)
    assert player.play(candidate_edit.keep(draft)) is True
    assert desk.candidate().system.hostname == "gw9.example.com"
    assert desk.candidate().listeners["InboundMail"].port == 2600
    assert "# another remark" in desk.text()
