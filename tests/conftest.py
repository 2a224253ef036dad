# SPDX-License-Identifier: Apache-2.0
"""What every test of the house shares: the two depths of fuzzing, and one helper process."""

import os

from hypothesis import HealthCheck, settings

from tests import warm

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


def pytest_sessionfinish() -> None:
    """The helper ends with the tests."""
    warm.stop()
