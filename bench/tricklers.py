# SPDX-License-Identifier: Apache-2.0
"""What an honest client notices of a thousand that trickle: one octet in ten seconds each.

Run: `python -m bench.tricklers`. A gateway of its own is started on loopback with two receivers.
First an honest client sends messages over TLS to a gateway without other guests, then to the same
while the tricklers hold their connections open in every stage of a session: before the greeting is
read, in EHLO, in MAIL, in the content of DATA and BDAT, and in the TLS handshake. A transaction is
timed from the connection to the 221 behind the 250, one message of 4 KiB each.
"""

import argparse
import itertools
import json
import resource
import shutil
import socket
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from bench.footprint import open_tls, running
from bench.harness import RESULTS, machine, make_identity

COUNT = 1000
INTERVAL = 10.0
TRANSACTIONS = 300
TARGET_P99 = 2.0  # what a good client may wait at most, in 99 of 100 transactions
SOCKET_SECONDS = 30.0
_BODY = b"Subject: honest\r\n\r\n" + b"0123456789abcdef0123456789abcdef0123456789abcdef\r\n" * 80


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a trickler stops: what it says before, and the octets that it then lets fall."""

    name: str
    prologue: tuple[bytes, ...]  # commands; a reply is read after each, and the greeting first
    reads: bool  # False: not even the greeting
    drops: bytes  # said again and again


def client_hello() -> bytes:
    """How a TLS handshake begins."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


_OPEN = (
    b"EHLO trickle.example",
    b"MAIL FROM:<a@trickle.example>",
    b"RCPT TO:<b@footprint.example>",
)
STAGES = (
    Stage("greeting", (), False, b"NOOP\r\n"),
    Stage("EHLO", (), True, b"EHLO " + b"x" * 200),
    Stage("MAIL", _OPEN[:1], True, b"MAIL FROM:<" + b"x" * 200),
    Stage("DATA", (*_OPEN, b"DATA"), True, b"trickle trickle\r\n"),
    Stage("BDAT", (*_OPEN, b"BDAT 1000000"), True, b"trickle trickle\r\n"),
    Stage("handshake", (_OPEN[0], b"STARTTLS"), True, client_hello()),
)


class Trickler:
    """One connection that takes its time."""

    def __init__(self, address: str, port: int, stage: Stage, source: str | None = None) -> None:
        self.stage = stage
        bind = None if source is None else (source, 0)
        self.socket = socket.create_connection((address, port), SOCKET_SECONDS, bind)
        self.alive = True
        self._drops = itertools.cycle(stage.drops)
        if stage.reads:
            self._read()
            for command in stage.prologue:
                self.socket.sendall(command + b"\r\n")
                if not command.startswith(b"BDAT"):
                    self._read()
        self.socket.setblocking(False)

    def _read(self) -> None:
        data = b""
        while not data.endswith(b"\r\n") or data.split(b"\r\n")[-2][3:4] == b"-":
            more = self.socket.recv(4096)
            if not more:
                raise ConnectionError(f"{self.stage.name}: closed after {data!r}")
            data += more

    def drop(self) -> None:
        """Let one octet fall."""
        if not self.alive:
            return
        try:
            self.socket.send(bytes((next(self._drops),)))
        except BlockingIOError:
            pass
        except OSError:
            self.alive = False


class Tricklers:
    """So many of them, in all stages alike; each lets an octet fall once in `interval` seconds."""

    def __init__(
        self,
        endpoint: tuple[str, int],
        count: int,
        interval: float,
        sources: tuple[str, ...] = (),
    ) -> None:
        origins = itertools.cycle(sources or (None,))
        stages = itertools.cycle(STAGES)
        self.all = [
            Trickler(*endpoint, stage, source)
            for _, stage, source in zip(range(count), stages, origins, strict=False)
        ]
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._trickle, daemon=True)

    def __enter__(self) -> "Tricklers":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        for one in self.all:
            one.socket.close()

    def _trickle(self) -> None:
        """Spread over the interval, so that the gateway hears somebody all the time."""
        step = self._interval / max(1, len(self.all))
        due = time.monotonic()
        for one in itertools.cycle(self.all):
            due += step
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            one.drop()

    @property
    def alive(self) -> int:
        """How many still hold their connection, as far as they know."""
        return sum(one.alive for one in self.all)


def transaction(port: int, context: ssl.SSLContext) -> float:
    """One message over TLS, from the connection to the 221; the seconds it took."""
    begin = time.monotonic()
    with open_tls(port, context) as sock:
        commands = (b"MAIL FROM:<a@honest.example>", b"RCPT TO:<b@footprint.example>", b"DATA")
        for command in (*commands, _BODY + b".", b"QUIT"):
            sock.sendall(command + b"\r\n")
            reply = sock.recv(4096)
            if not reply.startswith((b"2", b"3")):
                raise ConnectionError(f"{command[:40]!r}: {reply!r}")
    return time.monotonic() - begin


def transactions(port: int, count: int) -> list[float]:
    """So many, one after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return [transaction(port, context) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long an honest client waited, in seconds."""

    median: float
    p99: float
    longest: float


def waiting(took: list[float]) -> Waiting:
    """The figures of many transactions."""
    ordered = sorted(took)
    place = min(len(ordered) - 1, round(0.99 * len(ordered)))
    return Waiting(statistics.median(ordered), ordered[place], ordered[-1])


@contextmanager
def enough_descriptors(count: int) -> Iterator[None]:
    """As many open files as there are connections, here and in what is started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, count + 200)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main() -> int:
    """Measure, print the table, write the figures; 1 when the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.tricklers", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--interval", type=float, default=INTERVAL, help="seconds for an octet")
    parser.add_argument("--transactions", type=int, default=TRANSACTIONS)
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="tricklers-", dir=RESULTS))
    try:
        with enough_descriptors(asked.count), running(home, make_identity(home)) as subject:
            transactions(subject.port, 20)  # what the first ones load is not theirs
            alone = waiting(transactions(subject.port, asked.transactions))
            endpoint = ("127.0.0.1", subject.port)
            with Tricklers(endpoint, asked.count, asked.interval) as tricklers:
                among = waiting(transactions(subject.port, asked.transactions))
                alive = tricklers.alive
    finally:
        shutil.rmtree(home, ignore_errors=True)
    figures = {"alone": asdict(alone), "among": asdict(among), "alive": alive, **vars(asked)}
    output = RESULTS / f"tricklers-{time.strftime('%Y%m%dT%H%M%S')}.json"
    output.write_text(json.dumps(figures, indent=1))
    print("\n".join(f"{name}: {value}" for name, value in machine().items()))
    print("\n| an honest client's transaction (TLS, 4 KiB) | median | p99 | longest |")
    print("|---|---|---|---|")
    for name, one in (("alone", alone), (f"among {alive} tricklers", among)):
        print(f"| {name} | {one.median:.3f} s | {one.p99:.3f} s | {one.longest:.3f} s |")
    print(f"\nTarget: p99 below {TARGET_P99:.0f} s.")
    return 0 if among.p99 < TARGET_P99 else 1


if __name__ == "__main__":
    raise SystemExit(main())
