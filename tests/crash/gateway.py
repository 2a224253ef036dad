# SPDX-License-Identifier: Apache-2.0
"""The gateway as the storm sees it: a data directory, a process group, ways to end it.

It runs in a session of its own, so that one signal reaches all of its processes at the same moment.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gatehouse.app import open_house
from gatehouse.config.checks import Refused, load
from tests.crash import messages
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ("gatehouse",)
START_SECONDS = 300.0
# To be greeted by one that starts with a backlog, among clients that come again and again; with a
# second, a machine that was slow enough never got it.
GREETING_SECONDS = 30.0
# For a process in a system call to come back from it.
FREEZE_SECONDS = GONE_SECONDS = PATIENCE
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the configuration depends on."""

    port: int
    sink: int
    secure_sink: int
    disk_reserve: str = "8M"


def configuration(wiring: Wiring) -> str:
    """Short waits, all destinations behind the sink."""
    return f"""\
format = 1
[system]
hostname = "gw.{messages.DOMAIN}"
[interfaces.Net]
address = "127.0.0.1"
hostname = "mx.{messages.DOMAIN}"
[listeners.In]
type = "public"
interface = "Net"
port = {wiring.port}
recipient_access = [{{ recipient = ".{messages.DOMAIN}", access = "accept" }}]
[[listeners.In.sender_groups]]
name = "ALL"
members = ["ALL"]
policy = "OPEN"
[mail_flow_policies.OPEN]
behavior = "accept"
tls = "preferred"
max_connections_per_client = 1000
[smtp_routes]
"." = ["127.0.0.1:{wiring.sink}"]
"{messages.TLS}" = ["127.0.0.1:{wiring.secure_sink}"]
[delivery]
idle_timeout = "1s"
[destination_controls.default]
tls = "none"
[destination_controls."{messages.TLS}"]
tls = "required"
[bounce_profiles.default]
initial_wait = "1s"
max_wait = "2s"
[queue]
disk_reserve = "{wiring.disk_reserve}"
[processes]
receivers = 2
"""


class Gateway:
    """One data directory and whatever runs on it."""

    def __init__(self, data: Path, log: Path, entry: tuple[str, ...] = ENTRY) -> None:
        self.data = data
        self._log = log
        self._entry = entry
        self._process: subprocess.Popen[bytes] | None = None
        self._said = 0  # how much stood in the log when it was started
        self.port = 0
        self.failed_starts = 0
        self.slowest_start = 0.0
        # Children whose supervisor we kill become ours, so that we can tell when they are gone.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def prepare(self, wiring: Wiring) -> None:
        """Make the data directory and commit the configuration as its latest revision."""
        text = configuration(wiring)
        loaded = load(text.encode("ascii"))
        if isinstance(loaded, Refused):
            raise ValueError("\n".join(map(str, loaded.findings)))
        _, store = open_house(self.data)
        store.revisions.append(
            text=text, operator="storm", comment="crash test", committed_at=time.time()
        )
        store.close()
        self.port = wiring.port

    # --- starting ---------------------------------------------------------------------------

    def spawn(self) -> None:
        """Start it; does not wait."""
        self._said = self._log.stat().st_size if self._log.exists() else 0
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._entry, "run", "--data", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it and wait for the banner, like a service manager: what ends is started again."""
        began = time.monotonic()
        self.spawn()
        self._wait_until_it_serves(began)

    def ensure(self) -> None:
        """After a kill of some processes: start it again only if it gave up as a whole."""
        self._wait_until_it_serves(time.monotonic())

    def _wait_until_it_serves(self, began: float) -> None:
        while not (self._announced() and self._greets()):
            if self.process.poll() is not None:
                self.failed_starts += 1
                self._reap(self.process.pid)
                time.sleep(0.1)
                self.spawn()
            if time.monotonic() - began > START_SECONDS:
                raise AssertionError(f"no banner within {START_SECONDS:.0f} s; see {self._log}")
            time.sleep(0.02)
        self.slowest_start = max(self.slowest_start, time.monotonic() - began)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The supervisor."""
        assert self._process is not None
        return self._process

    @property
    def running(self) -> bool:
        """Whether any process of the group may live."""
        return self._process is not None and not self._reap(self._process.pid)

    def _announced(self) -> bool:
        """It says where its log is when all its processes serve."""
        with self._log.open("rb") as log:
            log.seek(self._said)
            return b"Mail log: " in log.read()

    def _greets(self) -> bool:
        try:
            with socket.create_connection(
                ("127.0.0.1", self.port), timeout=GREETING_SECONDS
            ) as sock:
                return sock.recv(4) == b"220 "
        except OSError:
            return False

    # --- ending -----------------------------------------------------------------------------

    def kill_group(self) -> None:
        """Every process, at the same moment."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def freeze_group(self) -> None:
        """Stop everything where it stands; what is in a system call stops when it comes back.

        A file system that is being shut down answers a flush that began before with success
        although its journal is lost (seen on Linux 6.18 with `fdatasync` alone, five times in 48).
        A machine without power answers nothing: so nobody may act on such an answer.
        """
        os.killpg(self.process.pid, signal.SIGSTOP)
        ends = time.monotonic() + FREEZE_SECONDS
        while any(state in "RS" for state in _states(self.process.pid)):
            if time.monotonic() > ends:
                raise AssertionError("the gateway does not stand still")

    def kill_supervisor(self) -> None:
        """Only the first process; the others have to notice by themselves."""
        self.process.kill()

    def wait_until_gone(self) -> None:
        """Until no process of the group is left."""
        self._gone(self.process.pid)

    def kill_role(self, role: str) -> int:
        """The processes in one role; how many there were."""
        doomed = self.pids(role)
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        return len(doomed)

    def terminate(self) -> int:
        """SIGTERM to the supervisor; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(GONE_SECONDS)
        self._gone(self.process.pid)
        return status

    def pids(self, role: str) -> list[int]:
        """The processes of our group in a role."""
        wanted = [b"_role", role.encode("ascii"), os.fsencode(self.data)]
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                group = os.getpgid(int(entry.name))
            except OSError:
                continue
            ours = group == self.process.pid and words[-1:] == [b""]
            if ours and any(words[i : i + 3] == wanted for i in range(len(words))):
                found.append(int(entry.name))
        return found

    def _gone(self, group: int) -> None:
        if self.process.pid == group:
            self.process.wait(GONE_SECONDS)
        ends = time.monotonic() + GONE_SECONDS
        while time.monotonic() < ends:
            if self._reap(group):
                return
            time.sleep(0.005)
        raise AssertionError(f"processes of group {group} do not end")

    @staticmethod
    def _reap(group: int) -> bool:
        """Collect the dead of a group; True when nobody is left in it."""
        try:
            while os.waitpid(-group, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False


def _states(group: int) -> list[str]:
    """The state letters of all threads in a process group (proc_pid_stat(5))."""
    found = []
    for path in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text("utf-8").rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group:
            found.append(state)
    return found
