# SPDX-License-Identifier: Apache-2.0
"""When a process has loaded what it works with: garbage is looked for from then on, not before.

Nothing that is loaded at a start becomes garbage, and each search through it for reference circles
costs more than the one before: one seventh of a start. `__main__` begins without such searches; a
process that serves begins with them, and takes what is there by then out of them for good.
"""

import gc


def settle() -> None:
    """Everything is loaded."""
    gc.freeze()
    gc.enable()
