# SPDX-License-Identifier: Apache-2.0
"""One courier: a task that carries messages of one destination over one connection after another.

It takes the next ready message, connects if it has no connection, hands the message over, has the
outcome settled, and takes the next. With nothing to do it keeps the connection open for a moment
and then says QUIT. At least once, and as few duplicates as the protocol allows: the outcome goes to
the group writer the moment the server's reply is there, before anything else is done.
"""

import asyncio
import enum
from collections.abc import Iterable

from gatehouse.journal import facts
from gatehouse.mail.envelope import BodyType, Envelope
from gatehouse.policy import bounce
from gatehouse.policy.destinations import LimitType
from gatehouse.policy.outbound_values import Demand, demand
from gatehouse.service.deliver.attempt_log import TLS_REQUIRED
from gatehouse.service.deliver.connect import Busy, Connected, Connector
from gatehouse.service.deliver.courier_tools import CourierRules, CourierTools
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.service.deliver.ready import Destination
from gatehouse.service.deliver.settle import Attempt, Failed, Fate, Taken
from gatehouse.service.deliver.transaction import (
    Transaction,
    lost,
    refused,
    reply_lines,
    shared,
)
from gatehouse.smtp import client_events as events
from gatehouse.smtp.stuffing import ImpureBody
from gatehouse.store.errors import BodyMissing, StoreCorrupt, StoreError
from gatehouse.store.values import MessageKind, QueuedMessage, QueuedRecipient
from gatehouse.tls.failures import TlsFailure

# QUIT's answer interests nobody; the socket is not kept for it.
QUIT_SECONDS = 2.0
# A body up to this size is read in one piece.
SMALL_BODY = 64 * 1024


class _Further(enum.Enum):
    """What comes behind a message."""

    ON = enum.auto()  # the next one
    STOP = enum.auto()  # nothing: the destination as a whole cannot be reached now
    PAUSE = enum.auto()  # nothing now: its limits are reached, and the message goes on later


