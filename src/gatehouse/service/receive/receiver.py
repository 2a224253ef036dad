# SPDX-License-Identifier: Apache-2.0
"""The role of a receiver process: accept on the shared listening sockets, keep what comes.

The sockets are the supervisor's and are shared by all receivers, so a receiver that dies takes no
waiting connection with it, and one that is replaced because of a new revision refuses nobody. A
receiver runs one revision from start to end: its open transactions end under the rules with which
they began.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Mapping

from gatehouse.config.running import Listener, Running
from gatehouse.journal import facts
from gatehouse.service.base import channel as line
from gatehouse.service.base.fact_alarms import FactAlarms
from gatehouse.service.base.head_count import HeadCount
from gatehouse.service.base.resolver import Resolver
from gatehouse.service.base.tally import Tally
from gatehouse.service.base.worker import Worker
from gatehouse.service.receive.authentication import Authenticator
from gatehouse.service.receive.client_certificates import for_clients
from gatehouse.service.receive.desk import Contexts, Desk
from gatehouse.service.receive.doors import Doors
from gatehouse.service.receive.entry import Entry
from gatehouse.service.receive.office import IntakeRules, Office, Tools
from gatehouse.service.receive.session import Session
from gatehouse.service.trust.keyring import server_context
from gatehouse.store.errors import StoreError

# How often free space is looked at when no mail comes; else after each entry (`entry.py`). The
# reserve is larger than what two cores can receive in half a second.
SPACE_SECONDS = 0.5
# Clients that are named in one answer; ours: of more nobody wants to know.
MOST_CLIENTS = 500
# A receiver that was told to stop because a newer one serves gives its clients this long at most.
DRAIN_SECONDS = 900.0


class Receiver:
    """Listens, and owns the office."""

    def __init__(
        self,
        worker: Worker,
        running: Running,
        sockets: Mapping[str, socket.socket],
        counts: HeadCount,
        tally: Tally,
    ) -> None:
        self._worker = worker
        self._running = running
        self._bodies = worker.store.body_writer()
        tools = Tools(
            clock=worker.clock,
            record=worker.recorder.record,
            resolver=Resolver(
                running.delivery.dns_servers,
                worker.clock.monotonic,
                running.delivery.dns_timeout,
            ),
            tasks=worker.tasks,
            ids=worker.store.ids,
            writer=worker.writer(lambda batch: worker.store.take_on(self._bodies, batch)),
            bodies=self._bodies,
        )
        rules = IntakeRules(
            max_received=running.queue.max_received_hops,
            queue_lifetime=max(one.max_time for one in running.bounce_profiles.values()),
            tls_reports_at=running.tls_reporting.receive_at,
            counts_recipients=any(
                policy.max_recipients_per_hour
                for listener in running.listeners
                for policy in listener.access.policies
            ),
        )
        self._entry = Entry(
            lambda: worker.store.enter(self._bodies),
            tools.writer,
            worker.recorder.record,
            worker.clock.wall,
            wake=self._entered,
            flush=worker.recorder.flush,
        )
        self.office = Office(tools, rules, counts, tally, self._entry.due)
        self._doors = Doors(sockets, self.office, lambda desk: Session(desk, self.office))
        self._tools = tools
        worker.recorder.subscribe(FactAlarms(worker.clock, worker.send).note)
        self.office.authenticator = Authenticator(worker.store.smtp_users, worker.clock.wall)

    async def start(self) -> None:
        """Open the desks."""
        self._look_at_space()
        self._recover()
        asked, desks = False, []
        for listener in self._running.listeners:
            asks = listener.auth.asks_for_certificate or any(
                one.verify_client_certificate for one in listener.access.policies
            )
            asked = asked or asks
            desks.append(Desk(listener, self._contexts(listener, asks=asks)))
        shut = [one.listener for one in self._worker.store.suspensions.listeners()]
        await self._doors.begin(desks, shut)
        self._worker.tasks.start(self.office.sweep(), "sweep", vital=True)
        self._worker.tasks.start(self._watch_space(), "free space", vital=True)

        if asked:
            self._judge_certificates()

    def _contexts(self, listener: Listener, *, asks: bool) -> Contexts:
        """TLS for a listener, and once more for the clients that are asked for a certificate."""
        store, names = self._worker.store, listener.certificates
        profile = listener.tls_profile
        asking = server_context(store, names, profile, ask_clients=True) if asks else None
        return Contexts(server_context(store, names, profile), asking)

    def _judge_certificates(self) -> None:
        """Somebody asks clients for certificates: have what they are judged by at hand."""
        worker, running = self._worker, self._running
        judge = self.office.certificates = for_clients(worker.store, running, self.office.report)
        if running.crl.check_clients:
            worker.tasks.start(
                judge.keep_lists(worker.store, self.office.report), "revocation lists", vital=True
            )

    def _recover(self) -> None:
        """What a receiver before us took on is entered now; the deliverer finds it by itself."""
        try:
            self._worker.store.recover()
        except StoreError as error:
            self._worker.report("entry", error)

    def _entered(self) -> None:
        """New mail is queued. What it took of the disk is looked at here too: it may be much."""
        self._look_at_space()
        self._worker.send(line.Wake())

    async def _watch_space(self) -> None:
        while True:
            await asyncio.sleep(SPACE_SECONDS)
            self._look_at_space()

    def _look_at_space(self) -> None:
        """Refuse new mail before the disk is full, so that what is promised can still be kept."""
        space = self._worker.directory.space(self._running.queue.disk_reserve)
        at = self._worker.clock.wall()
        if not space.enough and not self.office.full:
            detail = (
                f"{space.free_bytes} bytes and {space.free_inodes_percent:.0f} per cent of "
                "inodes are free"
            )
            self._worker.recorder.record(
                facts.ResourcesLow(at=at, resource="queue space", detail=detail)
            )
        elif space.enough and self.office.full:
            self._worker.recorder.record(facts.ResourcesRecovered(at=at, resource="queue space"))
        self.office.full = not space.enough

    def message(self, message: line.Message) -> None:
        """Listeners are suspended or resumed."""
        if isinstance(message, line.Doors):
            self._doors.put(message.shut, message.within)
            self._worker.send(line.Told(message.number, {"listening": self._doors.open_now}))

    def gauges(self) -> dict[str, int]:
        """Open connections."""
        return {"CrtCncIn": len(self.office.sessions)}

    def tell(self, what: str) -> line.Value:
        """Numbers about this process, or about who is connected to it."""
        if what == line.CLIENTS:
            return self._clients()
        writer = self._tools.writer
        return {
            "connections": len(self.office.sessions),
            "listening": self._doors.open_now,
            "commits": writer.commits,
            "operations": writer.operations,
        }

    def _clients(self) -> line.Value:
        count = Counter(
            one.host.host if one.host.verified and one.host.host else one.client_ip
            for one in self.office.sessions
        )
        most = count.most_common(MOST_CLIENTS)
        rest = count.total() - sum(number for _, number in most)
        return {**dict(most), "": rest} if rest else dict(most)

    async def stop(self, within: float) -> None:
        """No new clients; those that are there finish, or hear 421 when the time is up."""
        await self._doors.close()
        ends = self._worker.clock.monotonic() + max(0.0, within - 5.0)
        while self.office.sessions and self._worker.clock.monotonic() < ends:
            await asyncio.sleep(0.05)
        await self.office.close(min(within, 5.0))
        if self.office.authenticator is not None:
            self.office.authenticator.close()
        await self._tools.writer.drain()
        self._tools.writer.close()
        self._entry.finish()
        self._bodies.close()
