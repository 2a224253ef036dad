# SPDX-License-Identifier: Apache-2.0
"""hostaccess > REPUTATION: answers in, changes of the candidate out."""

from tests.unit.faces.cli.shell.conftest import Desk

WAY = ("listenerconfig", "EDIT", "1", "HOSTACCESS", "REPUTATION")
LEAVE = ("", "", "", "")


def test_blocks_get_scores_countries_and_owners(desk: Desk) -> None:
    new = ["NEW", "192.0.2.0/24", "-4.5", "kr", "123456"]
    more = ["NEW", "not an address", "2001:db8::/32", "", "DE", ""]
    made = desk.play(*WAY, *new, *more, "PRINT", *LEAVE).reputation
    assert made.scores == {"192.0.2.0/24": -4.5}
    assert made.countries == {"192.0.2.0/24": "KR", "2001:db8::/32": "DE"}
    assert made.owners == {"192.0.2.0/24": 123456}
    assert "192.0.2.0/24: -4.5, KR, 123456" in [" ".join(line.split()) for line in desk.said]
    made = desk.play(*WAY, "NEW", "192.0.2.0/24", "none", "", "none", *LEAVE).reputation
    assert (made.scores, made.owners) == ({}, {})
    assert made.countries["192.0.2.0/24"] == "KR"


def test_values_out_of_bounds_are_asked_for_again_at_once(desk: Desk) -> None:
    new = ["NEW", "192.0.2.1", "-11", "nan", "x", "3"]
    try:
        desk.play(*WAY, *new, *LEAVE)
    except AssertionError:
        pass  # three wrong answers end a recording
    assert any("3 wrong answers" in line for line in desk.said)
    made = desk.play(*WAY, "NEW", "192.0.2.1", "1e0", "Korea", "KR", "-1", "7", *LEAVE)
    assert made.reputation.scores == {"192.0.2.1": 1.0}
    assert made.reputation.owners == {"192.0.2.1": 7}


def test_blocks_are_forgotten_one_by_one_and_together(desk: Desk) -> None:
    new = ["NEW", "192.0.2.1", "1", "", "", "NEW", "192.0.2.2", "2", "KR", ""]
    made = desk.play(*WAY, *new, "DELETE", "192.0.2.9", "192.0.2.2", "Y", *LEAVE).reputation
    assert (made.scores, made.countries) == ({"192.0.2.1": 1.0}, {})
    assert "Nothing is said about this block." in desk.said
    assert desk.play(*WAY, "CLEAR", "N", "CLEAR", "Y", *LEAVE).reputation.scores == {}
