# SPDX-License-Identifier: Apache-2.0
"""What every benchmark needs: load generator and sink, the systems under test, the machine.

A system under test starts on a fresh folder, listens on a port of its own, and is stopped with all
it started. The generator and the sink are C programs compiled on demand (bench/load.c,
bench/sink.c), because a generator in Python would be slower than what it measures.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.live.peers.chamber import await_banner
from tests.live.peers.opensmtpd import OpenSmtpd
from tests.live.peers.postfix import Postfix
from tests.ports import free_port

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"
RESULTS = HERE / ".results"

STOP_SECONDS = 15.0

# The slowest peer relays 20,000 messages in about two minutes on two cores.
MARK_SECONDS = 600.0

# For the first wave of processes and caches; not measured.
WARM_UP = 400


class BenchFailed(Exception):
    """A measurement that must not be counted; the text says why."""


def compiled(name: str) -> Path:
    """The path of a native program, compiled anew when its source is newer."""
    source, program = HERE / f"{name}.c", BUILD / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-o", program, source, "-lssl", "-lcrypto"], check=True
        )
    return program


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


def make_identity(folder: Path) -> Identity:
    """A self-signed P-256 certificate: the same for every system."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench.example")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bench.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    identity = Identity(folder / "bench.pem", folder / "bench.key")
    identity.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    identity.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    identity.key.chmod(0o600)
    return identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the generator is asked to send."""

    messages: int
    connections: int = 20
    per_connection: int = 1
    size: int = 4096
    starttls: bool = False

    def run(self, port: int) -> dict[str, Any]:
        """Send it all; returns what the generator measured."""
        command: list[str | Path] = [compiled("load"), "--port", str(port), "--stall", "60"]
        command += ["--messages", str(self.messages), "--connections", str(self.connections)]
        command += ["--per-connection", str(self.per_connection), "--size", str(self.size)]
        if self.starttls:
            command.append("--starttls")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchFailed(f"load generator: {done.stderr.strip()} {done.stdout.strip()}")
        measured: dict[str, Any] = json.loads(done.stdout)
        return measured


class Sink:
    """The receiving end of a relay; tells when the N-th message came."""

    def __init__(self, marks: list[int], identity: Identity | None = None) -> None:
        self.port = free_port()
        command: list[str | Path] = [compiled("sink"), "--port", str(self.port)]
        for mark in marks:
            command += ["--mark", str(mark)]
        if identity is not None:
            command += ["--certificate", identity.certificate, "--key", identity.key]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        await_banner(self.port, lambda: self._process.poll() is None, Path(os.devnull))

    def next_mark(self) -> dict[str, Any]:
        """Wait for the next mark."""
        assert self._process.stdout is not None
        alarm = threading.Timer(MARK_SECONDS, self._process.kill)
        alarm.start()
        line = self._process.stdout.readline()
        alarm.cancel()
        if not line:
            raise BenchFailed(f"not everything was relayed within {MARK_SECONDS:.0f} s")
        mark: dict[str, Any] = json.loads(line)
        return mark

    def stop(self) -> None:
        """End it, whatever it has got."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a system is to be set up for one row."""

    identity: Identity
    relay_to: int | None = None  # a port; None: what is accepted stays in the queue
    relay_tls: bool = False


class System(Protocol):
    """One of the programs that are compared."""

    name: str

    def start(self, folder: Path, setting: Setting) -> int:
        """Start on a fresh folder; returns the port."""
        ...

    def stop(self) -> None:
        """End it and all it started."""
        ...


class PostfixSystem:
    """Postfix from Debian as it ships; where nothing is delivered, every message is held."""

    name = "Postfix"

    def start(self, folder: Path, setting: Setting) -> int:
        level = "encrypt" if setting.relay_tls else "none"
        self._postfix = Postfix(
            folder,
            relay_to=setting.relay_to,
            certificate=setting.identity.certificate,
            key=setting.identity.key,
            settings={"smtp_tls_security_level": level},
        )
        return self._postfix.start().port

    def stop(self) -> None:
        self._postfix.stop()


