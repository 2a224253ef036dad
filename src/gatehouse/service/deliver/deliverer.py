# SPDX-License-Identifier: Apache-2.0
"""The role of the deliverer process: what is due goes out, by couriers, under the running rules.

A new revision is applied in place: couriers that are under way finish with the rules with which
they began, the next ones get the new rules, and TLS sessions of the old ones are not resumed.
"""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from gatehouse.config.running import Running
from gatehouse.journal import facts
from gatehouse.mail.tls_report import READER
from gatehouse.policy.retry import BounceProfile
from gatehouse.service.base import channel as line
from gatehouse.service.base.fact_alarms import FactAlarms
from gatehouse.service.base.handover import unpack
from gatehouse.service.base.supervisor import describe
from gatehouse.service.base.worker import Worker
from gatehouse.service.deliver.alert_fates import AlertFates
from gatehouse.service.deliver.assembly import Ground, assemble
from gatehouse.service.deliver.connect import Connector
from gatehouse.service.deliver.courier import Courier
from gatehouse.service.deliver.courier_tools import CourierRules, CourierTools, Patience
from gatehouse.service.deliver.dispatcher import Dispatcher
from gatehouse.service.deliver.limits import Limits
from gatehouse.service.deliver.login_alarm import LoginAlarms
from gatehouse.service.deliver.mta_sts import StsPolicies
from gatehouse.service.deliver.ready import Destination
from gatehouse.service.deliver.reports import Reporter
from gatehouse.service.deliver.settle import Settler
from gatehouse.service.deliver.tls_alarm import TlsAlarms
from gatehouse.service.deliver.tls_intake import IntakeTools, TlsReportIntake
from gatehouse.service.deliver.tls_tally import TlsTally
from gatehouse.service.deliver.trust_book import check_demands
from gatehouse.service.trust import keyring
from gatehouse.store.errors import StoreError
from gatehouse.store.values import Hold, Messages

# Segments without living mail are looked for this often; one is 64 MB.
RECLAIM_SECONDS = 5.0
COMPACT_SECONDS = 60.0
# What one round of compaction may move, so that it never competes with delivery for long.
COMPACT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Rules:
    """One revision, ready to deliver by."""

    running: Running
    connector: Connector


