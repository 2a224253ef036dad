# SPDX-License-Identifier: Apache-2.0
"""The storm: load, kills at seeded random moments, restarts on the same data, drain, verdict.

A kill counts only when something was in flight; what it was stands in the record. The harness and
its ledgers are one process that nobody kills, on another file system where there is one.
"""

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.crash import disk, ledger, verdict
from tests.crash.gateway import ENTRY, Gateway, Wiring
from tests.crash.load import Load
from tests.crash.sink import Sink
from tests.crash.volume import Volume
from tests.patience import PATIENCE
from tests.ports import free_port

# The drain is over when nothing has happened for so long; the longest retry wait is two seconds.
DRAIN_SECONDS = 20.0
# Seconds of load between the banner and the kill: from the first messages to a warm gateway.
UPTIME = (0.05, 1.2)

# Ways to kill. The flag: deliveries that were in flight may arrive once more.
GROUP = "the whole process group"
RECEIVER = "the receivers"
DELIVERER = "the deliverer"
SUPERVISOR = "the supervisor"
START_UP = "the group, while it starts"
TERM = "SIGTERM"
POWER = "the power"
EXCUSES = {
    GROUP: True,
    RECEIVER: False,
    DELIVERER: True,
    SUPERVISOR: True,
    START_UP: True,
    TERM: False,
    POWER: True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done."""

    seed: int
    steps: tuple[str, ...]  # ways to kill, in order
    clients: int = 10
    drain: float = DRAIN_SECONDS
    entry: tuple[str, ...] = ENTRY
    disk_reserve: str = "8M"


@dataclass(slots=True)
class Record:
    """What a storm was like."""

    findings: verdict.Findings
    kills: Counter[str] = field(default_factory=Counter)
    idle_kills: int = 0  # nothing was in flight: not counted
    phases: Counter[str] = field(default_factory=Counter)  # in how many kills somebody was there
    in_flight: Counter[str] = field(default_factory=Counter)  # sum over all kills
    failed_starts: int = 0
    slowest_start: float = 0.0
    seconds: float = 0.0
    refusals: Counter[str] = field(default_factory=Counter)
    integrity: str = ""
    exit_status: int = 0


class Storm:
    """One data directory, one load, one sink."""

    def __init__(self, plan: Plan, data: Path, notes: Path) -> None:
        self.plan = plan
        self.data = data
        self._notes = notes
        self._dice = random.Random(plan.seed)
        self.gateway = Gateway(data, notes / "gateway.out", plan.entry)
        self.record = Record(verdict.Findings())
        self.volume: Volume | None = None
        self.say: Callable[[str], None] = lambda _: None

    async def open(self) -> None:
        """Sink, ledgers, configuration; the gateway is not started."""
        self._kills = ledger.Ledger(self._notes / "kills.ledger")
        self._taken = ledger.Ledger(self._notes / "sink.ledger")
        self._given = ledger.Ledger(self._notes / "client.ledger")
        self.sink = Sink(self._taken, random.Random(self._dice.random()), _sink_tls())
        clear, secure = await self.sink.start()
        wiring = Wiring(
            port=free_port(),
            sink=clear,
            secure_sink=secure,
            disk_reserve=self.plan.disk_reserve,
        )
        self.gateway.prepare(wiring)
        self.load = Load(self._given, random.Random(self._dice.random()), wiring.port)
        self.load.settled = self.sink.settled

    async def close(self) -> None:
        """End everything, however it went."""
        if self.gateway.running:
            self.gateway.kill_group()
            await asyncio.to_thread(self.gateway.wait_until_gone)
        await self.sink.stop()
        for one in (self._given, self._taken, self._kills):
            one.close()

    async def run(self) -> Record:
        """All of it."""
        began = time.monotonic()
        await self.open()
        try:
            await asyncio.to_thread(self.gateway.start)
            self.load.start(self.plan.clients)
            for number, way in enumerate(self.plan.steps, 1):
                await self._step(way)
                self.say(f"{number}/{len(self.plan.steps)} {way}; {self.load.messages} messages")
            await self.load.stop()
            await self.settle()
        finally:
            await self.close()
        self.record.seconds = time.monotonic() - began
        return self.record

    # --- kills ------------------------------------------------------------------------------

    async def _step(self, way: str) -> None:
        """One kill that counts, and the gateway running again."""
        while True:
            await asyncio.sleep(self._dice.uniform(*UPTIME))
            if way == START_UP:
                await self._kill_while_starting()
                return
            flying = self._flying()
            if await self._kill(way, flying):
                return

    def _flying(self) -> Counter[str]:
        """Who is in which phase now; idle connections and waiting mail do not count."""
        return +(self.load.phases + self.sink.phases)

    async def _kill(self, way: str, flying: Counter[str]) -> bool:
        start = time.monotonic()
        await self._end(way)
        self._kills.note("KILL", way.replace(" ", "_"), int(EXCUSES[way]), start, time.monotonic())
        whole = way not in (RECEIVER, DELIVERER)
        await asyncio.to_thread(self.gateway.start if whole else self.gateway.ensure)
        busy = {phase: n for phase, n in flying.items() if phase not in ("receive: idle",)}
        if not busy:
            self.record.idle_kills += 1
            return False
        self.record.kills[way] += 1
        self.record.in_flight.update(busy)
        self.record.phases.update(busy.keys())
        return True

    async def _end(self, way: str) -> None:
        gateway = self.gateway
        match way:
            case "the whole process group":
                gateway.kill_group()
                await asyncio.to_thread(gateway.wait_until_gone)
            case "the receivers":
                gateway.kill_role("receiver")
            case "the deliverer":
                gateway.kill_role("deliverer")
            case "the supervisor":
                # Like a service manager that starts it again at once: the old processes must not
                # be in the way, and must not deliver beside the new ones.
                gateway.kill_supervisor()
                await asyncio.to_thread(gateway.process.wait)
                await asyncio.sleep(0)
            case "the power":
                assert self.volume is not None
                gateway.freeze_group()
                self.volume.cut_power()
                gateway.kill_group()
                await asyncio.to_thread(gateway.wait_until_gone)
                await asyncio.to_thread(self.volume.power_on)
            case "SIGTERM":
                status = await asyncio.to_thread(gateway.terminate)
                if status != 0:
                    raise AssertionError(f"exit status {status} after SIGTERM")
            case _:
                raise ValueError(way)

    async def _kill_while_starting(self) -> None:
        """Three deaths in a row during start-up, each at another moment."""
        for _ in range(3):
            start = time.monotonic()
            self.gateway.kill_group()
            await asyncio.to_thread(self.gateway.wait_until_gone)
            self._kills.note("KILL", "start-up", 1, start, time.monotonic())
            self.gateway.spawn()
            await asyncio.sleep(self._dice.uniform(0.0, 0.9))
        self.record.kills[START_UP] += 3
        start = time.monotonic()
        self.gateway.kill_group()
        await asyncio.to_thread(self.gateway.wait_until_gone)
        self._kills.note("KILL", "start-up", 1, start, time.monotonic())
        await asyncio.to_thread(self.gateway.start)

    # --- the end ----------------------------------------------------------------------------

    async def settle(self) -> None:
        """Drain, wait for the sweep, stop, judge."""
        self.sink.kind = True
        await self.drain()
        stuck = dict.fromkeys(disk.waiting(self.data), False)
        orphans = disk.orphans(self.data)
        ends = time.monotonic() + PATIENCE  # it looks for dead segments every five seconds
        while orphans and time.monotonic() < ends:
            await asyncio.sleep(0.5)
            orphans = disk.orphans(self.data)
        self.record.exit_status = await asyncio.to_thread(self.gateway.terminate)
        self.record.integrity = disk.intact(self.data)
        await self._given.say("FLUSH")
        await self._taken.say("FLUSH")
        await self._kills.say("FLUSH")
        self.record.findings = verdict.judge(self.entries(), stuck, orphans)
        self.record.failed_starts = self.gateway.failed_starts
        self.record.slowest_start = self.gateway.slowest_start
        self.record.refusals = self.load.refused

    async def drain(self) -> None:
        """Until the queue is empty, or does not become shorter any more."""
        left, since = -1, time.monotonic()
        while time.monotonic() - since < self.plan.drain:
            waiting = len(disk.waiting(self.data))
            if not waiting and not self.load.unsettled:
                return
            if waiting != left:
                left, since = waiting, time.monotonic()
            await asyncio.sleep(0.1)

    def entries(self) -> list[ledger.Entry]:
        """The ledgers so far."""
        return ledger.read(one.path for one in (self._given, self._taken, self._kills))


def _sink_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("sink.crash.example").configure_cert(context)
    return context


def run(
    plan: Plan,
    data: Path,
    notes: Path,
    say: Callable[[str], None] | None = None,
    *,
    volume: Volume | None = None,
) -> Record:
    """A storm from start to verdict."""
    storm = Storm(plan, data, notes)
    storm.volume = volume
    if say is not None:
        storm.say = say
    return asyncio.run(storm.run())
