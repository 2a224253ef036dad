# SPDX-License-Identifier: Apache-2.0
"""A gateway that is killed under load keeps every promise.

Five kills here, a hundred in `python -m tests.crash`.
"""

from pathlib import Path

import pytest

from tests.crash import storm

EVERYDAY_SEED = 20260101


@pytest.mark.slow
@pytest.mark.timeout(600)
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
