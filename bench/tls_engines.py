# SPDX-License-Identifier: Apache-2.0
"""Standard library `ssl` against our engine on pyOpenSSL: cost of handshakes, bytes and sessions.

Both run over memory buffers in one process, in turns, and the median of the rounds counts, so
that the ratio holds on a busy machine. CPU time, not wall time. docs/adr/0002-tls-engine.md has
the figures that decided.

    PYTHONPATH=src python bench/tls_engines.py            # all figures
    PYTHONPATH=src python bench/tls_engines.py --rounds 9 --seconds 0.5
"""

import argparse
import datetime
import pathlib
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Protocol

from OpenSSL import SSL

from gatehouse.tls import certificates, engine, profiles

IDLE_SESSIONS = 1000
MESSAGE = 4096  # a small message, as in the relay benchmark
BULK = 4 * 1024 * 1024
NAME = "mx.example.com"
KEYS = {"P-256": certificates.KeyKind.P256, "RSA-2048": certificates.KeyKind.RSA_2048}
VERSIONS = {"1.3": profiles.TlsVersion.TLS_1_3, "1.2": profiles.TlsVersion.TLS_1_2}


class End(Protocol):
    """One end of a connection, as far as the measurement needs it."""

    def receive(self, data: bytes) -> None: ...
    def handshake(self) -> bool: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def output(self) -> bytes: ...


class Maker(Protocol):
    """Makes ends of one engine."""

    def server(self) -> End: ...
    def client(self, resume: object) -> End: ...
    def saved(self, client: End) -> object: ...


def key_of(kind: str) -> certificates.CertifiedKey:
    made = certificates.create_self_signed(
        certificates.SelfSigned(
            subject=certificates.Subject(common_name=NAME), key_kind=KEYS[kind]
        ),
        now=datetime.datetime.now(datetime.UTC),
        serial=1,
    )
    assert isinstance(made, certificates.CertifiedKey)
    return made


class Ours:
    """The product's engine; `groups` to take the post-quantum exchange out of the comparison."""

    def __init__(self, kind: str, version: str, groups: tuple[str, ...] = ()) -> None:
        self._server = engine.ServerContext(
            engine.ServerTlsSettings(
                certificates=(key_of(kind),), max_version=VERSIONS[version], groups=groups
            )
        )
        self._client = engine.ClientContext(engine.ClientTlsSettings(groups=groups))

    def server(self) -> End:
        return self._server.session()

    def client(self, resume: object) -> End:
        assert resume is None or isinstance(resume, engine.SavedSession)
        return self._client.session(NAME, resume)

    def saved(self, client: End) -> object:
        assert isinstance(client, engine.TlsSession)
        return client.saved_session()


class StdlibEnd:
    """`ssl` over MemoryBIO in the same shape."""

    def __init__(
        self, context: ssl.SSLContext, *, server: bool, resume: ssl.SSLSession | None = None
    ) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server else NAME
        self.tls = context.wrap_bio(
            self._in, self._out, server_side=server, server_hostname=name, session=resume
        )

    def receive(self, data: bytes) -> None:
        self._in.write(data)

    def handshake(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def read(self) -> bytes:
        parts = []
        try:
            while True:
                parts.append(self.tls.read(65536))
        except ssl.SSLWantReadError:
            return b"".join(parts)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view) :]

    def output(self) -> bytes:
        return self._out.read()


class Stdlib:
    """Makes ends of `ssl`, with the same ciphers."""

    def __init__(self, kind: str, version: str) -> None:
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made = key_of(kind)
        with tempfile.NamedTemporaryFile() as pem:  # `ssl` takes keys from files only
            pem.write(made.key_pem + made.chain_pem[0])
            pem.flush()
            self._server.load_cert_chain(pem.name)
        self._server.maximum_version = (
            ssl.TLSVersion.TLSv1_3 if version == "1.3" else ssl.TLSVersion.TLSv1_2
        )
        self._server.set_ciphers(profiles.SERVER_CIPHERS)
        self._client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client.check_hostname = False
        self._client.verify_mode = ssl.CERT_NONE
        self._client.set_ciphers(profiles.CLIENT_CIPHERS)

    def server(self) -> End:
        return StdlibEnd(self._server, server=True)

    def client(self, resume: object) -> End:
        assert resume is None or isinstance(resume, ssl.SSLSession)
        return StdlibEnd(self._client, server=False, resume=resume)

    def saved(self, client: End) -> object:
        assert isinstance(client, StdlibEnd)
        return client.tls.session


def handshake(maker: Maker, resume: object = None) -> tuple[End, End, float]:
    """A connection, and the CPU seconds that its server side took."""
    clock = time.process_time
    spent = 0.0
    client = maker.client(resume)
    start = clock()
    server = maker.server()
    spent += clock() - start
    while True:
        client_done = client.handshake()
        data = client.output()
        start = clock()
        server.receive(data)
        server_done = server.handshake()
        data = server.output()
        spent += clock() - start
        client.receive(data)
        if client_done and server_done:
            return client, server, spent


