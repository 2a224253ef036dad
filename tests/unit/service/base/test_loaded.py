# SPDX-License-Identifier: Apache-2.0
"""What a process does with its garbage while it loads, and afterwards."""

import subprocess
import sys

PROGRAM = """
import gc
gc.disable()
from gatehouse.service.base.loaded import settle
settle()
assert gc.isenabled()
assert gc.get_freeze_count() > 1_000  # what was loaded is looked at no more
class Circle:
    pass
one = Circle()
one.self = one
del one
assert gc.collect() >= 1  # what comes later is
"""


def test_what_was_loaded_is_never_looked_at_again_and_what_comes_later_is() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
