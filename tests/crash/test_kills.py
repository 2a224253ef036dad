# SPDX-License-Identifier: Apache-2.0
"""A gateway that is killed under load keeps every promise; five kills here, a hundred on demand."""

from pathlib import Path

import pytest

from tests.crash import __main__ as command
from tests.crash import storm

EVERYDAY_SEED = 20260101


@pytest.mark.slow
def test_five_ways_to_die_under_load_lose_and_invent_nothing(tmp_path: Path) -> None:
    steps = (storm.GROUP, storm.DELIVERER, storm.GROUP, storm.RECEIVER, storm.GROUP)
    notes = tmp_path / "notes"
    notes.mkdir()

    record = storm.run(
        storm.Plan(seed=EVERYDAY_SEED, steps=steps, clients=6), tmp_path / "data", notes
    )

    assert record.findings.clean, record.findings.say()
    assert sum(record.kills.values()) == len(steps)
    assert record.integrity == "ok"
    assert record.exit_status == 0


@pytest.mark.crash
@pytest.mark.timeout(3600)
def test_a_hundred_kills_of_the_whole_group_and_all_other_ways() -> None:
    assert command.main(["--publish"]) == 0