def saved_session(maker: Maker) -> object:
    client, server, _ = handshake(maker)
    server.write(b"220\r\n")
    client.receive(server.output())
    client.read()
    return maker.saved(client)


def handshakes(maker: Maker, seconds: float, resume: object) -> tuple[float, float]:
    """(handshakes, server sides) per CPU second."""
    count, spent = 0, 0.0
    start = time.process_time()
    while (passed := time.process_time() - start) < seconds:
        for _ in range(10):
            spent += handshake(maker, resume)[2]
        count += 10
    return count / passed, count / spent


def bulk(maker: Maker, seconds: float) -> float:
    """Megabytes per CPU second, encrypted and decrypted, in writes of 64 KiB."""
    client, server, _ = handshake(maker)
    block = bytes(65536)
    moved = 0
    start = time.process_time()
    while (passed := time.process_time() - start) < seconds:
        for _ in range(BULK // len(block)):
            client.write(block)
            server.receive(client.output())
            moved += len(server.read())
    return moved / passed / 1e6


def messages(maker: Maker, seconds: float) -> float:
    """CPU microseconds for one small message: encrypt, take, give, decrypt."""
    client, server, _ = handshake(maker)
    block = bytes(MESSAGE)
    count = 0
    start = time.process_time()
    while (passed := time.process_time() - start) < seconds:
        for _ in range(100):
            client.write(block)
            server.receive(client.output())
            server.read()
        count += 100
    return passed / count * 1e6


def memory_child(which: str) -> None:
    """Print the resident bytes per idle server session; runs in a process of its own."""
    if which == "ours, buffers kept":
        keep = SSL.Context.set_mode
        SSL.Context.set_mode = lambda self, mode: (  # type: ignore[method-assign]
            keep(self, mode & ~SSL.MODE_RELEASE_BUFFERS)
        )
    maker: Maker = Stdlib("P-256", "1.3") if which == "stdlib" else Ours("P-256", "1.3")
    held = []

    def add() -> None:
        client, server, _ = handshake(maker)
        client.write(b"EHLO client.example.org\r\n")
        server.receive(client.output())
        server.read()
        server.write(b"250 mx.example.com\r\n")
        server.output()
        if isinstance(server, engine.TlsSession):
            server.report()
        held.append(server)

    for _ in range(100):
        add()
    before = resident()
    for _ in range(IDLE_SESSIONS):
        add()
    print((resident() - before) // IDLE_SESSIONS)


def resident() -> int:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def memory(which: str) -> int:
    command = [sys.executable, __file__, "--memory", which]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_turns(
    makers: dict[str, Maker], rounds: int, measure: Callable[[Maker], float]
) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, maker in makers.items():
            taken[name].append(measure(maker))
    return {name: statistics.median(values) for name, values in taken.items()}


def show(title: str, figures: dict[str, float], form: str) -> None:
    print(
        f"{title:34}"
        + "".join(f"{name} {value:{form}}".ljust(28) for name, value in figures.items())
    )


def show_handshakes(kind: str, version: str, rounds: int, seconds: float) -> None:
    makers: dict[str, Maker] = {
        "stdlib": Stdlib(kind, version),
        "ours": Ours(kind, version),
        "ours/x25519": Ours(kind, version, ("X25519", "P-256")),
    }
    for label, resumed in (("full", False), ("resumed", True)):
        both: dict[str, list[float]] = {name: [] for name in makers}
        alone: dict[str, list[float]] = {name: [] for name in makers}
        tickets = {name: saved_session(m) if resumed else None for name, m in makers.items()}
        for _ in range(rounds):
            for name, maker in makers.items():
                pair, server = handshakes(maker, seconds, tickets[name])
                both[name].append(pair)
                alone[name].append(server)
        for side, taken in (("both sides", both), ("server", alone)):
            medians = {name: statistics.median(values) for name, values in taken.items()}
            show(f"{kind} TLS {version} {label}, {side} /s", medians, ".0f")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.15)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory_child(options.memory)
        return
    print(f"stdlib {ssl.OPENSSL_VERSION}; ours {SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()}")
    for kind in KEYS:
        for version in VERSIONS:
            show_handshakes(kind, version, options.rounds, options.seconds)
    makers: dict[str, Maker] = {"stdlib": Stdlib("P-256", "1.3"), "ours": Ours("P-256", "1.3")}
    seconds = options.seconds
    show("bulk MB/s", in_turns(makers, options.rounds, lambda m: bulk(m, seconds)), ".0f")
    show(
        "4 KiB message µs", in_turns(makers, options.rounds, lambda m: messages(m, seconds)), ".1f"
    )
    idle = {which: float(memory(which)) for which in ("stdlib", "ours", "ours, buffers kept")}
    show("idle server session, bytes", idle, ".0f")


if __name__ == "__main__":
    main()
