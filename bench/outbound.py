# SPDX-License-Identifier: Apache-2.0
"""Delivery under strain: what verification costs, and what a dead destination costs the others.

    python -m bench.outbound [verify] [dead] [--messages N] [--rounds N] [--stuck N] [--seconds N]

`verify`: the relay rate with required-verify beside that with preferred, in turns (`tls_levels`).
`dead`: 10,000 messages wait for a destination that does not answer, 1,000 healthy ones are in play
and get 50 messages a second. What counts is the time from the 250 that the client heard to the end
of data at the receiving server, both seen from here, by one clock.
"""

import argparse
import asyncio
import json
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.harness import (
    BenchFailed,
    GatehouseSystem,
    Load,
    Setting,
    gatehouse_configuration,
    machine,
    make_identity,
    middle,
    running,
)
from bench.tls_levels import GOAL, rate
from tests.ports import free_port

STUCK = 10_000
DOMAINS = 1000
A_SECOND = 50
TARGET_P99 = 5.0
CLIENTS = 4
DRAIN_SECONDS = 60.0  # what has not come by then is counted as lost
DEAD = "bench.example"  # where the load generator sends
HEALTHY = "healthy.example"


class Crossroads(GatehouseSystem):
    """Gatehouse as it ships, with one route into nowhere and one to a thousand domains.

    Its waits are shorter than those that it ships with, so that a short run sees several rounds.
    """

    def __init__(self, dead: int, sink: int, wait: int) -> None:
        self.dead, self.sink, self.wait = dead, sink, wait

    def configuration(self, port: int, setting: Setting) -> str:
        """The text that it runs by."""
        text = gatehouse_configuration(port, setting)
        accepted = f'{{ recipient = "{DEAD}", access = "accept" }}'
        healthy = f'{{ recipient = ".{HEALTHY}", access = "accept" }}'
        assert accepted in text
        text = text.replace(accepted, f"{accepted}, {healthy}")
        routes = (
            f'[smtp_routes]\n"{DEAD}" = ["127.0.0.1:{self.dead}"]\n'
            f'".{HEALTHY}" = ["127.0.0.1:{self.sink}"]\n'
        )
        profile = f"[bounce_profiles.default]\ninitial_wait = {self.wait}\nmax_wait = {self.wait}\n"
        return text.replace("suspended = true", "suspended = false") + routes + profile

    def said(self) -> str:
        """What it wrote to its terminal."""
        return self._output.read_text()


@dataclass(slots=True)
class Journey:
    """When each message was accepted, and when it arrived; seconds of one clock."""

    accepted: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Accepted, and not there yet."""
        return len(self.accepted.keys() - self.arrived.keys())

    def seconds(self) -> list[float]:
        """How long each took; the 250 may reach the client after the message has left."""
        return sorted(
            max(0.0, at - self.accepted[name])
            for name, at in self.arrived.items()
            if name in self.accepted
        )


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, journey: Journey
) -> None:
    """One connection of the receiving server: takes everything, notes when."""
    writer.write(b"220 sink.example ESMTP\r\n")
    recipients: list[str] = []
    try:
        while line := await reader.readline():
            match line[:4].upper():
                case b"EHLO":
                    writer.write(b"250-sink.example\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
                case b"RCPT":
                    recipients.append(line.decode().partition("<")[2].partition(">")[0])
                    writer.write(b"250 2.1.5 ok\r\n")
                case b"DATA":
                    writer.write(b"354 go on\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    journey.arrived |= dict.fromkeys(recipients, time.monotonic())
                    recipients = []
                    writer.write(b"250 2.0.0 taken\r\n")
                case b"QUIT":
                    writer.write(b"221 2.0.0 bye\r\n")
                    return
                case _:
                    writer.write(b"250 2.0.0 ok\r\n")
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        pass  # gone, or the measurement is over
    finally:
        writer.close()


@asynccontextmanager
async def _sink(journey: Journey, port: int) -> AsyncIterator[None]:
    server = await asyncio.start_server(lambda r, w: _serve(r, w, journey), "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def _client(port: int, journey: Journey, numbers: range, begin: float) -> None:
    """Sends message N at its moment; a late one goes at once, and the next is not later for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def said(command: str = "") -> None:
        if command:
            writer.write(f"{command}\r\n".encode())
        while (line := await reader.readline())[3:4] == b"-":
            pass
        if line[:1] not in b"23" or not line:
            raise ConnectionError(f"{command[:40]!r}: {line!r}")

    await said()
    await said("EHLO client.example")
    for number in numbers:
        await asyncio.sleep(begin + number / A_SECOND - time.monotonic())
        name = f"u{number}@d{number % DOMAINS}.{HEALTHY}"
        await said("MAIL FROM:<ann@client.example>")
        await said(f"RCPT TO:<{name}>")
        await said("DATA")
        await said(f"Subject: {number}\r\n\r\n{'x' * 70}\r\n.")
        journey.accepted[name] = time.monotonic()
    await said("QUIT")
    writer.close()


