# SPDX-License-Identifier: Apache-2.0
"""Volumes for the tests that break the disk; skipped, with the reason, where none can be made."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.volume import Unavailable, Volume

MakeVolume = Callable[..., Volume]


@pytest.fixture
def make_volume(tmp_path: Path) -> Iterator[MakeVolume]:
    with ExitStack() as stack:

        def make(mebibytes: int, *, inodes: int | None = None) -> Volume:
            try:
                return stack.enter_context(Volume(tmp_path, mebibytes, inodes=inodes))
            except Unavailable as reason:
                pytest.skip(f"no file system of our own: {reason}")

        yield make
