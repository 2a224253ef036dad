# SPDX-License-Identifier: Apache-2.0
"""The end of a demo that cannot be played; that it can, `make demo` shows."""

import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from gatehouse.faces.cli import demo


def never(*words: object, **more: object) -> subprocess.CompletedProcess[bytes]:
    """A command of ours that fails."""
    return subprocess.CompletedProcess([], 1, b"", b"Aborted!")


def test_a_command_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", never)
    with pytest.raises(demo.DemoFailed, match="the configuration was refused: Aborted!"):
        demo.run_demo(lambda line: None)


def test_ctrl_c_is_no_failure_of_what_it_reached_too(
    monkeypatch: pytest.MonkeyPatch, interrupt: Callable[[], None]
) -> None:
    def interrupted(*words: object, **more: object) -> subprocess.CompletedProcess[bytes]:
        interrupt()
        return never()

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(lambda line: None)


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """What the terminal does at Ctrl-C; a shell lets what it starts behind it ignore that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
