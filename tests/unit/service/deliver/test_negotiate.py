# SPDX-License-Identifier: Apache-2.0
"""What comes instead of an answer to STARTTLS, and what each level makes of it."""

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatehouse.journal import facts
from gatehouse.mail.reply import Reply
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_plan import plan_host
from gatehouse.policy.outbound_tls import OutboundTlsLevel as Level
from gatehouse.policy.outbound_values import HostPlan, LookedUp, demand
from gatehouse.policy.routes import HopKind, NextHop
from gatehouse.service.deliver.failures import HostFailed, ReconnectClear
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.service.deliver.negotiate import HostAttempt
from gatehouse.service.deliver.routing import ConnectTools, Target
from gatehouse.smtp import client_events as events
from gatehouse.smtp.capabilities import Capabilities

HOP = NextHop(host="mx.x.example", port=25, kind=HopKind.MX, preference=10, domain="x.example")
OFFERED = (
    events.Greeting(Reply(220, None, ("mx",))),
    events.Ready(Capabilities(starttls=True)),
)
NOT_A_REPLY = events.Broken("not a reply line: x", False)
INJECTED = events.Broken(events.BEHIND_STARTTLS, False)


class FakeLink:
    """A connection whose server says these things."""

    encrypted, report, local_ip, dcid = False, None, "127.0.0.1", 0

    def __init__(self, said: Iterable[events.Event | LinkLost]) -> None:
        self._said = iter(said)
        self.engine = SimpleNamespace(start_tls=lambda: None)

    async def next(self) -> events.Event:
        event = next(self._said)
        if isinstance(event, LinkLost):
            raise event
        return event


def negotiate(level: Level, *said: events.Event | LinkLost) -> tuple[Any, list[facts.Fact]]:
    """How the negotiation ended, and what was recorded."""
    told: list[facts.Fact] = []
    tools = SimpleNamespace(
        clock=SimpleNamespace(wall=lambda: 0.0),
        record=told.append,
        ids=SimpleNamespace(next=lambda kind: 7),
    )
    control = DestinationControl(domain="x.example", tls=level)
    plan = plan_host(HOP, control, demand(control, None), LookedUp())
    assert isinstance(plan, HostPlan)
    target = Target(HOP, control, plan)
    attempt = HostAttempt(cast(ConnectTools, tools), target, "127.0.0.1", level)
    attempt.opened(cast(Link, FakeLink(said)))
    try:
        return asyncio.run(attempt.negotiate()), told
    except (HostFailed, ReconnectClear) as ended:
        return ended, told


@pytest.mark.parametrize("said", [NOT_A_REPLY, LinkLost("timeout"), LinkLost("EOF")])
def test_preferred_goes_on_in_clear_when_no_answer_comes(said: events.Event | LinkLost) -> None:
    ended, told = negotiate(Level.PREFERRED, *OFFERED, said)
    assert isinstance(ended, ReconnectClear)
    (counted,) = [fact for fact in told if isinstance(fact, facts.TlsPolicyResult)]
    assert counted.result == "starttls-not-supported"


@pytest.mark.parametrize("level", [Level.REQUIRED, Level.REQUIRED_VERIFY])
@pytest.mark.parametrize("said", [NOT_A_REPLY, LinkLost("timeout"), LinkLost("EOF")])
def test_required_says_that_tls_was_the_reason(level: Level, said: events.Event | LinkLost) -> None:
    ended, told = negotiate(level, *OFFERED, said)
    assert isinstance(ended, HostFailed)
    assert ended.failure.tls
    assert [fact for fact in told if isinstance(fact, facts.TlsRequiredUnavailable)]


@pytest.mark.parametrize("level", [Level.PREFERRED, Level.REQUIRED])
def test_octets_behind_the_220_never_lead_to_clear_text(level: Level) -> None:
    ended, _ = negotiate(level, *OFFERED, INJECTED)
    assert isinstance(ended, HostFailed)


@pytest.mark.parametrize("said", [NOT_A_REPLY, INJECTED])
def test_nonsense_before_starttls_is_no_word_about_tls(said: events.Event) -> None:
    ended, told = negotiate(Level.PREFERRED, OFFERED[0], said)
    assert isinstance(ended, HostFailed)
    assert not [fact for fact in told if isinstance(fact, facts.TlsPolicyResult)]
