# SPDX-License-Identifier: Apache-2.0
"""`python -m MODULE` in a process of its own, without waiting for an interpreter and its imports.

A helper process, one for each worker of the suite, has everything loaded that the programs under
test load; for each call it forks, and the fork runs the module as `__main__`. Arguments,
environment, descriptors, session and exit status are those of a process started in the usual way;
only the imports are done before. That a cold start works is for tests that start one themselves.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
LARGEST_REQUEST = 1 << 16
STANDARD = 3  # descriptors that every process has
LARGEST_DESCRIPTOR = 4096  # what the helper has open is far below


# --- for tests --------------------------------------------------------------------------------


class Process:
    """A process that the helper has forked; what `subprocess.Popen` offers, as far as needed."""

    def __init__(self, said: socket.socket, arguments: Sequence[str]) -> None:
        self._said = said
        self._arguments = list(arguments)
        self.returncode: int | None = None
        self.pid = int(self._said.recv(32))

    def poll(self) -> int | None:
        """The exit status, if it has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        """The exit status, negative for a signal; raises TimeoutExpired."""
        if self.returncode is None:
            ready, _, _ = select.select([self._said], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(self._arguments, timeout)
            self.returncode = int(self._said.recv(32) or b"-9")
            self._said.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    module: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    session: bool = False,
) -> Process:
    """Start `python -m module`; `streams` are its standard input, output and error."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {
        "module": module,
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": os.getcwd(),
        "session": session,
    }
    with theirs:
        line, _ = _helper()
        socket.send_fds(line, [json.dumps(request).encode()], [*streams, theirs.fileno()])
    return Process(ours, [module, *arguments])


def run(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
    timeout: float = PATIENCE,
) -> "subprocess.CompletedProcess[bytes]":
    """Run `python -m module` to its end, like `subprocess.run` with its output captured."""
    with _memory(given) as stdin, _memory() as stdout, _memory() as stderr:
        process = start(
            module,
            arguments,
            environment=os.environ if environment is None else environment,
            streams=(stdin.fileno(), stdout.fileno(), stderr.fileno()),
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout)
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            [module, *arguments], status, stdout.read(), stderr.read()
        )


def _memory(content: bytes = b"") -> BinaryIO:
    file = os.fdopen(os.memfd_create("stream"), "w+b")
    file.write(content)
    file.seek(0)
    return file


def stop() -> None:
    """End the helper, if there is one."""
    if _helper.cache_info().currsize:
        line, process = _helper()
        line.close()
        process.wait(PATIENCE)
        _helper.cache_clear()


@functools.cache
def _helper() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """The line to the helper, which is started when it is first needed."""
    return begin()


def begin() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """Start a helper: the line to it, and its process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{ROOT}"},
            cwd=ROOT,
        )
    return ours, process


# --- the helper -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Forks:
    """Those that run: a descriptor that tells of the end → process id and who waits for it."""

    running: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)

    def reap(self, watched: int) -> None:
        """Tell the exit status of one that has ended."""
        pid, waiting = self.running.pop(watched)
        os.close(watched)
        _, status = os.waitpid(pid, 0)
        with waiting:
            _tell(waiting, os.waitstatus_to_exitcode(status))

    def end(self) -> None:
        """Whoever asked is gone: nothing that was started for them stays behind."""
        for pid, _ in self.running.values():
            for kill in (os.killpg, os.kill):  # not each of them has a group of its own
                with contextlib.suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)

    def start(self, request: bytes, descriptors: Sequence[int]) -> None:
        """Fork; in the fork this does not return."""
        *streams, reply = descriptors
        waiting = socket.socket(fileno=reply)
        pid = os.fork()
        if pid == 0:
            _become(json.loads(request), streams, waiting)
        for one in streams:
            os.close(one)
        self.running[os.pidfd_open(pid)] = (pid, waiting)


def _tell(waiting: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it any more
        waiting.send(str(number).encode())


def _become(request: dict[str, object], streams: Sequence[int], waiting: socket.socket) -> None:
    """In the fork: be the process that was asked for, and end."""
    status = 1
    try:
        if request["session"]:
            os.setsid()
        _tell(waiting, os.getpid())  # not before it can be killed with all that it starts
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        waiting.detach()
        os.closerange(STANDARD, LARGEST_DESCRIPTOR)
        os.chdir(str(request["folder"]))
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[call-overload]
        sys.argv = ["-m", *request["arguments"]]  # type: ignore[misc]
        runpy.run_module(str(request["module"]), run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if not isinstance(ended.code, int | None):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        for said in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it is closed
                said.flush()
        os._exit(status)


def _load() -> None:
    """What the programs under test load, lazily or not."""
    from gatehouse.faces.actions.registry import ACTIONS

    programs = ("gatehouse.app", "gatehouse.faces.cli.main", "gatehouse.faces.actions.carry")
    works = {action.work.partition(":")[0] for action in ACTIONS}
    children = ("tests.store.crash_child", "tests.store.commit_child")
    for module in (*programs, *sorted(works), *children):
        with contextlib.suppress(Exception):  # told by the program that needs it
            importlib.import_module(module)
    for module in children:  # they are run as `__main__`: the modules themselves must be new
        sys.modules.pop(module, None)


def main(line: int) -> None:
    """Fork for everyone who asks, until the other end is closed."""
    _load()
    gc.collect()
    gc.freeze()
    asking = socket.socket(fileno=line)
    forks = _Forks()
    while True:
        ready, _, _ = select.select([line, *forks.running], [], [])
        for one in ready:
            if one == line:
                request, descriptors, _, _ = socket.recv_fds(asking, LARGEST_REQUEST, STANDARD + 1)
                if not request:
                    forks.end()
                    return
                forks.start(request, descriptors)
            else:
                forks.reap(one)


if __name__ == "__main__":
    main(int(sys.argv[1]))
