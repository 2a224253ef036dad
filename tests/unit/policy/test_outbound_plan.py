# SPDX-License-Identifier: Apache-2.0
"""The outbound TLS plan: every row of the tables for DANE and MTA-STS, overrides, RFC 8689."""

import dataclasses

import pytest

from gatehouse.policy.destinations import DaneUse, DestinationControl, TlsDemands, WeakBasis
from gatehouse.policy.outbound_plan import asks_dane, asks_sts, plan_host
from gatehouse.policy.outbound_tls import OutboundTlsLevel as Level
from gatehouse.policy.outbound_tls import is_required
from gatehouse.policy.outbound_values import (
    DaneAnswer,
    Demand,
    HostPlan,
    HostRefused,
    HostUnknown,
    LookedUp,
    LookupFailed,
    NoSts,
    NotAsked,
    NoTlsaRecords,
    Rule,
    StsAnswer,
    StsHolds,
    TlsaRecords,
    demand,
)
from gatehouse.policy.routes import HopKind, NextHop
from gatehouse.policy.sender_overrides import STRENGTH, SenderOverride
from gatehouse.policy.server_identity import DaneProof, PinProof, PkixProof, StsProof
from gatehouse.policy.smart_hosts import SmartHost
from gatehouse.tls.dane import TlsaRecord
from gatehouse.tls.mta_sts import StsMode, StsPolicy
from gatehouse.tls.names import Algorithm

MX = NextHop(host="mx.shop.example", port=25, kind=HopKind.MX, preference=10, domain="shop.example")
SECURE_MX = dataclasses.replace(MX, secure=True)
ROUTE = dataclasses.replace(MX, host="relay.corp.example", kind=HopKind.ROUTE)
EE = TlsaRecord(3, 1, 1, bytes(32))
UNUSABLE = TlsaRecord(1, 1, 1, bytes(32))
USABLE = TlsaRecords("mx.shop.example", (EE,))
NONE_USABLE = TlsaRecords("mx.shop.example", (UNUSABLE,))
DENIED = NoTlsaRecords("secure denial")
BOGUS = LookupFailed("bogus")
PIN = "sha256:" + "0" * 64


def policy(mode: StsMode, *mx: str) -> StsHolds:
    return StsHolds(StsPolicy(mode=mode, mx=mx, max_age=86400, lines=(f"mode: {mode.value}",)))


ENFORCE = policy(StsMode.ENFORCE, "*.shop.example")
FOREIGN = policy(StsMode.ENFORCE, "mx.other.example")
TESTING = policy(StsMode.TESTING, "*.shop.example")
TESTING_FOREIGN = policy(StsMode.TESTING, "mx.other.example")


def control(level: Level = Level.PREFERRED, **demands: object) -> DestinationControl:
    return DestinationControl(
        domain="shop.example",
        tls=level,
        demands=TlsDemands(**demands),  # type: ignore[arg-type]
    )


def planned(
    rule: DestinationControl,
    *,
    hop: NextHop = MX,
    dane: DaneAnswer | None = None,
    sts: StsAnswer | None = None,
    demanded: Demand | None = None,
) -> HostPlan | HostRefused | HostUnknown:
    found = LookedUp(dane=dane or NotAsked(), sts=sts or NotAsked())
    return plan_host(hop, rule, demanded or demand(rule, None), found)


