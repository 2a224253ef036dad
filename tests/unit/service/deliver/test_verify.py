# SPDX-License-Identifier: Apache-2.0
"""Verdicts are kept under all that went into them, and no longer than they hold."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.config.running import CrlSettings, TrustSettings
from gatehouse.policy.destinations import DestinationControl, TlsDemands, TrustList
from gatehouse.policy.outbound_plan import plan_host
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.outbound_values import HostPlan, LookedUp, demand
from gatehouse.policy.routes import HopKind, NextHop
from gatehouse.policy.server_identity import IdentityVerdict
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.deliver import verify
from gatehouse.service.deliver.tls_sessions import policy_of
from gatehouse.service.deliver.trust_book import TrustBook
from gatehouse.service.deliver.verify import BAD_SECONDS, GOOD_SECONDS, Verifier, chain_digest
from gatehouse.store.interface import Store
from tests.unit.tls.authority import DAY, MIDDLE, NOW, ROOT, Made, issue

D = "shop.example"
GOOD = issue("good", MIDDLE, dns=(D,))
DEMANDS = TlsDemands()


class Clock:
    """A clock that a test moves."""

    now = NOW.timestamp()

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Reverse:
    """A resolver that knows at most one reverse name."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = ReverseName(None, False)

    async def reverse(self, ip: str) -> ReverseName:
        self.asked.append(ip)
        return self.answer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    _, store = open_house(tmp_path_factory.mktemp("verify"))
    store.secrets.put("trust/Root", ROOT.pem, NOW.timestamp())
    return store


class Scene:
    """A verifier with everything around it."""

    def __init__(self, store: Store, crl: CrlSettings | None = None) -> None:
        self.clock, self.reverse = Clock(), Reverse()
        settings = TrustSettings(system=False, system_file="")
        none = CrlSettings(sources=(), check_clients=False, check_servers=False, fail_open=False)
        self.book = TrustBook(store, settings, crl or none, self.clock.monotonic)
        self.verifier = Verifier(self.book, self.reverse, self.clock)  # type: ignore[arg-type]

    def judge(
        self, *chain: Made, plan: HostPlan | None = None, demands: TlsDemands = DEMANDS
    ) -> IdentityVerdict:
        ders = tuple(one.der for one in chain)
        work = self.verifier.judge(plan or planned(), demands, ders, "192.0.2.1")
        return asyncio.run(work)


def planned(
    level: OutboundTlsLevel = OutboundTlsLevel.REQUIRED_VERIFY, domain: str = D
) -> HostPlan:
    hop = NextHop(host="mx.shop.example", port=25, kind=HopKind.MX, preference=1, domain=domain)
    control = DestinationControl(domain=domain, tls=level)
    made = plan_host(hop, control, demand(control, None), LookedUp())
    assert isinstance(made, HostPlan)
    return made


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def test_a_verdict_is_made_once_and_kept(scene: Scene) -> None:
    for _ in range(3):
        assert scene.judge(GOOD, MIDDLE).verified
    assert scene.verifier.judged == 1


def test_whatever_goes_into_a_verdict_makes_another(scene: Scene) -> None:
    scene.judge(GOOD, MIDDLE)
    scene.judge(GOOD)
    scene.judge(GOOD, MIDDLE, plan=planned(domain="other.example"))
    scene.judge(GOOD, MIDDLE, plan=planned(OutboundTlsLevel.REQUIRED_VERIFY_HOSTED))
    scene.judge(GOOD, MIDDLE, demands=TlsDemands(trust=(TrustList.CUSTOM,)))
    scene.book.generation += 1
    scene.judge(GOOD, MIDDLE)
    assert scene.verifier.judged == 6


