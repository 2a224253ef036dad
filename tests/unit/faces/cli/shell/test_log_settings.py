# SPDX-License-Identifier: Apache-2.0
"""logconfig: answers in, changes of the candidate out."""

from tests.unit.faces.cli.shell.conftest import Desk


def test_size_and_number_are_shown_and_changed(desk: Desk) -> None:
    made = desk.play("logconfig", "EDIT", "20M", "30", "")
    assert (made.logs.rollover_size, made.logs.keep) == (20 * 2**20, 30)
    assert any(line.split() == ["Size", "of", "a", "file:", "10M"] for line in desk.said)
    assert any(line.split() == ["Size", "of", "a", "file:", "20M"] for line in desk.said)


def test_what_is_no_size_is_refused_where_it_is_typed_and_bounds_hold(desk: Desk) -> None:
    made = desk.play("logconfig", "EDIT", "huge", "1", "5", "")
    assert any("is needed." in line for line in desk.said)
    assert made.logs.keep == 10  # a file of one octet is refused, and all with it