class OpenSmtpdSystem:
    """OpenSMTPD from Debian as it ships; where nothing is delivered, relaying is paused."""

    name = "OpenSMTPD"

    def start(self, folder: Path, setting: Setting) -> int:
        self._smtpd = OpenSmtpd(
            folder,
            relay_to=setting.relay_to,
            certificate=setting.identity.certificate,
            key=setting.identity.key,
            relay_scheme="smtp+tls" if setting.relay_tls else "smtp+notls",
        )
        return self._smtpd.start().port

    def stop(self) -> None:
        self._smtpd.stop()


class GatehouseSystem:
    """Gatehouse as it ships, facts and mail log on; where nothing is delivered, suspended.

    The one limit that is raised is that on messages per connection: the load sends 100 on one.
    """

    name = "Gatehouse"

    def start(self, folder: Path, setting: Setting) -> int:
        port = free_port()
        folder.mkdir()
        text = folder / "bench.toml"
        text.write_text(self.configuration(port, setting))
        data = folder / "data"
        self._say("config", "load", str(text), "--commit", "benchmark", "--data", str(data))
        self._output = folder / "gatehouse.out"
        with self._output.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gatehouse", "run", "--data", str(data)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        await_banner(port, lambda: self._process.poll() is None, self._output)
        return port

    def configuration(self, port: int, setting: Setting) -> str:
        """The text that it runs by."""
        return gatehouse_configuration(port, setting)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print("gatehouse did not stop when asked", file=sys.stderr)
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    @staticmethod
    def _say(*argv: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "gatehouse", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchFailed(f"gatehouse {' '.join(argv[:2])}: {done.stderr.strip()}")


def gatehouse_configuration(port: int, setting: Setting) -> str:
    """A gateway for benchmarks."""
    route = f'[smtp_routes]\n"." = ["127.0.0.1:{setting.relay_to}"]\n' if setting.relay_to else ""
    return f"""format = 1

[system]
hostname = "gatehouse.example"

[interfaces.Bench]
address = "127.0.0.1"
hostname = "gatehouse.example"

[listeners.InboundMail]
type = "public"
interface = "Bench"
port = {port}
tls_mode = "starttls"
certificate = "Demo"
recipient_access = [{{ recipient = "bench.example", access = "accept" }}]

[[listeners.InboundMail.sender_groups]]
name = "ALL"
members = ["ALL"]
policy = "BENCH"

[mail_flow_policies.BENCH]
behavior = "accept"
tls = "preferred"
max_message_size = "20M"
max_messages_per_connection = 1000
max_connections_per_client = 1000

{route}
[delivery]
suspended = {"false" if setting.relay_to else "true"}

[destination_controls.default]
tls = "{"required" if setting.relay_tls else "none"}"
"""


@contextmanager
def running(system: System, setting: Setting) -> Iterator[int]:
    """A system on a fresh folder, on this repository's file system; removed afterwards."""
    RESULTS.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="spool-", dir=RESULTS))
    home.chmod(0o755)
    try:
        port = system.start(home / system.name.lower(), setting)
        try:
            yield port
        finally:
            system.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.sync()  # one system's left-over writing is not the next one's burden


class Processors:
    """How busy the machine was between two moments, from /proc/stat."""

    def __init__(self) -> None:
        self._before = self._read()

    def busy(self) -> float:
        """The share of all processors' time that was not idle."""
        idle, total = (now - then for now, then in zip(self._read(), self._before, strict=True))
        return 1 - idle / total if total else 0.0

    @staticmethod
    def _read() -> tuple[int, int]:
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)


def middle(numbers: list[float]) -> float:
    """The median; 0 when there is nothing."""
    return median(numbers) if numbers else 0.0


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if "model name" in line),
        "?",
    )
    memory = next((line.split(":")[1].strip() for line in _lines("/proc/meminfo")), "?")
    system = next(
        (line.split("=")[1].strip('"') for line in _lines("/etc/os-release") if "PRETTY" in line),
        "?",
    )
    mounted = subprocess.run(
        ["df", "--output=fstype", HERE], capture_output=True, text=True, check=False
    ).stdout.split()
    return {
        "processor": f"{os.cpu_count()} x {model}",
        "memory": memory,
        "system": f"{system}, Linux {os.uname().release}",
        "file system": mounted[-1] if mounted else "?",
        "Python": sys.version.split()[0],
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _lines(place: str) -> list[str]:
    return Path(place).read_text().splitlines() if Path(place).exists() else []
