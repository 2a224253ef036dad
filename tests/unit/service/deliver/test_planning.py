# SPDX-License-Identifier: Apache-2.0
"""What is asked for a plan, and that no answer is never read as "there is none"."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gatehouse.policy.destinations import DaneUse, DestinationControl, TlsDemands
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.outbound_values import (
    HostPlan,
    HostRefused,
    HostUnknown,
    Planned,
    Rule,
    demand,
)
from gatehouse.policy.routes import HopKind, NextHop
from gatehouse.service.base import secure_dns
from gatehouse.service.deliver.mta_sts import StsSource, StsState
from gatehouse.service.deliver.planning import Planner
from gatehouse.tls.dane import TlsaRecord
from gatehouse.tls.mta_sts import StsFault, StsMode, StsPolicy, StsWord

MX = NextHop(
    host="mx.shop.example", port=2600, kind=HopKind.MX, preference=1, domain="shop.example"
)
EE = TlsaRecord(3, 1, 1, bytes(32))


@dataclass
class Policies:
    state: StsState
    newer: StsState | None = None
    asked: list[str] = field(default_factory=list)

    async def policy(self, domain: str) -> StsState:
        self.asked.append(domain)
        return self.state

    async def renewed(self, domain: str) -> StsState:
        return self.newer or self.state


def plan(
    monkeypatch: pytest.MonkeyPatch,
    tlsa: secure_dns.TlsaAnswer | None = None,
    state: StsState | None = None,
) -> Planned:
    asked: list[tuple[str, int]] = []

    async def answer(_: object, host: str, port: int) -> secure_dns.TlsaAnswer:
        asked.append((host, port))
        assert tlsa is not None
        return tlsa

    monkeypatch.setattr(secure_dns, "tlsa", answer)
    demands = TlsDemands(
        dane=DaneUse.NONE if tlsa is None else DaneUse.OPPORTUNISTIC, mta_sts=state is not None
    )
    control = DestinationControl(
        domain="shop.example", tls=OutboundTlsLevel.PREFERRED, demands=demands
    )
    policies = None if state is None else Policies(state)
    planner = Planner(object(), policies)  # type: ignore[arg-type]
    made = asyncio.run(planner.plan(MX, control, demand(control, None)))
    assert asked == ([] if tlsa is None else [("mx.shop.example", 2600)])
    assert policies is None or policies.asked == ["shop.example"]
    return made


def test_nothing_is_asked_where_nothing_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(monkeypatch)
    assert isinstance(made, HostPlan)
    assert made.rule is Rule.DESTINATION


def test_tlsa_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(monkeypatch, secure_dns.SecureTlsa("mx.shop.example", (EE,), 0.0))
    assert isinstance(found, HostPlan)
    assert found.rule is Rule.DANE
    none = plan(monkeypatch, secure_dns.NoTlsa(secure_dns.Absence.INSECURE))
    assert isinstance(none, HostPlan)
    assert none.level is OutboundTlsLevel.PREFERRED
    failed = plan(monkeypatch, secure_dns.TlsaFailure("ServFail"))
    assert isinstance(failed, HostUnknown)
    assert failed.word == "dnssec-invalid"


def test_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(**more: object) -> StsState:
        return StsState(domain="shop.example", **more)  # type: ignore[arg-type]

    foreign = StsPolicy(mode=StsMode.ENFORCE, mx=("a.example",), max_age=1, lines=())
    assert isinstance(
        plan(monkeypatch, state=state(policy=foreign, source=StsSource.CACHED)), HostRefused
    )
    unknown = plan(monkeypatch, state=state(source=StsSource.UNKNOWN, note="the disk"))
    assert isinstance(unknown, HostUnknown)
    fault = StsFault(StsWord.FETCH_ERROR, "no answer")
    without = plan(monkeypatch, state=state(fault=fault))
    assert isinstance(without, HostPlan)
    assert without.reported.fault == "sts-policy-fetch-error"
    taken_back = StsPolicy(mode=StsMode.NONE, mx=(), max_age=1, lines=())
    made = plan(monkeypatch, state=state(policy=taken_back, source=StsSource.CACHED))
    assert isinstance(made, HostPlan)
    assert made.level is OutboundTlsLevel.PREFERRED
