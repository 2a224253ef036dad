# SPDX-License-Identifier: Apache-2.0
"""Mails alarms to whoever is subscribed to their class and severity.

An alert goes through our own queue like any mail, with the null sender, so that nothing ever
answers it, and with a kind of its own: a failed alert makes no further alert (`policy.alarms`
says to whom one is not mailed). With a smart host for alerts the queue holds it for that host as
for a destination of its own, so that no SMTP route and no MX record has a say.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gatehouse.config.running import Running
from gatehouse.journal import facts
from gatehouse.mail import alert
from gatehouse.mail.address import Address
from gatehouse.policy.alarm_advice import advice
from gatehouse.policy.alarms import (
    MOST_AN_HOUR,
    AlarmClass,
    AlarmSeverity,
    HourlyLimit,
    Subscriber,
    subject,
    withheld,
)
from gatehouse.policy.route_table import smart_destination, smart_host_of
from gatehouse.service.base.clock import Clock
from gatehouse.service.watch.alarms import KeptAlarm
from gatehouse.service.watch.own_mail import OwnMail, announce, queue_mails
from gatehouse.store.interface import Store
from gatehouse.store.values import MessageKind

TEST_ALARM = "test"
_LAST = (
    f"{MOST_AN_HOUR} alerts went out within an hour. Of those that follow only critical ones are"
    " mailed; `gatehouse alarm list` has all of them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTools:
    """What mailing alerts works with. `wake`: there is new mail in the queue."""

    store: Store
    clock: Clock
    running: Callable[[], Running | None]
    record: Callable[[facts.Fact], None]
    wake: Callable[[], None]
    serial: str


class AlertPost:
    """Writes alarms as mail and queues them, under whatever configuration runs."""

    def __init__(self, tools: AlertTools) -> None:
        self._tools = tools
        self._limit = HourlyLimit()

    async def post(self, alarm: KeptAlarm) -> bool:
        """Queue it for everybody who wants it; False: nothing runs yet. Raises StoreError."""
        running = self._tools.running()
        if running is None:
            return False
        wanted = [
            one
            for one in running.alerts.subscribers
            if one.wants(alarm.severity, alarm.alarm_class)
        ]
        now = self._tools.clock.wall()
        if not self._limit.allows(alarm.severity, now):
            for one in wanted:
                self._withheld(alarm, one, f"{MOST_AN_HOUR} alerts went out within an hour")
            return True
        going: list[Subscriber] = []
        for one in wanted:
            held = withheld(
                mailed=alarm.mailed, stuck=alarm.stuck, way=_way(running, one.address.domain)
            )
            if held is None:
                going.append(one)
            else:
                self._withheld(alarm, one, held.reason)
        if going:
            last = self._limit.last
            await self._queue(running, alarm, [one.address for one in going], last=last)
            self._limit.count(now)  # what the store has refused does not use up the hour
        return True

    async def send(self, alarm: KeptAlarm, address: Address) -> OwnMail | None:
        """Queue it for one address, whoever is subscribed; None: nothing runs. StoreError."""
        running = self._tools.running()
        if running is None:
            return None
        (mail,) = await self._queue(running, alarm, [address])
        return mail

    async def _queue(
        self, running: Running, alarm: KeptAlarm, addresses: list[Address], *, last: bool = False
    ) -> tuple[OwnMail, ...]:
        tools, now = self._tools, self._tools.clock.wall()
        more = (("Further", _LAST),) if last else ()
        mails = await asyncio.to_thread(_write, tools, running, alarm, addresses, more)
        via = running.alerts.smart_host or ""
        for mail in mails:
            announce(mail, now, tools.record)
            tools.record(
                facts.AlertQueued(
                    at=now,
                    mid=mail.mid,
                    name=alarm.name,
                    severity=alarm.severity,
                    recipient=mail.recipient.text,
                    smart_host=via,
                )
            )
        tools.wake()
        return mails

    def _withheld(self, alarm: KeptAlarm, one: Subscriber, reason: str) -> None:
        self._tools.record(
            facts.AlertWithheld(
                at=self._tools.clock.wall(),
                name=alarm.name,
                recipient=one.address.text,
                reason=reason,
            )
        )


def trial_alarm(at: float, hostname: str, number: str, operator: str) -> KeptAlarm:
    """An alarm that says nothing but that alerts arrive; `number` tells it from all others."""
    text = f"Test alert, asked for by {operator}"
    return KeptAlarm(
        at=at,
        name=TEST_ALARM,
        alarm_class=AlarmClass.SYSTEM,
        severity=AlarmSeverity.INFORMATION.value,
        subject=subject(AlarmSeverity.INFORMATION, AlarmClass.SYSTEM, hostname, text),
        text=text,
        key=TEST_ALARM,
        suppressed=0,
        id=number,
    )


def _way(running: Running, domain: str) -> frozenset[str]:
    """The destinations that alert mail to a domain may go by, as the queue names them."""
    if running.alerts.smart_host is not None:
        return frozenset({smart_destination(running.alerts.smart_host)})
    route = running.routes.lookup(domain) or ()
    return frozenset(
        {domain, *(smart_destination(one.smart.name) for one in route if one.smart is not None)}
    )


def _write(
    tools: AlertTools,
    running: Running,
    alarm: KeptAlarm,
    addresses: list[Address],
    more: tuple[tuple[str, str], ...],
) -> tuple[OwnMail, ...]:
    """One message for each address, so that none depends on another; blocks for the store."""
    lifetime = float(running.bounce_profile("default").max_time)
    # Told before anything ran, it does not name the gateway yet.
    said = subject(alarm.severity, alarm.alarm_class, running.hostname, alarm.text)
    mails = []
    for address in addresses:
        message_id = f"<alert.{alarm.id}@{running.hostname}>"
        content = alert.compose(
            alert.AlertMail(
                sender=running.alerts.from_address,
                recipient=address,
                subject=said,
                text=alarm.text,
                details=(*_details(tools, running, alarm), *more),
                message_id=message_id,
                date=tools.clock.wall(),
            )
        )
        mails.append(
            OwnMail(
                mid=tools.store.ids.next("mid"),
                sender=None,
                recipient=_routed(running, address),
                content=content,
                message_id=message_id,
                subject=said,
                lifetime=lifetime,
                kind=MessageKind.ALERT,
            )
        )
    queue_mails(tools.store, mails, tools.clock.wall())
    return tuple(mails)


def _routed(running: Running, address: Address) -> Address:
    """The address with the destination under which the queue holds it."""
    smart = running.alerts.smart_host
    return address if smart is None else replace(address, domain=smart_destination(smart))


def _details(tools: AlertTools, running: Running, alarm: KeptAlarm) -> tuple[tuple[str, str], ...]:
    told = advice(alarm.name)
    where = f"{running.hostname}, mail for {alarm.stuck}" if alarm.stuck else running.hostname
    rows = [("What", told.what), ("Where", where), ("What to do", _named(told.to_do, alarm.stuck))]
    if alarm.suppressed:
        equal = f"{alarm.suppressed} equal alarm{'' if alarm.suppressed == 1 else 's'}"
        rows.append(("Repeated", f"{equal} came since the last mail about it."))
    rows += [
        ("When", f"{datetime.fromtimestamp(alarm.at, UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("Alarm", f"{alarm.name}, {alarm.severity} <{alarm.alarm_class}>"),
        ("Machine", f"{running.hostname}, serial number {tools.serial}"),
    ]
    return tuple((name, value) for name, value in rows if value)


def _named(to_do: str, stuck: str) -> str:
    """The advice with the destination or relay that it is about, where there is one."""
    smart = smart_host_of(stuck)
    if smart is not None:
        return to_do.replace("NAME", smart)
    return to_do.replace("DOMAIN", stuck) if stuck else to_do
