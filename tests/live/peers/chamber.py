# SPDX-License-Identifier: Apache-2.0
"""A room of its own for an MTA: a private mount namespace, so that nothing of the machine changes.

An MTA insists on users of its own and on places like /var/spool. Here it sees a private /etc/passwd
and /etc/group with those users added, and private folders where it wants them; the machine sees
none of it, and when the process ends the mounts are gone. It takes root and the right to make
namespaces.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.peers import packages
from tests.patience import PATIENCE

# User and group numbers that Debian hands to nobody (Debian Policy §9.2.2: 60000-64999 are
# allocated on demand only; these stand beside, in a private passwd file, and own files only below
# the test's own folder).
USERS = {"postfix": 64180, "postdrop": 64181, "opensmtpd": 64182, "opensmtpq": 64183}

STOP_SECONDS = 10.0  # then by force

# "$1" is the number of pairs; then follow source and place of each, then the command itself.
_ENTER = """
set -e
pairs=$1; shift
while [ "$pairs" -gt 0 ]; do
  mount --bind "$1" "$2"; shift 2; pairs=$((pairs - 1))
done
exec "$@"
"""


def why_not() -> str | None:
    """Why no chamber can be made here, or None."""
    if os.geteuid() != 0:
        return "a real MTA needs root to start (it gives it up itself)"
    tried = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no mount namespace: {tried.stderr.strip()}"


@dataclass
class Chamber:
    """Where one MTA lives: its folder and the private mounts it sees."""

    folder: Path
    mounts: dict[str, Path] = field(default_factory=dict)
    more_environment: dict[str, str] = field(default_factory=dict)  # for the MTA itself only
    process: subprocess.Popen[bytes] | None = None

    def furnish(self) -> None:
        """Write the private passwd and group files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        people = "".join(f"{n}:x:{i}:{i}:{n}:/nonexistent:/bin/false\n" for n, i in USERS.items())
        groups = "".join(f"{n}:x:{i}:\n" for n, i in USERS.items())
        for name, more in (("passwd", people), ("group", groups)):
            place = self.folder / name
            place.write_text(Path("/etc", name).read_text() + more)
            self.mounts[f"/etc/{name}"] = place
        # No name server but loopback's: a peer that asks the machine's own would measure that one.
        # "lookup file" is for OpenSMTPD, which reads it as OpenBSD does; glibc takes it for a line
        # it does not know.
        resolver = Path("/etc/resolv.conf").resolve()
        if resolver.exists():
            private = self.folder / "resolv.conf"
            private.write_text("nameserver 127.0.0.1\nlookup file\noptions timeout:1 attempts:1\n")
            self.mounts[str(resolver)] = private

    def room(self, place: str) -> Path:
        """Give the MTA a private, empty folder in place of one of the machine's."""
        inside = self.folder / place.strip("/").replace("/", "-")
        inside.mkdir(mode=0o755)
        self.mounts[place] = inside
        return inside

    def command(self, *argv: str | Path) -> list[str]:
        """The command line that runs `argv` inside."""
        pairs = [str(part) for place, source in self.mounts.items() for part in (source, place)]
        inside = [str(len(self.mounts)), *pairs, *map(str, argv)]
        # A test run that is killed takes its MTAs along (Postfix: rights changed, it stays).
        follow = ["setpriv", "--pdeathsig", "TERM"]
        space = ["unshare", "--mount", "--propagation", "private"]
        return [*follow, *space, "sh", "-c", _ENTER, "sh", *inside]

    def run(self, *argv: str | Path) -> str:
        """Run something to its end inside, as an administrator would."""
        done = subprocess.run(
            self.command(*argv),
            env=packages.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start(self, *argv: str | Path, output: Path) -> None:
        """Start the MTA in the foreground, as the leader of a session of its own."""
        with output.open("ab") as sink:
            self.process = subprocess.Popen(
                self.command(*argv),
                env=packages.environment() | self.more_environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the MTA and everything it started."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        # What outlived its parent, in the session that we made.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None


def await_banner(port: int, alive: Callable[[], bool], *trouble: Path) -> None:
    """Wait until somebody greets on the port."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as talk:
                if talk.recv(3) == b"220":
                    return
        except OSError:
            pass
        if not alive():
            break
        time.sleep(0.02)
    text = "".join(t.read_text(errors="replace")[-2000:] for t in trouble if t.exists())
    raise RuntimeError(f"nobody greets on port {port}: {text}")