class Deliverer:
    """Owns the dispatcher."""

    def __init__(self, worker: Worker, running: Running) -> None:
        self._worker = worker
        self._bodies = worker.store.body_writer()
        self._writer = worker.writer(lambda batch: worker.store.commit_batch(self._bodies, batch))
        self._dice = random.SystemRandom().random
        record, wall = worker.recorder.record, worker.clock.wall
        reporter = Reporter(worker.store.ids, self._bodies, worker.store.spool, record)
        self._reporter = reporter
        self._settler = Settler(wall, record, self._writer, reporter, self._dice)
        self._dispatcher = Dispatcher(
            worker.store.queue, wall, worker.tasks, self._carry, lambda: self._settler.owing > 0
        )
        self._tools = CourierTools(
            queue=worker.store.queue,
            bodies=worker.store.spool,
            wall=wall,
            record=record,
            settler=self._settler,
            lists=self._dispatcher.lists,
            damaged=self._hold_damaged,
            limits=Limits(worker.clock.monotonic),
            pause=self._dispatcher.pause,
            tls_unavailable=TlsAlarms(worker.store.queue, worker.clock, worker.send).tell,
        )
        self._tally = TlsTally(worker.store.tls_reports, worker.report)
        worker.recorder.subscribe(self._tally.count)
        worker.recorder.subscribe(LoginAlarms(worker.clock, worker.send).note)
        worker.recorder.subscribe(FactAlarms(worker.clock, worker.send).note)
        self._alert_fates = AlertFates(worker.send)
        self._settler.alert_fate = self._alert_fates.note
        self._intake = TlsReportIntake(
            IntakeTools(
                queue=worker.store.queue,
                bodies=worker.store.spool,
                reports=worker.store.tls_reports,
                settler=self._settler,
                lists=self._dispatcher.lists,
                wall=wall,
                record=record,
            )
        )
        self._refreshing: asyncio.Task[None] | None = None
        self._rules = self._apply(running)

    def _apply(self, running: Running, *, strict: bool = False) -> _Rules:
        """The rules of a revision. `strict`: raise where some of them could never be kept."""
        worker, delivery = self._worker, running.delivery
        assembly = assemble(
            running,
            Ground(
                store=worker.store,
                sts=worker.store.sts,
                clock=worker.clock,
                dice=self._dice,
                tasks=worker.tasks,
                ids=worker.store.ids,
                record=worker.recorder.record,
                certificate_of=partial(keyring.get, worker.store),
            ),
        )
        rules, tools = assembly.rules, assembly.tools
        if strict:
            check_demands(running.destinations, running.sender_overrides, assembly.book, tools.tls)
        self._refresh_policies(assembly.policies)
        self._settler.profile_of = self._profile_of
        self._reporter.hostname = delivery.hostname
        self._reporter.lifetime = running.bounce_profile("default").max_time
        self._dispatcher.table = running.destinations
        self._dispatcher.max_couriers = delivery.max_connections
        self._dispatcher.suspended = delivery.suspended
        self._tally.counting = running.tls_reporting.enabled
        return _Rules(running, Connector(rules, tools, self._tools.limits))

    def _refresh_policies(self, policies: StsPolicies | None) -> None:
        """Keep the policies of this revision fresh; what the old ones know is in the store."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        self._refreshing = None
        if policies is not None:
            self._refreshing = self._worker.tasks.start(policies.run(), "MTA-STS policies")

    def _hold_damaged(self, mid: int, error: Exception) -> None:
        """A body that is not what was stored is neither sent nor bounced: a person has to look."""
        self._worker.report(f"body of MID {mid}", error)
        self._writer.submit(Hold(Messages((mid,))), lambda _: None)

    def _profile_of(self, domain: str, listener: str) -> BounceProfile:
        return self._rules.running.profile_of(domain, listener)

    async def _carry(self, destination: Destination) -> None:
        if destination.domain == READER:
            await self._intake.run(destination)
            return
        rules = self._rules
        control = rules.running.destinations.lookup(destination.domain)
        delivery = rules.running.delivery
        patience = Patience(delivery.idle_timeout, delivery.transaction_timeout)
        by = CourierRules(control, rules.running.sender_overrides, patience)
        await Courier(destination, rules.connector, by, self._tools).run()

    async def start(self) -> None:
        """Begin with what the queue holds."""
        self._dispatcher.tell_suspended = self._say_suspended
        self._dispatcher.hold_back(self._suspended())
        self._worker.tasks.start(self._dispatcher.run(), "dispatcher", vital=True)
        self._worker.tasks.start(self._upkeep(), "spool upkeep", vital=True)
        self._worker.tasks.start(self._tally.run(), "counts for TLS reports")

    def message(self, message: line.Message) -> None:
        """New mail, a changed queue, a new revision."""
        match message:
            case line.Wake():
                self._dispatcher.wake()
            case line.QueueChanged():
                self._look_again()
            case line.Apply(revision, packed):
                self._worker.send(line.Applied(revision, self._try_apply(packed)))
            case _:
                pass

    def _look_again(self) -> None:
        """An operator changed the queue, or what is suspended."""
        try:
            self._dispatcher.hold_back(self._suspended())
        except StoreError as error:  # what was suspended stays so, and nothing else
            self._worker.report("suspensions", error)
        self._dispatcher.wake(look_again=True)

    def _suspended(self) -> frozenset[str]:
        return frozenset(one.domain for one in self._worker.store.suspensions.all())

    def _say_suspended(self, domain: str) -> None:
        at = self._worker.clock.wall()
        self._worker.recorder.record(facts.DeliveriesSuspended(at=at, domain=domain))

    def _try_apply(self, packed: bytes) -> str | None:
        """Run by another revision; the reason if that cannot be, and then nothing has changed."""
        try:
            self._rules = self._apply(unpack(packed), strict=True)
        except Exception as error:  # whatever it is, the old revision goes on
            return describe(error)
        self._dispatcher.wake(look_again=True)
        return None

    async def _upkeep(self) -> None:
        """Give space back: segments without mail at once, mostly dead ones by moving what lives."""
        loop = asyncio.get_running_loop()
        rounds = 0
        try:
            await loop.run_in_executor(None, self._worker.store.recover)
        except Exception as error:
            self._worker.report("spool upkeep", error)
        while True:
            await asyncio.sleep(RECLAIM_SECONDS)
            rounds += 1
            try:
                await loop.run_in_executor(None, self._worker.store.reclaim)
                if rounds % int(COMPACT_SECONDS / RECLAIM_SECONDS) == 0:
                    await loop.run_in_executor(
                        None, self._worker.store.compact, self._bodies, COMPACT_BYTES
                    )
            except Exception as error:
                self._worker.report("spool upkeep", error)

    def gauges(self) -> dict[str, int]:
        """Connections and destinations."""
        return {
            "CrtCncOut": self._dispatcher.couriers,
            "DstInMem": len(self._dispatcher.lists.destinations),
        }

    def tell(self, what: str) -> line.Value:
        """Numbers about this process; one destination ("host DOMAIN"); an alert ("alert MID")."""
        subject, _, domain = what.partition(" ")
        if subject == "host":
            return self._host(domain)
        if subject == "alert":
            return self._alert_fates.tell(domain)
        return {
            "connections": self._dispatcher.couriers,
            "destinations": len(self._dispatcher.lists.destinations),
            "in hand": len(self._dispatcher.lists),
            "commits": self._writer.commits,
            "operations": self._writer.operations,
        }

    def _host(self, domain: str) -> line.Value:
        """What is known of a destination since this process began."""
        found = self._dispatcher.lists.known(domain)
        if found is None or found.last_tried_at is None:
            return {"state": None}
        return {
            "state": "up" if found.up else "down",
            "connections": found.couriers,
            "delivered": found.delivered,
            "failed tries": found.deferred,
            "bounced": found.bounced,
            "last status": found.last_status,
            "last tried at": found.last_tried_at,
        }

    async def stop(self, within: float) -> None:
        """Start nothing new; give deliveries in flight the time, then let them go."""
        self._dispatcher.suspended = True
        self._dispatcher.finish()
        ends = self._worker.clock.monotonic() + within
        while self._dispatcher.couriers and self._worker.clock.monotonic() < ends:
            await asyncio.sleep(0.02)
        await self._tally.flush()
        await self._writer.drain()
        self._writer.close()
        self._bodies.close()