def test_a_good_verdict_ends_with_the_certificate_at_the_latest(scene: Scene) -> None:
    brief = issue("brief", MIDDLE, dns=(D,), end=NOW + DAY / 24 / 60)  # a minute
    assert scene.judge(brief, MIDDLE).verified
    scene.clock.now += 60.5
    assert scene.judge(brief, MIDDLE).verified, "the last second counts whole"
    scene.clock.now += 1
    verdict = scene.judge(brief, MIDDLE)
    assert verdict.said == "expired"


def test_verdicts_are_looked_at_again_after_a_while(scene: Scene) -> None:
    bad = issue("bad", MIDDLE, dns=("a.example",))
    scene.judge(GOOD, MIDDLE)
    scene.judge(bad, MIDDLE)
    scene.clock.now += BAD_SECONDS
    scene.judge(GOOD, MIDDLE)
    scene.judge(bad, MIDDLE)
    assert scene.verifier.judged == 3
    scene.clock.now += GOOD_SECONDS - BAD_SECONDS
    scene.judge(GOOD, MIDDLE)
    assert scene.verifier.judged == 4


def test_what_is_kept_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_VERDICTS", 2)
    for domain in ("a.example", "b.example", "c.example", "c.example", "a.example"):
        scene.judge(GOOD, MIDDLE, plan=planned(domain=domain))
    assert scene.verifier.judged == 4


def test_the_reverse_name_is_asked_for_only_where_it_decides(scene: Scene) -> None:
    host = issue("mx.shop.example", MIDDLE)
    assert scene.judge(GOOD, MIDDLE).verified
    assert scene.reverse.asked == []
    scene.reverse.answer = ReverseName("mx.shop.example", True)
    assert scene.judge(host, MIDDLE).basis == "ptr"
    assert scene.reverse.asked == ["192.0.2.1"]
    scene.reverse.answer = ReverseName("mx.shop.example", False)
    assert not scene.judge(host, MIDDLE).verified
    scene.reverse.answer = ReverseName(None, False)
    assert not scene.judge(host, MIDDLE).verified


def test_revocation_lists_that_are_not_there_close_where_the_operator_said_so(
    store: Store,
) -> None:
    closed = CrlSettings(sources=(), check_clients=False, check_servers=True, fail_open=False)
    assert Scene(store, closed).judge(GOOD, MIDDLE).said == "crl unavailable"
    assert Scene(store, replace(closed, fail_open=True)).judge(GOOD, MIDDLE).verified


def test_two_chains_never_have_one_digest() -> None:
    assert chain_digest((b"ab", b"c")) != chain_digest((b"a", b"bc"))
    assert chain_digest((b"abc",)) != chain_digest((b"abc", b""))


def test_sessions_are_shared_only_where_the_identity_is_not_acted_on() -> None:
    control = DestinationControl(domain="default")
    for level in OutboundTlsLevel:
        same = policy_of(planned(level), control) == policy_of(planned(level, "b.example"), control)
        acts = planned(level).acts
        assert same is not acts, level


def test_a_missing_ca_is_a_fault_and_verifies_nothing(store: Store) -> None:
    scene = Scene(store)
    demands = TlsDemands(ca_certificates=("Nobody",))
    assert "Nobody" in scene.book.fault(demands)
    assert not scene.judge(GOOD, MIDDLE, demands=demands).verified
    pem = TlsDemands(ca_certificates=(ROOT.pem.decode(),))
    assert scene.book.fault(pem) == ""
    assert scene.judge(GOOD, MIDDLE, demands=pem).verified
    system = TlsDemands(trust=(TrustList.SYSTEM,))
    assert scene.book.fault(system) == "the trust lists hold no certificate"


def test_a_system_list_that_cannot_be_read_is_a_fault(store: Store, tmp_path: Path) -> None:
    settings = TrustSettings(system=True, system_file=str(tmp_path / "missing"))
    crl = CrlSettings(sources=(), check_clients=False, check_servers=False, fail_open=True)
    book = TrustBook(store, settings, crl, Clock().monotonic)
    assert "missing" in book.fault(DEMANDS)
    assert not book.trust_for(DEMANDS).store.anchors