def plan(*args: object, **kwargs: object) -> HostPlan:
    made = planned(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(made, HostPlan), made
    return made


# --- the level alone ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", Level)
def test_without_anything_else_the_rule_decides(level: Level) -> None:
    made = plan(control(level))
    assert (made.level, made.rule, made.sni) == (level, Rule.DESTINATION, "mx.shop.example")
    assert made.acts == (level in (Level.REQUIRED_VERIFY, Level.REQUIRED_VERIFY_HOSTED))
    (proof,) = made.proofs
    assert isinstance(proof, PkixProof)
    by_domain = level in (Level.REQUIRED_VERIFY, Level.PREFERRED_VERIFY)
    assert proof.algorithm is (Algorithm.VERIFY if by_domain else Algorithm.HOSTED)


def test_the_references_of_an_mx_host_and_of_a_route() -> None:
    by_mx = plan(control()).references
    assert (by_mx.domain, by_mx.mx, by_mx.route) == ("shop.example", "mx.shop.example", None)
    assert not by_mx.mx_secure
    assert plan(control(), hop=SECURE_MX).references.mx_secure
    by_route = plan(control(), hop=ROUTE).references
    assert (by_route.mx, by_route.route) == (None, "relay.corp.example")


def test_pins_are_the_proof_where_there_are_any() -> None:
    made = plan(control(Level.REQUIRED_VERIFY, pinned_fingerprints=(PIN,)))
    assert made.proofs == (PinProof((PIN,)),)


# --- DANE: the decision table ---------------------------------------------------------------------


@pytest.mark.parametrize("use", [DaneUse.OPPORTUNISTIC, DaneUse.MANDATORY])
@pytest.mark.parametrize("level", Level)
def test_usable_records_decide(level: Level, use: DaneUse) -> None:
    made = plan(control(level, dane=use), dane=USABLE)
    assert made.acts
    assert made.rule is Rule.DANE
    assert made.proofs == (DaneProof((EE,), ("mx.shop.example",), weak=True),)
    assert made.reported.type == "tlsa"


def test_after_a_secure_mx_the_next_hop_domain_is_a_reference_too() -> None:
    made = plan(control(dane=DaneUse.OPPORTUNISTIC), hop=SECURE_MX, dane=USABLE)
    assert made.proofs == (DaneProof((EE,), ("mx.shop.example", "shop.example")),)


def test_the_name_in_the_handshake_is_the_tlsa_base_domain() -> None:
    base = TlsaRecords("real.host.example", (EE,))
    assert plan(control(dane=DaneUse.OPPORTUNISTIC), dane=base).sni == "real.host.example"


@pytest.mark.parametrize("level", Level)
def test_records_that_are_all_unusable_demand_tls(level: Level) -> None:
    made = plan(control(level, dane=DaneUse.OPPORTUNISTIC), dane=NONE_USABLE)
    assert is_required(made.level)
    assert STRENGTH[made.level] >= STRENGTH[level]
    assert made.acts == (STRENGTH[level] == 4)
    assert made.reported.fault == "tlsa-invalid"


@pytest.mark.parametrize(
    ("answer", "word"), [(NONE_USABLE, "tlsa-invalid"), (DENIED, "dane-required")]
)
def test_mandatory_dane_without_usable_records_forbids_the_host(
    answer: DaneAnswer, word: str
) -> None:
    refused = planned(control(dane=DaneUse.MANDATORY), dane=answer)
    assert isinstance(refused, HostRefused)
    assert (refused.rule, refused.word) == (Rule.DANE, word)


@pytest.mark.parametrize("level", Level)
def test_no_records_leave_the_level_as_it_is(level: Level) -> None:
    assert plan(control(level, dane=DaneUse.OPPORTUNISTIC), dane=DENIED).level is level


@pytest.mark.parametrize("use", [DaneUse.OPPORTUNISTIC, DaneUse.MANDATORY])
def test_a_failed_look_up_is_not_the_absence_of_dane(use: DaneUse) -> None:
    unknown = planned(control(dane=use), dane=BOGUS)
    assert isinstance(unknown, HostUnknown)
    assert unknown.word == "dnssec-invalid"


def test_a_pin_holds_beside_dane() -> None:
    rule = control(Level.REQUIRED_VERIFY, dane=DaneUse.OPPORTUNISTIC, pinned_fingerprints=(PIN,))
    made = plan(rule, dane=USABLE)
    assert [type(one) for one in made.proofs] == [DaneProof, PinProof]


# --- MTA-STS --------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", Level)
def test_enforce_demands_a_listed_host_that_verifies(level: Level) -> None:
    made = plan(control(level, mta_sts=True), sts=ENFORCE)
    assert made.acts
    assert StsProof("mx.shop.example") in made.proofs
    kept = level in (Level.REQUIRED_VERIFY, Level.REQUIRED_VERIFY_HOSTED)
    assert len(made.proofs) == (2 if kept else 1), "what the operator demands is kept as well"
    assert made.references.mx_secure
    assert made.reported.type == "sts"
    assert made.reported.mx == ("*.shop.example",)


def test_a_host_outside_the_policy_is_passed_over() -> None:
    refused = planned(control(mta_sts=True), sts=FOREIGN)
    assert isinstance(refused, HostRefused)
    assert refused.rule is Rule.MTA_STS
    assert "mx.shop.example" in refused.text


@pytest.mark.parametrize(("answer", "misfit"), [(TESTING, False), (TESTING_FOREIGN, True)])
def test_testing_is_only_watched(answer: StsAnswer, misfit: bool) -> None:
    made = plan(control(mta_sts=True), sts=answer)
    assert (made.level, made.watched_misfit) == (Level.PREFERRED, misfit)
    assert made.watched == made.published == StsProof("mx.shop.example")
    assert not any(isinstance(one, StsProof) for one in made.proofs)


def test_a_policy_that_cannot_be_had_counts_for_the_report_only() -> None:
    made = plan(control(mta_sts=True), sts=NoSts("no answer", "sts-policy-fetch-error"))
    assert made.level is Level.PREFERRED
    assert (made.reported.type, made.reported.fault) == ("sts", "sts-policy-fetch-error")


def test_a_cache_that_cannot_be_read_takes_the_host_away() -> None:
    unknown = planned(control(mta_sts=True), sts=LookupFailed("the disk", ""))
    assert isinstance(unknown, HostUnknown)


def test_dane_outranks_mta_sts() -> None:
    rule = control(dane=DaneUse.OPPORTUNISTIC, mta_sts=True)
    for answer in (ENFORCE, FOREIGN, TESTING, LookupFailed("the disk", "")):
        made = plan(rule, dane=USABLE, sts=answer)
        assert [type(one) for one in made.proofs] == [DaneProof]
        assert made.watched is None


def test_mta_sts_decides_where_dane_has_nothing_to_say() -> None:
    rule = control(dane=DaneUse.OPPORTUNISTIC, mta_sts=True)
    for answer in (DENIED, NONE_USABLE):
        made = plan(rule, dane=answer, sts=ENFORCE)
        assert made.acts
        assert made.proofs == (StsProof("mx.shop.example"),)


def test_what_is_asked_of_dns_and_of_whom() -> None:
    rule = control(dane=DaneUse.OPPORTUNISTIC, mta_sts=True)
    plain = demand(rule, None)
    literal = dataclasses.replace(MX, host="192.0.2.1", kind=HopKind.LITERAL)
    assert (asks_dane(MX, rule, plain), asks_sts(MX, rule, plain)) == (True, True)
    assert (asks_dane(ROUTE, rule, plain), asks_sts(ROUTE, rule, plain)) == (True, False)
    assert (asks_dane(literal, rule, plain), asks_sts(literal, rule, plain)) == (False, False)
    assert not asks_dane(MX, control(), plain)


# --- overrides by sender and message --------------------------------------------------------------


@pytest.mark.parametrize("own", Level)
@pytest.mark.parametrize("wanted", Level)
def test_an_override_only_raises(own: Level, wanted: Level) -> None:
    override = SenderOverride(sender="ALL", tls=wanted)
    made = plan(control(own), demanded=demand(control(own), override))
    assert STRENGTH[made.level] == max(STRENGTH[own], STRENGTH[wanted])
    lowering = dataclasses.replace(override, may_lower=True)
    assert plan(control(own), demanded=demand(control(own), lowering)).level is wanted


def test_an_override_that_loses_is_told() -> None:
    rule = control(Level.REQUIRED)
    override = SenderOverride(sender="ALL", tls=Level.PREFERRED)
    made = plan(rule, demanded=demand(rule, override))
    assert made.rule is Rule.DESTINATION
    assert [(one.rule, one.wins) for one in made.reasons] == [
        (Rule.OVERRIDE, False),
        (Rule.DESTINATION, True),
    ]


@pytest.mark.parametrize("level", Level)
def test_tls_required_no_passes_over_the_recipient_s_policies_only(level: Level) -> None:
    rule = control(level, dane=DaneUse.OPPORTUNISTIC, mta_sts=True)
    wanted = demand(rule, None, tls_required_no=True)
    assert not asks_dane(MX, rule, wanted)
    assert not asks_sts(MX, rule, wanted)
    made = plan(rule, demanded=wanted)
    assert made.level is level, "never below what the operator demands"
    lost = {one.rule for one in made.reasons if not one.wins}
    assert lost == {Rule.DANE, Rule.MTA_STS}


def test_tls_required_no_does_not_undo_mandatory_dane() -> None:
    rule = control(dane=DaneUse.MANDATORY)
    wanted = demand(rule, None, tls_required_no=True)
    assert asks_dane(MX, rule, wanted)
    assert isinstance(planned(rule, dane=DENIED, demanded=wanted), HostRefused)


def test_requiretls_wins_over_tls_required_no() -> None:
    wanted = demand(control(), None, requiretls=True, tls_required_no=True)
    assert not wanted.tls_optional


@pytest.mark.parametrize("level", Level)
def test_requiretls_demands_verified_tls_on_no_weak_basis(level: Level) -> None:
    rule = control(level)
    made = plan(rule, demanded=demand(rule, None, requiretls=True))
    assert made.acts
    assert made.needs_requiretls
    (proof,) = made.proofs
    assert isinstance(proof, PkixProof)
    assert proof.refuse_weak


def test_requiretls_takes_dane_only_behind_a_secure_mx() -> None:
    rule = control(dane=DaneUse.OPPORTUNISTIC)
    wanted = demand(rule, None, requiretls=True)
    for hop, weak in ((MX, True), (SECURE_MX, False)):
        (proof,) = plan(rule, hop=hop, dane=USABLE, demanded=wanted).proofs
        assert isinstance(proof, DaneProof)
        assert (proof.weak, proof.refuse_weak) == (weak, True)


def test_a_refused_weak_basis_reaches_every_proof() -> None:
    rule = control(weak_basis=WeakBasis.REFUSE, dane=DaneUse.OPPORTUNISTIC)
    (pkix,) = plan(rule).proofs
    (dane,) = plan(rule, dane=USABLE).proofs
    assert isinstance(pkix, PkixProof)
    assert isinstance(dane, DaneProof)
    assert pkix.refuse_weak
    assert dane.refuse_weak


def test_a_smart_host_has_a_level_of_its_own() -> None:
    smart = SmartHost(name="ses", host="relay.corp.example", port=587)
    hop = dataclasses.replace(ROUTE, smart=smart)
    made = plan(control(Level.NONE), hop=hop)
    assert (made.level, made.rule) == (Level.REQUIRED_VERIFY_HOSTED, Rule.SMART_HOST)
    lower = dataclasses.replace(hop, smart=dataclasses.replace(smart, level=Level.NONE))
    override = SenderOverride(sender="ALL", tls=Level.REQUIRED)
    made = plan(control(), hop=lower, demanded=demand(control(), override))
    assert (made.level, made.rule) == (Level.REQUIRED, Rule.OVERRIDE)
