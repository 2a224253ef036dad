# SPDX-License-Identifier: Apache-2.0
"""Where the time of the everyday suite goes: `python -m tests.times [PLACE...]`.

Runs each test module by itself and lists its CPU seconds and its wall seconds, dearest first. CPU
is user and system time of the module and of every process that it started and waited for, which is
what counts on a machine that others use too; wall far above CPU is waiting. Each module runs in a
fork of a process that has pytest loaded, since a worker of the suite loads that once for all.
"""

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one module took, in seconds."""

    module: str
    cpu: float
    wall: float
    status: int

    def __str__(self) -> str:
        failed = "" if self.status in PASSED else f"  ended with status {self.status}"
        return f"{self.cpu:8.1f} {self.wall:8.1f}  {self.module}{failed}"


def modules(places: Iterable[Path]) -> list[Path]:
    """The test modules at and below these places."""
    found = set[Path]()
    for place in places:
        found |= {place} if place.is_file() else set(place.rglob("test_*.py"))
    return sorted(found)


def measure(module: Path) -> Cost:
    """Run one module as the everyday suite does."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _run(module)
    _, status, used = os.wait4(child, 0)
    return Cost(
        module=str(module.relative_to(ROOT)),
        cpu=used.ru_utime + used.ru_stime,
        wall=time.monotonic() - began,
        status=os.waitstatus_to_exitcode(status),
    )


def _run(module: Path) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    status = 1
    try:
        status = pytest.main([str(module), "-m", "not crash", "-p", "no:cacheprovider"])
    finally:
        os._exit(status)


def main(arguments: list[str]) -> int:
    """List the cost of each module; status 1 if one of them failed."""
    os.chdir(ROOT)
    costs = []
    for module in modules([Path(one).resolve() for one in arguments] or [ROOT / "tests"]):
        costs.append(measure(module))
        print(costs[-1], file=sys.stderr, flush=True)
    print("\n CPU s   wall s  module")
    for cost in sorted(costs, key=lambda one: -one.cpu):
        print(cost)
    print(f"{sum(one.cpu for one in costs):8.1f} {sum(one.wall for one in costs):8.1f}  together")
    return int(any(one.status not in PASSED for one in costs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
