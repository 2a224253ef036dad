# SPDX-License-Identifier: Apache-2.0
"""What every test of the house shares: the two depths of fuzzing, and one helper process.

And what makes thousands of tests cheap: rewritten asserts are shared between the workers, and the
collector of garbage does not look at all tests again and again.
"""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests import warm

ROOT = Path(__file__).resolve().parents[1]

# Everyday: small and repeatable, so that a failure on one machine is a failure on all. Deep: `make
# fuzz`.
settings.register_profile(
    "everyday",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("GATEHOUSE_FUZZ", "everyday"))
if settings.get_current_profile_name() == "everyday":
    # Hypothesis mixes constants of all modules that happen to be loaded into its examples. Which
    # they are depends on what the worker ran before, and so on the speed of the machine.
    providers._get_local_constants = lambda: providers._local_constants


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Each worker imports its share of the modules first.

    Rewriting the asserts of a module costs more than anything else until it is in the cache, and
    all workers begin with the same module.
    """
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not number or sys.dont_write_bytecode:
        return
    count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    places = [ROOT / one.partition("::")[0] for one in session.config.args]
    for path in sorted({path for place in places for path in place.rglob("test_*.py")})[
        int(number) :: count
    ]:
        # What cannot be imported is told when it is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """All tests are there for good: nothing of them is ever garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_sessionfinish() -> None:
    """The helper ends with the tests."""
    warm.stop()