class Courier:
    """Carries mail to one destination until there is none."""

    def __init__(
        self,
        destination: Destination,
        connector: Connector,
        rules: CourierRules,
        tools: CourierTools,
    ) -> None:
        self._destination = destination
        self._connector = connector
        self._control = rules.control
        self._overrides = rules.overrides
        self._tools = tools
        self._patience = rules.patience
        self._plain = demand(rules.control, None)  # of a message that demands nothing of its own
        self._connected: Connected | None = None

    async def run(self) -> None:
        """Carry until nothing is ready, or the destination cannot be reached."""
        destination = self._destination
        try:
            while True:
                while destination.ready and not destination.paused:
                    mid = destination.ready.popleft()
                    further = _Further.STOP
                    try:
                        further = await self._carry(mid)
                    finally:
                        if further is _Further.PAUSE:
                            destination.ready.appendleft(mid)
                        else:
                            self._tools.lists.settled(mid, destination.domain)
                    if further is not _Further.ON:
                        return
                if self._connected is None or not await self._wait():
                    return
        finally:
            await self._leave()

    async def _wait(self) -> bool:
        """Keep the connection for a moment; True when there is work again."""
        connected = self._connected
        if connected is None or not connected.link.alive or self._destination.closing:
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._destination.idle.append(waiter)
        try:
            async with asyncio.timeout(self._patience.idle):
                await waiter
        except TimeoutError:
            return bool(self._destination.ready)
        finally:
            if waiter in self._destination.idle:
                self._destination.idle.remove(waiter)
        return True

    async def _carry(self, mid: int) -> "_Further":
        """One message, and whether there is any sense in the next one now."""
        message = self._tools.queue.load(mid)
        if message is None or message.held:
            return _Further.ON
        waiting = self._ours(message)
        if not waiting:
            return _Further.ON
        if message.expires_at <= self._tools.wall():
            await self._settle(Attempt(message, waiting, self._expired(waiting)))
            return _Further.ON
        demanded = self._demand(message)
        limit = self._control.max_recipients_per_message
        for start in range(0, len(waiting), limit):
            further = await self._hand_over(message, waiting[start : start + limit], demanded)
            if further is not _Further.ON:
                return further
        return _Further.ON

    def _demand(self, message: QueuedMessage) -> Demand:
        """What this message demands of the hosts it goes to."""
        if not (self._overrides or message.requiretls or message.tls_required_no):
            return self._plain
        domain = self._destination.domain
        override = self._overrides.lookup(message.sender, domain) if self._overrides else None
        return demand(
            self._control,
            override,
            requiretls=message.requiretls,
            tls_required_no=message.tls_required_no,
        )

    @staticmethod
    def _expired(waiting: list[QueuedRecipient]) -> dict[int, Fate]:
        named = bounce.classify_trouble(bounce.Trouble.EXPIRED)
        return {
            r.rid: Failed(
                enhanced=named.enhanced,
                text=named.text,
                code="000",
                lines=((r.last_reply or "timeout"),),
                tls=r.last_reply.startswith(TLS_REQUIRED),
            )
            for r in waiting
        }

    async def _hand_over(
        self, message: QueuedMessage, waiting: list[QueuedRecipient], demanded: Demand
    ) -> "_Further":
        """Deliver to some recipients of a message over a connection that satisfies its demand."""
        fresh = False
        while True:
            connected = self._usable(demanded)
            if connected is None:
                await self._leave()
                fresh = True
                domain = self._destination.domain
                attempt = await self._connector.connect(domain, self._control, demanded)
                match attempt:
                    case NotConnected():
                        self._destination.tried(self._tools.wall(), attempt.detail, up=False)
                        return await self._unreachable(message, waiting, attempt, demanded)
                    case Busy(seconds):
                        return self._paused(seconds)
                    case Connected():
                        self._connected = connected = attempt
                self._destination.tried(self._tools.wall(), "connected", up=True)
            offered = waiting
            if self._control.recipient_limit:
                offered = self._within_limit(connected, waiting)
                if not offered:
                    return self._paused(self._wait_for(connected))
            fates = await self._transact(connected, message, offered)
            if fates is None and not fresh:
                self._give_back(connected, len(offered))
                continue  # an idle connection that the server had closed is no attempt
            connected.link.messages += 1
            fates = fates or shared(offered, lost("EOF"))
            await self._settle(
                Attempt(message, offered, fates, connected.link.dcid, connected.link.encrypted)
            )
            if len(offered) < len(waiting):
                return self._paused(self._wait_for(connected))
            return _Further.ON

    def _usable(self, demanded: Demand) -> Connected | None:
        """The open connection, if it lives, is not used up and was made for the same demand."""
        connected = self._connected
        if connected is None or not connected.link.alive or connected.link.engine.closing:
            return None
        if connected.link.messages >= self._control.max_messages_per_connection:
            return None
        return connected if connected.demanded == demanded else None

    # --- limits ---------------------------------------------------------------------------------

    def _within_limit(
        self, connected: Connected, waiting: list[QueuedRecipient]
    ) -> list[QueuedRecipient]:
        """As many of the recipients as the destination may get now."""
        ip, domain = connected.link.peer_ip, self._destination.domain
        granted = self._tools.limits.take(self._control, domain, ip, len(waiting))
        return waiting[:granted]

    def _give_back(self, connected: Connected, count: int) -> None:
        ip, domain = connected.link.peer_ip, self._destination.domain
        self._tools.limits.give_back(self._control, domain, ip, count)

    def _wait_for(self, connected: Connected) -> float:
        ip, domain = connected.link.peer_ip, self._destination.domain
        return self._tools.limits.wait(self._control, domain, ip)

    def _paused(self, seconds: float) -> "_Further":
        """The destination has had enough for now: what is left waits, without a try."""
        by_address = self._control.limit_type is LimitType.MX_IP
        self._destination.last_status = "limit reached" + (" at its hosts" if by_address else "")
        self._tools.pause(self._destination, seconds)
        return _Further.PAUSE

    async def _unreachable(
        self,
        message: QueuedMessage,
        waiting: list[QueuedRecipient],
        attempt: NotConnected,
        demanded: Demand,
    ) -> "_Further":
        """No host took us: this message and all that wait for the same destination share it."""
        fate = self._fate_of(attempt)
        await self._settle(Attempt(message, waiting, shared(waiting, fate), attempt.dcid))
        destination = self._destination
        alerts_only = message.kind is MessageKind.ALERT
        batch = list(destination.ready)
        destination.ready.clear()
        for mid in batch:
            others = False
            try:
                found = self._tools.queue.load(mid)
                if found is not None:
                    others = not self._share(found, fate, attempt.dcid, demanded)
                    alerts_only = alerts_only and found.kind is MessageKind.ALERT
            finally:
                if others:
                    destination.ready.append(mid)
                else:
                    self._tools.lists.settled(mid, destination.domain)
            await asyncio.sleep(0)  # thousands may wait here: other destinations go on meanwhile
        if attempt.tls and not attempt.classification.permanent:
            self._tools.tls_unavailable(
                self._control, destination.domain, attempt, alerts_only=alerts_only
            )
        return _Further.STOP

    def _share(self, message: QueuedMessage, fate: Fate, dcid: int, demanded: Demand) -> bool:
        """The fate of one message becomes that of another for the same destination.

        False: this one demands something else, which may well be had.
        """
        waiting = [] if message.held else self._ours(message)
        if not waiting:
            return True
        if self._demand(message) != demanded:
            return False
        expired = message.expires_at <= self._tools.wall()
        fates = self._expired(waiting) if expired else shared(waiting, fate)
        self._settle(Attempt(message, waiting, fates, dcid))
        return True

    def _ours(self, message: QueuedMessage) -> list[QueuedRecipient]:
        """The recipients of a message that are in this destination."""
        domain = self._destination.domain
        return [r for r in message.recipients if r.recipient.address.domain == domain]

    @staticmethod
    def _fate_of(attempt: NotConnected) -> Fate:
        reply = attempt.reply
        named = attempt.classification
        return Failed(
            enhanced=named.enhanced,
            text=named.text,
            code=str(reply.code) if reply is not None else "000",
            lines=reply_lines(reply) if reply is not None else (attempt.detail,),
            host=attempt.host,
            tls=attempt.tls,
        )

    # --- one SMTP transaction -------------------------------------------------------------------

    async def _transact(
        self, connected: Connected, message: QueuedMessage, waiting: list[QueuedRecipient]
    ) -> dict[int, Fate] | None:
        """MAIL to the end of data; None when a reused connection turned out to be dead."""
        link = connected.link
        envelope = Envelope(
            sender=message.sender,
            recipients=tuple(r.recipient for r in waiting),
            body=message.body_type,
            smtputf8=message.smtputf8,
            ret=message.ret,
            envid=message.envid,
            requiretls=message.requiretls,
        )
        begun = link.engine.begin(
            envelope, message.size, eight_bit=message.body_type is BodyType.EIGHT_BIT
        )
        rids = tuple(r.rid for r in waiting)
        if isinstance(begun, events.Refused):
            return shared(waiting, refused(begun.reply, bounce.Stage.SENDER, connected.host))
        reused = link.messages > 0
        transaction = Transaction(waiting, connected.host, relayed=not begun.dsn_passed_on)
        try:
            self._tools.record(
                facts.DeliveryStarted(
                    at=self._tools.wall(), dcid=link.dcid, mid=message.mid, rids=rids
                )
            )
            # A byte every half minute keeps each step in time: the whole has an end of its own.
            async with asyncio.timeout(self._patience.transaction):
                await self._dialogue(link, message, transaction)
        except TimeoutError:
            link.close()
            transaction.lose("timeout")
        except (LinkLost, TlsFailure) as error:
            if reused and not transaction.heard:
                return None
            transaction.lose(str(error), in_doubt=link.engine.in_doubt)
        except (StoreCorrupt, ImpureBody, StoreError) as error:
            # The body cannot be read: the message must not end looking whole. The connection is
            # cut before the end of data, so the server has nothing (RFC 5321 §4.1.1.4).
            link.close()
            transaction.lose(f"the stored message cannot be read: {error}")
            if isinstance(error, StoreCorrupt | ImpureBody):
                self._tools.damaged(message.mid, error)
        return transaction.fates

    async def _dialogue(self, link: Link, message: QueuedMessage, transaction: Transaction) -> None:
        while True:
            event = await link.next()
            transaction.heard = True
            if isinstance(event, events.SendBody):
                await link.send_body(self._body(message), link.engine.end_body)
            elif transaction.take(event):
                return

    def _body(self, message: QueuedMessage) -> Iterable[bytes]:
        ref = message.body
        if ref.length <= SMALL_BODY:
            try:
                return [self._tools.bodies.read_small(ref)]
            except BodyMissing:
                moved = self._tools.queue.load(message.mid)
                if moved is None:
                    raise
                return [self._tools.bodies.read_small(moved.body)]
        return self._tools.bodies.read(ref)

    # --- settling ---------------------------------------------------------------------------------

    def _settle(self, attempt: Attempt) -> asyncio.Future[None]:
        """Have it said and written down; the caller need not wait for the disk."""
        for fate in attempt.fates.values():
            if isinstance(fate, Taken):
                self._destination.delivered += 1
            elif fate.permanent:
                self._destination.bounced += 1
            else:
                self._destination.deferred += 1
        return self._tools.settler.settle(attempt)

    async def _leave(self) -> None:
        """QUIT and close; the server's answer is not worth waiting for long."""
        connected, self._connected = self._connected, None
        if connected is None:
            return
        link = connected.link
        self._connector.keep_session(connected)
        if link.alive and link.engine.idle:
            try:
                link.engine.quit()
                async with asyncio.timeout(QUIT_SECONDS):
                    await link.next()
            except (LinkLost, TlsFailure, TimeoutError):
                pass
        link.close()
        self._tools.record(facts.DeliveryConnectionClosed(at=self._tools.wall(), dcid=link.dcid))
