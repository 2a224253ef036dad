# SPDX-License-Identifier: Apache-2.0
"""What a gateway costs while it does little: memory, the time to its first banner, idle CPU.

Run: `python -m bench.footprint`. A gateway of its own is started on loopback with a self-made P-256
certificate (`make_identity`), two receivers and a deliverer. All processes of its session count.

- Idle TLS connections: PSS (memory that processes share is divided among them) and RSS, before and
  while 1,000 clients have done STARTTLS and EHLO and say nothing more.
- One 50 MB message over TLS in and out: how far the peak (VmHWM, reset through clear_refs, see
  proc_pid_clear_refs(5)) of each process rises above what it held before.
- Start: from the command to the first 220 of a client that keeps trying, on a data directory that
  has been used, and the processor time that all processes need for it.
- Idle CPU: user and system time of all processes.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.harness import RESULTS, BenchFailed, Identity, machine, make_identity
from gatehouse.app import open_house
from gatehouse.service.base.first_start import ensure_administrator
from gatehouse.service.trust import keyring
from gatehouse.tls.certificates import CertifiedKey
from tests.ports import free_port

CONNECTIONS = 1000
MESSAGE = 50 * 1000 * 1000
# What the gateway has to keep (the issue of the whole: 60 MB, 16 MB, 2 s).
MOST_FOR_CONNECTIONS = 60 * 1000 * 1000
MOST_FOR_MESSAGE = 16 * 1000 * 1000
MOST_FOR_START = 2.0

STARTS = 5
IDLE_SECONDS = 10.0
START_SECONDS = 60.0
STOP_SECONDS = 30.0
SOCKET_SECONDS = 60.0
SETTLE_SECONDS = 1.5  # two rounds of the processes' own upkeep
_TICKS = os.sysconf("SC_CLK_TCK")

_TEXT = """\
format = 1
[system]
hostname = "footprint.example"
[interfaces.Net]
address = "127.0.0.1"
hostname = "footprint.example"
[listeners.In]
type = "public"
interface = "Net"
port = {port}
certificate = "{certificate}"
max_concurrency = 5000
recipient_access = [{{ recipient = "footprint.example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "ALL" }}]
[mail_flow_policies.ALL]
behavior = "accept"
tls = "preferred"
max_message_size = "60M"
max_connections_per_client = 5000
[smtp_routes]
"." = ["127.0.0.1:{sink}"]
[destination_controls.default]
tls = "required"
[processes]
receivers = 2
"""


# --- the processes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process holds, in octets."""

    pss: int
    rss: int
    peak: int  # RSS at its highest since it was last reset


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the gateway."""

    pid: int
    role: str

    def memory(self) -> Memory:
        """What it holds now."""
        rollup = _fields(Path(f"/proc/{self.pid}/smaps_rollup"))
        status = _fields(Path(f"/proc/{self.pid}/status"))
        return Memory(rollup["Pss"], rollup["Rss"], status["VmHWM"])

    def reset_peak(self) -> None:
        """Let the peak start again from what is held now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def seconds(self) -> float:
        """Processor time used so far."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICKS


def _fields(place: Path) -> dict[str, int]:
    """The fields in kB of a file in /proc, as octets."""
    found = {}
    for line in place.read_text().splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            found[words[0].rstrip(":")] = int(words[1]) * 1024
    return found


def members(session: int) -> list[Member]:
    """The living processes of a session, the supervisor first."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            words = (place / "stat").read_text().rpartition(")")[2].split()
            if int(words[3]) == session and words[0] != "Z":
                found.append(Member(int(place.name), _role(place)))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sorted(found, key=lambda one: (one.pid != session, one.role, one.pid))


def _role(place: Path) -> str:
    words = (place / "cmdline").read_bytes().decode().split("\0")
    return words[words.index("_role") + 1] if "_role" in words else "supervisor"


# --- the gateway ---------------------------------------------------------------------------------


class Subject:
    """A gateway that is measured."""

    def __init__(self, folder: Path, identity: Identity | None, sink: int = 9) -> None:
        self.port = free_port()
        self._folder = folder
        self._data = folder / "data"
        _, store = open_house(self._data)
        if identity is not None:
            pair = CertifiedKey(identity.key.read_bytes(), (identity.certificate.read_bytes(),))
            keyring.put(store, "Footprint", pair, time.time())
        name = keyring.DEMO if identity is None else "Footprint"
        text = _TEXT.format(port=self.port, certificate=name, sink=sink)
        store.revisions.append(
            text=text, operator="bench", comment="footprint", committed_at=time.time()
        )
        # Made here, for the first run would make one: its password's hash holds 19 MiB, at a moment
        # that the machine's speed chooses.
        ensure_administrator(store, time.time())
        store.close()

    def start(self) -> float:
        """Run it; the seconds until it greets."""
        begin = time.monotonic()
        self._process = _launch(self._data, self._folder / "output")
        output = self._folder / "output"
        _first_banner(self.port, self._process, output)
        took = time.monotonic() - begin
        ends = time.monotonic() + START_SECONDS
        while {"receiver", "deliverer"} - {one.role for one in self.members()}:
            if time.monotonic() > ends:
                raise BenchFailed("the gateway does not get all its processes")
            time.sleep(0.02)
        return took

    def members(self) -> list[Member]:
        """Its processes."""
        return members(self._process.pid)

    def stop(self) -> None:
        """End it and all it started."""
        _end(self._process)


def _launch(data: Path, output: Path) -> subprocess.Popen[bytes]:
    with output.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "gatehouse", "run", "--data", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )


def _first_banner(port: int, process: "subprocess.Popen[bytes]", output: Path) -> None:
    """Return when somebody greets; tried all the time, because the time is what is measured."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS) as talk:
                if talk.recv(4).startswith(b"220"):
                    return
        except OSError:
            pass
        time.sleep(0.005)
    raise BenchFailed(f"no banner: {output.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print("gatehouse did not stop when asked", file=sys.stderr)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@contextmanager
def running(folder: Path, identity: Identity | None, sink: int = 9) -> Iterator[Subject]:
    """A started gateway; stopped at the end."""
    subject = Subject(folder, identity, sink)
    subject.start()
    try:
        yield subject
    finally:
        subject.stop()


# --- clients and the server behind ---------------------------------------------------------------


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reply(sock: socket.socket) -> bytes:
    """One complete reply."""
    data = b""
    while not data.endswith(b"\r\n") or data.split(b"\r\n")[-2][3:4] == b"-":
        more = sock.recv(4096)
        if not more:
            raise BenchFailed(f"closed after {data!r}")
        data += more
    return data


def _say(sock: socket.socket, command: bytes, code: bytes) -> None:
    sock.sendall(command + b"\r\n")
    reply = _reply(sock)
    if not reply.startswith(code):
        raise BenchFailed(f"{command!r}: {reply!r}")


def open_tls(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection after STARTTLS and the EHLO behind it."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=SOCKET_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _reply(sock)
    _say(sock, b"EHLO client.example", b"250")
    _say(sock, b"STARTTLS", b"220")
    secured = context.wrap_socket(sock)
    _say(secured, b"EHLO client.example", b"250")
    return secured


def send_message(port: int, size: int) -> None:
    """One message of about this size over TLS; returns after the 250."""
    with open_tls(port, _trusting()) as sock:
        _say(sock, b"MAIL FROM:<a@footprint.example>", b"250")
        _say(sock, b"RCPT TO:<b@footprint.example>", b"250")
        _say(sock, b"DATA", b"354")
        block = (b"x" * 70 + b"\r\n") * 1000
        sock.sendall(b"Subject: large\r\n\r\n")
        for _ in range(size // len(block) + 1):
            sock.sendall(block)
        _say(sock, b".", b"250")
        _say(sock, b"QUIT", b"221")


class Counter:
    """A server with STARTTLS that counts the octets of content and keeps none."""

    def __init__(self, identity: Identity) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(identity.certificate, identity.key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.octets = 0
        self._taken = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def wait(self) -> None:
        """Wait for one message."""
        if not self._taken.acquire(timeout=SOCKET_SECONDS):
            raise BenchFailed("the message was not delivered")

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.sendall(b"220 counter.example\r\n")
        try:
            while command := sock.recv(4096).upper():
                if command.startswith(b"EHLO"):
                    sock.sendall(b"250-counter.example\r\n250-STARTTLS\r\n250 SIZE 100000000\r\n")
                elif command.startswith(b"STARTTLS"):
                    sock.sendall(b"220 go\r\n")
                    sock = self._context.wrap_socket(sock, server_side=True)
                elif command.startswith(b"DATA"):
                    sock.sendall(b"354 go\r\n")
                    self._content(sock)
                    sock.sendall(b"250 taken\r\n")
                    self._taken.release()
                else:
                    sock.sendall(b"250 ok\r\n")
        except OSError:
            pass  # the client is gone
        finally:
            sock.close()

    def _content(self, sock: socket.socket) -> None:
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            more = sock.recv(65536)
            if not more:
                raise ConnectionError
            self.octets += len(more)
            tail = (tail + more)[-5:]


# --- measurements --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Idle:
    """What idle TLS connections add."""

    connections: int
    before: dict[str, Memory]
    after: dict[str, Memory]

    @property
    def added_pss(self) -> int:
        """PSS of all processes together, in octets."""
        return _sum(self.after, "pss") - _sum(self.before, "pss")

    @property
    def added_rss(self) -> int:
        """RSS of all processes together, in octets."""
        return _sum(self.after, "rss") - _sum(self.before, "rss")


def _sum(memory: dict[str, Memory], kind: str) -> int:
    return sum(getattr(one, kind) for one in memory.values())


def _all(subject: Subject) -> dict[str, Memory]:
    return {f"{one.role} {one.pid}": one.memory() for one in subject.members()}


def idle_connections(subject: Subject, count: int = CONNECTIONS) -> Idle:
    """Open so many TLS connections, let them stand, and look."""
    context = _trusting()
    open_tls(subject.port, context).close()  # what the first connection loads is not per connection
    time.sleep(SETTLE_SECONDS)
    before = _all(subject)
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(open_tls(subject.port, context))
        time.sleep(SETTLE_SECONDS)
        after = _all(subject)
    return Idle(count, before, after)


def large_message(subject: Subject, counter: Counter, size: int = MESSAGE) -> dict[str, int]:
    """Send one large message through; how far the peak of each process rose, in octets.

    A short one goes before it: what a process loads when it starts, or with the first message, is
    not the large one's, however late a busy machine comes to it.
    """
    send_message(subject.port, 1)
    counter.wait()
    counter.octets = 0
    time.sleep(SETTLE_SECONDS)
    before = {}
    for one in subject.members():
        one.reset_peak()
        before[one] = one.memory().rss
    send_message(subject.port, size)
    counter.wait()
    if counter.octets < size:
        raise BenchFailed(f"{counter.octets} of {size} octets arrived")
    return {f"{one.role} {one.pid}": one.memory().peak - rss for one, rss in before.items()}


def idle_cpu(subject: Subject, seconds: float = IDLE_SECONDS) -> float:
    """The share of one processor that a gateway without work uses."""
    time.sleep(SETTLE_SECONDS)
    begin, before = time.monotonic(), sum(one.seconds() for one in subject.members())
    time.sleep(seconds)
    used = sum(one.seconds() for one in subject.members()) - before
    return used / (time.monotonic() - begin)


@dataclass(frozen=True, slots=True)
class Start:
    """One start, from the command to the first banner."""

    seconds: float
    processor: float  # time used by all processes until all serve; it tells what load hides


def starts(folder: Path, count: int = STARTS) -> list[Start]:
    """Time a number of starts on a data directory that was used before."""
    subject = Subject(folder, None)
    took = []
    for _ in range(count + 1):
        try:
            seconds = subject.start()
            took.append(Start(seconds, sum(one.seconds() for one in subject.members())))
        finally:
            subject.stop()
    return took[1:]  # the first one may have written byte code


@dataclass(slots=True)
class Footprint:
    """Everything measured."""

    machine: dict[str, str]
    idle: Idle
    message: dict[str, int]
    cpu: float
    start: list[Start] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str, str]]:
        """What, measured, target."""
        idle, took = self.idle, sorted(one.seconds for one in self.start)
        start, busy = statistics.median(took), statistics.median(s.processor for s in self.start)
        each = idle.added_pss / idle.connections / 1000
        rows = [
            (
                f"{idle.connections} idle TLS connections add (PSS of all processes)",
                f"{_mb(idle.added_pss)} ({each:.1f} kB each; RSS {_mb(idle.added_rss)})",
                f"≤ {_mb(MOST_FOR_CONNECTIONS)}",
            ),
            *(
                (f"a 50 MB message raises {name.split()[0]} by", _mb(rise), "≤ 16.0 MB")
                for name, rise in self.message.items()
            ),
            (
                f"start to the first banner, median of {len(self.start)}",
                f"{start:.2f} s ({took[0]:.2f}-{took[-1]:.2f}); {busy:.2f} s of processor time",
                f"< {MOST_FOR_START:.0f} s",
            ),
            ("idle CPU, all processes", f"{self.cpu:.1%} of one processor", "-"),
        ]
        for name, memory in idle.before.items():
            text = f"PSS {_mb(memory.pss)}, RSS {_mb(memory.rss)}"
            rows.append((f"{name.split()[0]}, idle without connections", text, "-"))
        return rows


def _mb(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB"


def measure(home: Path, connections: int = CONNECTIONS, rounds: int = STARTS) -> Footprint:
    """Measure it all."""
    identity = make_identity(home)
    for name in ("idle", "message", "start"):
        (home / name).mkdir()
    with running(home / "idle", identity) as subject:
        cpu = idle_cpu(subject)
        idle = idle_connections(subject, connections)
    counter = Counter(identity)
    with running(home / "message", identity, counter.port) as subject:
        message = large_message(subject, counter)
    counter.close()
    return Footprint(machine(), idle, message, cpu, starts(home / "start", rounds))


def main() -> int:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--rounds", type=int, default=STARTS, help="starts that are timed")
    parser.add_argument("--output", type=Path, default=None, help="where the figures go (JSON)")
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="footprint-", dir=RESULTS))
    try:
        found = measure(home, asked.connections, asked.rounds)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    figures: dict[str, Any] = asdict(found)
    output = asked.output or RESULTS / f"footprint-{time.strftime('%Y%m%dT%H%M%S')}.json"
    output.write_text(json.dumps(figures, indent=1))
    print("\n".join(f"{name}: {value}" for name, value in found.machine.items()))
    print("\n| what | measured | target |\n|---|---|---|")
    for row in found.rows():
        print("| " + " | ".join(row) + " |")
    print(f"\nfigures: {output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
