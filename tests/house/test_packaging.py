# SPDX-License-Identifier: Apache-2.0
"""The systemd unit fits the program: what it forbids is what the program never does."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gatehouse.service.commit import conductor

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "gatehouse"
UNIT = ROOT / "packaging" / "systemd" / "gatehouse.service"

# Calls of the library and what they are for the kernel, as far as a set of the unit's refuses them
# (`systemd-analyze syscall-filter @resources @privileged`). resource.setrlimit is no member: glibc
# makes prlimit64 of it.
REFUSED = {
    "os.nice": "setpriority",
    "os.setpriority": "setpriority",
    "os.sched_setaffinity": "sched_setaffinity",
    "os.sched_setparam": "sched_setparam",
    "os.sched_setscheduler": "sched_setscheduler",
    "os.chown": "chown",
    "os.lchown": "lchown",
    "os.fchown": "fchown",
    "os.chroot": "chroot",
    "os.setuid": "setuid",
    "os.setreuid": "setreuid",
    "os.setresuid": "setresuid",
    "os.setgroups": "setgroups",
}


def settings():
    """Every setting of the unit with its values, in their order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if hit := re.match(r"(\w+)=(.*)", line):
            found.setdefault(hit.group(1), []).append(hit.group(2))
    return found


def test_no_system_call_that_the_source_makes_is_refused():
    text = "".join(place.read_text() for place in SOURCE.rglob("*.py"))
    made = {call for name, call in REFUSED.items() if f"{name}(" in text}
    allowed = set(" ".join(settings()["SystemCallFilter"]).split())
    assert made, "the pattern of this test finds nothing"
    assert sorted(made - allowed) == [], "under the unit a process that does this is stopped"


def test_a_refused_call_does_not_end_the_process():
    assert settings()["SystemCallErrorNumber"] == ["EPERM"]


def test_the_service_counts_as_started_when_the_gateway_says_that_it_serves():
    assert settings()["Type"] == ["notify"]
    assert '_notify("READY=1")' in (SOURCE / "app.py").read_text()


def test_a_gateway_that_somebody_sends_a_hangup_comes_back():
    assert settings()["Restart"] == ["always"]


def test_a_stop_has_more_time_than_sessions_in_progress_get():
    assert float(settings()["TimeoutStopSec"][0]) > conductor.STOP_SECONDS + 10


def test_the_directory_that_systemd_makes_is_the_one_that_is_used():
    one = settings()
    assert one["Environment"] == [f"GATEHOUSE_DATA=/var/lib/{one['StateDirectory'][0]}"]
    assert one["StateDirectoryMode"] == ["0700"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not there")
def test_systemd_understands_every_line(tmp_path):
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text()))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