async def _healthy(port: int, sink: int, seconds: int) -> Journey:
    journey = Journey()
    total = seconds * A_SECOND
    async with _sink(journey, sink):
        begin = time.monotonic() + 0.1
        clients = (
            _client(port, journey, range(first, total, CLIENTS), begin) for first in range(CLIENTS)
        )
        await asyncio.gather(*clients)
        ends = time.monotonic() + DRAIN_SECONDS
        while journey.missing and time.monotonic() < ends:
            await asyncio.sleep(0.05)
    return journey


@dataclass(frozen=True, slots=True)
class Strain:
    """What one run found; seconds."""

    dead: str
    stuck: int
    sent: int
    lost: int
    p50: float
    p99: float
    worst: float


def strained(kind: str, stuck: int, seconds: int, wait: int) -> Strain:
    """One run. `kind`: the dead destination refuses connections, or takes them and is silent."""
    port, sink = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as mute:
        if kind == "silent":
            mute.bind(("127.0.0.1", port))
            mute.listen(4096)
        setting = Setting(identity=make_identity(Path(folder)))
        system = Crossroads(port, sink, wait)
        with running(system, setting) as listener:
            Load(messages=stuck, per_connection=100).run(listener)
            journey = asyncio.run(_healthy(listener, sink, seconds))
            if "Traceback" in (told := system.said()):
                raise BenchFailed(f"the gateway has a fault of its own: {told[-2000:]}")
    took = journey.seconds()
    cuts = statistics.quantiles(took, n=100)
    return Strain(kind, stuck, len(journey.accepted), journey.missing, cuts[49], cuts[98], took[-1])


def verified(messages: int, rounds: int) -> None:
    """The two levels in turns, once with many messages on a connection and once with one."""
    with tempfile.TemporaryDirectory() as folder:
        identity = make_identity(Path(folder))
        for per_connection in (50, 1):
            found: dict[str, list[float]] = {"preferred": [], "required-verify": []}
            for number in range(rounds):
                order = list(found) if number % 2 == 0 else list(reversed(found))
                for level in order:
                    found[level].append(rate(level, per_connection, messages, identity))
            plain, proven = (middle(rates) for rates in found.values())
            print(
                f"{per_connection} on a connection: preferred {plain:.0f} /s, required-verify "
                f"{proven:.0f} /s, ratio {proven / plain:.2f} (goal {GOAL})",
                flush=True,
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.outbound", description=__doc__)
    parser.add_argument("what", nargs="*", help="verify, dead; none: both")
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stuck", type=int, default=STUCK)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--wait", type=int, default=15, help="seconds between tries of the dead")
    given = parser.parse_args()
    if not set(given.what) <= {"verify", "dead"}:
        parser.error("verify or dead")
    print("\n".join(f"{name}: {value}" for name, value in machine().items()))
    if not given.what or "verify" in given.what:
        verified(given.messages, given.rounds)
    if not given.what or "dead" in given.what:
        for kind in ("refusing", "silent"):
            found = strained(kind, given.stuck, given.seconds, given.wait)
            print(json.dumps(asdict(found)))
            reached = "reached" if found.p99 < TARGET_P99 and not found.lost else "NOT reached"
            print(f"p99 {found.p99:.3f} s of {TARGET_P99} s with a {kind} destination: {reached}")


if __name__ == "__main__":
    main()
