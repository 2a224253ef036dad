# SPDX-License-Identifier: Apache-2.0
"""The harness fails for each planted fault, and calls it by its name."""

from pathlib import Path

import pytest

from tests.crash import mutants, storm

SEED = 7
DRAIN_SECONDS = 8.0


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_the_harness_sees_the_planted_fault(name: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    plan = storm.Plan(
        seed=SEED,
        steps=(storm.GROUP,) * 4,
        drain=DRAIN_SECONDS,
        entry=mutants.entry(name),
    )

    findings = storm.run(plan, tmp_path / "data", notes).findings

    seen = {fault for fault, found in findings.faults.items() if found}
    assert seen & set(mutants.MUTANTS[name].seen_as), findings.say()


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", mutants.STUMBLES)
def test_a_ground_that_gives_way_now_and_then_loses_nothing(name: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    plan = storm.Plan(seed=SEED, steps=(storm.GROUP,) * 2, entry=mutants.entry(name))

    record = storm.run(plan, tmp_path / "data", notes)

    assert record.findings.clean, record.findings.say()
