# SPDX-License-Identifier: Apache-2.0
"""The supervisor's work: sockets, processes, the log, and making a revision run.

A revision is applied by generations. New receivers start with the new rules on the same listening
sockets, and when all of them serve, the old ones stop accepting and end with their last client: no
connection is refused meanwhile, and open transactions end under the rules with which they began. If
the new ones do not come up, they are stopped and the old revision goes on. The deliverer is one
process and changes its rules in place.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gatehouse.config.running import Running
from gatehouse.journal import facts
from gatehouse.journal.counters import Totals
from gatehouse.service.base import channel as line
from gatehouse.service.base import handover
from gatehouse.service.base.children import Callbacks, Child, Children, Launch, Rules
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.log_files import LogWriter
from gatehouse.service.base.recorder import Recorder
from gatehouse.service.base.revision import NotOfThisMachine, RevisionUnusable, load_running
from gatehouse.service.base.supervisor import TaskSupervisor, describe
from gatehouse.service.commit import entrances
from gatehouse.service.commit.ports import Ports
from gatehouse.service.commit.questions import Answer, Questions
from gatehouse.service.commit.sockets import CannotListen, Endpoint, endpoints
from gatehouse.service.commit.visits import Visits
from gatehouse.service.trust import keyring
from gatehouse.store.directory import DirectoryLock
from gatehouse.store.errors import StoreError
from gatehouse.store.sqlite.store import SqliteStore

RECEIVER = "receiver"
DELIVERER = "deliverer"

LOOK_SECONDS = 0.01
# A receiver for each processor, up to here: more of them want a decision (processes.receivers).
MOST_BY_DEFAULT = 16
# Old receivers keep their clients this long at most after a new revision runs.
DRAIN_SECONDS = 900.0
# What clients and deliveries get when the gateway stops; systemd's default patience is 90 s.
STOP_SECONDS = 25.0
FLUSH_SECONDS = 0.1
STATUS_SECONDS = 60.0  # the appliance writes its Status line every minute
# Old receivers close their doors at once; one that is stuck does not hold the commit up for longer.
CLOSE_LOOKS, CLOSE_PAUSE = 40, 0.05


class ApplyFailed(Exception):
    """A revision could not be made to run; the one before it goes on. The text says why."""


class WrongMachine(ApplyFailed):
    """The revision is for other machines than this one. It is no fault of the revision."""


def _alone() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductorTools:
    """What the supervisor process has at hand."""

    store: SqliteStore
    clock: Clock
    recorder: Recorder
    log: LogWriter
    tasks: TaskSupervisor
    command: Callable[[Launch], list[str]]
    alarmed: Callable[[line.Alarmed], None]  # a process has something to tell people
    visits: Visits
    lock: DirectoryLock  # kept by all processes, so that none works beside the next gateway
    machine: Callable[[], str | None] = _alone  # which one of a cluster this is


class Conductor:
    """Runs the processes of one gateway."""

    def __init__(self, tools: ConductorTools) -> None:
        self._tools = tools
        self._ports = Ports(lambda: [one.listener for one in tools.store.suspensions.listeners()])
        self._questions = Questions()
        self._children = Children(
            tools.command,
            Callbacks(self._message, self._started, self._died, self._ended),
            (tools.lock.fileno(),),
        )
        self._entrances = entrances.Entrances(
            self._children, lambda: self._deaths, tools.clock.monotonic
        )
        self._totals = Totals()
        self._applied: dict[int, asyncio.Future[str | None]] = {}
        self._deaths = 0
        self._turn = asyncio.Lock()
        self._upkeep = False
        self.running: Running | None = None
        self.revision = 0

    # --- start and stop -------------------------------------------------------------------------

    async def start(self, revision: int, tried: bool = False) -> None:
        """Bring everything up under a revision; raises ApplyFailed, and then nothing is up.

        `tried`: nobody has seen this revision run yet, so that all of it has to come up.
        """
        if not self._upkeep:
            self._upkeep = True
            self._tools.tasks.start(self._flush(), "journal")
            self._tools.tasks.start(self._status(), "status line")
        # One receiver is wanted whatever the revision says: it loads while we read.
        async with self.standing_by(1):
            await self._start(revision, tried)

    async def _start(self, revision: int, tried: bool) -> None:
        running = await asyncio.to_thread(self._load, revision)
        try:
            sockets = self._bind(running)
            # Receivers first: who waits for a banner is served before mail that has waited.
            packed = handover.pack(running)
            await self._receivers(running, Rules(revision, packed, sockets))
            await self._deliverer(Rules(revision, packed, {}), tried)
            doors = await self._entrances.begin(running, revision, packed, self._ports.open_now)
            if tried:
                await self._entrances.serving(doors)
        except (ApplyFailed, entrances.CannotStart) as error:
            self._children.give_up(revision)
            self._ports.keep(())
            raise ApplyFailed(str(error)) from None
        self._entrances.finish(doors)
        self._runs(running, revision)

    async def _deliverer(self, rules: Rules, tried: bool) -> None:
        self._deaths = 0
        await self._children.start(DELIVERER, rules)
        try:
            async with asyncio.timeout(entrances.START_SECONDS):
                while not any(one.ready.is_set() for one in self._children.of(DELIVERER)):
                    if tried and self._deaths > entrances.MAX_DEATHS:
                        raise ApplyFailed("The deliverer does not start; the event log says why")
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            if tried:
                raise ApplyFailed("The deliverer does not start; the event log says why") from None
            # Mail is safe meanwhile; the children see to it that a deliverer comes up.

    def _runs(self, running: Running, revision: int) -> None:
        self.running, self.revision = running, revision
        self._tools.log.limit(running.logs.rollover_size, running.logs.keep)

    async def stop(self) -> None:
        """Stop accepting, let what is in flight end, stop all processes."""
        self._ports.keep(())
        await self._children.stop(STOP_SECONDS)
        self._record(facts.GatewayStopped(at=self._tools.clock.wall()))
        self._tools.recorder.flush()

    def _load(self, revision: int) -> Running:
        store = self._tools.store
        try:
            return load_running(store, revision, keyring.names(store), self._tools.machine())
        except NotOfThisMachine as error:
            raise WrongMachine(f"{error}") from None
        except (RevisionUnusable, StoreError) as error:
            raise ApplyFailed(str(error)) from None

    def _bind(self, running: Running) -> dict[str, socket.socket]:
        others = [
            (one.endpoint, f"The process for {one.role}") for one in entrances.wanted(running)
        ]
        try:
            return self._ports.bind(running, others)
        except CannotListen as error:
            raise ApplyFailed(str(error)) from None

    async def _receivers(self, running: Running, rules: Rules) -> None:
        """Start receivers for a revision and wait until all serve; raises ApplyFailed."""
        wanted = running.processes.receivers or min(len(os.sched_getaffinity(0)), MOST_BY_DEFAULT)
        self._deaths = 0
        revision = rules.revision
        try:
            for _ in range(wanted):
                await self._children.start(RECEIVER, rules)
        except OSError as error:
            self._children.give_up(revision)
            raise ApplyFailed(f"No receiver can be started: {error}") from None
        ends = self._tools.clock.monotonic() + entrances.START_SECONDS
        while self._serving(revision) < wanted:
            # One that dies is started again; several in a row have a reason that will not go away.
            if self._deaths > entrances.MAX_DEATHS or self._tools.clock.monotonic() > ends:
                self._children.give_up(revision)
                raise ApplyFailed("The receivers do not start; the event log has the reason")
            await asyncio.sleep(LOOK_SECONDS)

    def _serving(self, revision: int) -> int:
        """How many receivers of a revision serve."""
        ours = [c for c in self._children.of(RECEIVER) if c.revision == revision]
        return sum(child.ready.is_set() for child in ours)

    # --- a new revision --------------------------------------------------------------------------

    @asynccontextmanager
    async def standing_by(self, number: int | None = None) -> AsyncIterator[None]:
        """Around the checks and the start of a revision: as many receivers as serve, or so many.

        They load their modules while its text is still being read and checked. Those that were not
        needed, or not good for anything because the text was refused, are gone afterwards.
        """
        wanted = len(self._children.of(RECEIVER)) if number is None else number
        await self._children.stand_by(RECEIVER, wanted)
        try:
            yield
        finally:
            self._children.stand_down()

    async def apply(
        self, revision: int, operator: str, comment: str, running: Running | None = None
    ) -> None:
        """Make a stored revision run; raises ApplyFailed, and then the old one goes on.

        `running`: what was compiled when its text was checked; None: it is read from the store.
        """
        async with self._turn:
            if running is None:
                running = await asyncio.to_thread(self._load, revision)
            before = frozenset(self._ports.open_now)
            try:
                sockets = self._bind(running)
                packed = handover.pack(running)
                doors = await self._entrances.begin(running, revision, packed, self._ports.open_now)
                await self._receivers(running, Rules(revision, packed, sockets))
                await self._entrances.serving(doors)
            except (ApplyFailed, entrances.CannotStart) as error:
                self._stay(before)
                raise ApplyFailed(str(error)) from None
            try:
                await self._apply_deliverer(revision, packed)
            except ApplyFailed:
                self._children.dismiss(RECEIVER, revision, 1.0)
                self._entrances.undo(doors)
                self._stay(before)
                raise
            self._entrances.finish(doors)
            old = self._children.dismiss(RECEIVER, revision, DRAIN_SECONDS, but=True)
            await self._closed(old)
            self._runs(running, revision)
            self._ports.keep(endpoints(running))
            self._record(
                facts.ConfigurationCommitted(
                    at=self._tools.clock.wall(),
                    revision=revision,
                    operator=operator,
                    comment=comment,
                )
            )

    def _stay(self, before: Collection[Endpoint]) -> None:
        """What was tried does not run: the sockets are as they were."""
        self._ports.keep(before)
        if self.running is not None:
            self._hold(self.running)

    def _hold(self, running: Running) -> tuple[str, ...]:
        try:
            return self._ports.hold(running)
        except CannotListen as error:
            raise ApplyFailed(str(error)) from None

    async def listeners_changed(self, within: float) -> None:
        """Listeners were suspended (who is inside has so many seconds) or resumed; may fail."""
        async with self._turn:
            if self.running is not None:
                shut = self._hold(self.running)
                await self._tell(lambda n: line.Doors(n, shut, within), RECEIVER)

    async def _closed(self, old: Sequence[Child]) -> None:
        """The old receivers take no more clients: the next handshake is under the new rules."""
        left = {child.process.pid for child in old}
        for _ in range(CLOSE_LOOKS):
            told = await self.ask("status")
            if not any(pid in left and value.get("listening") for _, pid, value in told):
                return
            await asyncio.sleep(CLOSE_PAUSE)

    async def _apply_deliverer(self, revision: int, packed: bytes) -> None:
        rules = Rules(revision, packed, {})
        while behind := [one for one in self._children.of(DELIVERER) if one.revision != revision]:
            (child, *_) = behind
            future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            self._applied[revision] = future
            before, child.rules = child.rules, rules
            child.send(line.Apply(revision, packed))
            try:
                async with asyncio.timeout(entrances.START_SECONDS):
                    error = await future
            except TimeoutError:
                error = "it does not answer"
            finally:
                self._applied.pop(revision, None)
            if error is not None:
                child.rules = before
                raise ApplyFailed(f"The deliverer does not take the revision: {error}")
        self._children.restart_by(DELIVERER, rules)  # one that has died may be about to come back

    # --- what processes say -------------------------------------------------------------------

    def _message(self, child: Child, message: line.Message) -> None:
        match message:
            case line.LogBlock():
                self._tools.log.append(message)
            case line.Wake():
                for deliverer in self._children.of(DELIVERER):
                    deliverer.send(message)
            case line.Stats():
                child.gauges = message.gauges
                self._totals.grow(message.counters)
            case line.Alarmed():
                self._tools.alarmed(message)
            case line.Inside(people):
                self._tools.visits.inside(child, people)
            case line.Told(number, value):
                self._questions.told(number, value)
            case line.Applied(revision, error):
                waiting = self._applied.get(revision)
                if waiting is not None and not waiting.done():
                    waiting.set_result(error)
            case _:
                pass

    def _started(self, child: Child) -> None:
        self._record(
            facts.ProcessStarted(
                at=self._tools.clock.wall(), role=child.role, pid=child.process.pid
            )
        )

    def _died(self, child: Child, status: int) -> None:
        self._deaths += 1
        self._record(
            facts.ProcessDied(
                at=self._tools.clock.wall(),
                role=child.role,
                pid=child.process.pid,
                status=status,
            )
        )

    def _ended(self, child: Child) -> None:
        self._questions.ended(child)
        self._tools.visits.ended(child)

    def _record(self, fact: facts.Fact) -> None:
        self._tools.recorder.record(fact)

    def queue_changed(self) -> None:
        """The queue is not as it was: the deliverer looks again, after the journal that says so."""
        self._tools.recorder.flush()
        for deliverer in self._children.of(DELIVERER):
            deliverer.send(line.QueueChanged())

    async def ask(self, what: str) -> list[Answer]:
        """Ask every process; (role, process id, answer) of those that answer in time."""
        return await self._tell(lambda number: line.Ask(number, what))

    async def _tell(self, message: Callable[[int], line.Message], role: str = "") -> list[Answer]:
        """Say something to every process (of a role) that is answered with its number."""
        asked = [child for child in self._children.all if role in ("", child.role)]
        return await self._questions.ask(asked, message)

    def totals(self) -> dict[str, int | str]:
        """Counters since the start and gauges now, of all processes together."""
        return self._totals.values(child.gauges for child in self._children.all)

    # --- upkeep -----------------------------------------------------------------------------------

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._tools.recorder.flush()

    async def _status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            try:
                values = self.totals()
            except Exception as error:
                self._record(
                    facts.InternalFault(
                        at=self._tools.clock.wall(), where="status line", what=describe(error)
                    )
                )
                continue
            self._record(facts.StatusSnapshot(at=self._tools.clock.wall(), values=values))
