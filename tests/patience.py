# SPDX-License-Identifier: Apache-2.0
"""How tests wait: for what happens, never for a time that should be enough.

A bound is there only so that what hangs ends with a message. Machines are slow, shared, and stand
still for seconds; a test that fails then has said nothing about the house.
"""

import asyncio
from collections.abc import Callable

# Seconds; a hundred times what a gateway takes to start on a quiet machine, and well below pytest's
# own bound for a test (pyproject.toml), which names no condition.
PATIENCE = 200.0
POLL_SECONDS = 0.005


async def eventually(happened: Callable[[], object]) -> None:
    """Let the loop turn until `happened` gives something true."""
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(POLL_SECONDS)
