# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged is there after the power was cut, and the test would notice if it were not.

Killing a process proves nothing about flushing: the page cache outlives it (hostile-input §2.1).
"""

from pathlib import Path

import pytest

from tests.crash import mutants, storm
from tests.crash.conftest import MakeVolume
from tests.crash.gateway import ENTRY

SEED = 11
VOLUME_MEBIBYTES = 512


def outage(
    make_volume: MakeVolume, tmp_path: Path, times: int, entry: tuple[str, ...] = ENTRY
) -> storm.Record:
    volume = make_volume(VOLUME_MEBIBYTES)
    notes = tmp_path / "notes"
    notes.mkdir()
    plan = storm.Plan(seed=SEED, steps=(storm.POWER,) * times, clients=6, drain=8.0, entry=entry)
    return storm.run(plan, volume.path / "data", notes, volume=volume)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_acknowledged_mail_survives_a_power_loss(make_volume: MakeVolume, tmp_path: Path) -> None:
    record = outage(make_volume, tmp_path, times=2)

    assert record.findings.clean, record.findings.say()
    assert record.kills[storm.POWER] == 2
    assert record.integrity == "ok"


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_acknowledged_mail_survives_ten_power_losses(
    make_volume: MakeVolume, tmp_path: Path
) -> None:
    record = outage(make_volume, tmp_path, times=10)

    assert record.findings.clean, record.findings.say()
    assert record.integrity == "ok"


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_a_gateway_that_never_flushes_is_found_out(make_volume: MakeVolume, tmp_path: Path) -> None:
    record = outage(make_volume, tmp_path, times=1, entry=mutants.entry("never-flush"))

    assert record.findings.faults["LOST"], record.findings.say()
