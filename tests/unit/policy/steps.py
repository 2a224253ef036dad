# SPDX-License-Identifier: Apache-2.0
"""Counts the lines of policy code that a look-up executes: steps, where time would be luck."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """Executed lines of modules below gatehouse.policy."""
    counted = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal counted
        if not str(frame.f_globals.get("__name__", "")).startswith("gatehouse.policy"):
            return None
        counted += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted
