# SPDX-License-Identifier: Apache-2.0
"""A sign of life while something takes long: a line on standard error, for people only.

Nothing is printed for what is done within a second, and nothing where no terminal is.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 1.0  # what is done sooner needs no sign
_WIPE = "\r\x1b[K"


@contextmanager
def at_work() -> Iterator[None]:
    """Say how long it takes already, until the block ends."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":  # it could not wipe the line
        yield
        return
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(done,), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(done: threading.Event) -> None:
    began = time.monotonic()
    told = False
    while not done.wait(_SECONDS):
        told = True
        sys.stderr.write(f"{_WIPE}Working, {time.monotonic() - began:.0f} s ...")
        sys.stderr.flush()
    if told:
        sys.stderr.write(_WIPE)
        sys.stderr.flush()
