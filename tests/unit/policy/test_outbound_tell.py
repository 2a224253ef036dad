# SPDX-License-Identifier: Apache-2.0
"""The plan in words: every level has some, and every proof says by which names."""

import dataclasses

from gatehouse.policy.destinations import DaneUse, DestinationControl, TlsDemands
from gatehouse.policy.outbound_plan import plan_host
from gatehouse.policy.outbound_tell import LEVELS, proofs
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.outbound_values import DaneAnswer, HostPlan, LookedUp, TlsaRecords, demand
from gatehouse.policy.routes import HopKind, NextHop
from gatehouse.policy.server_identity import StsProof
from gatehouse.tls.dane import TlsaRecord

MX = NextHop(host="mx.shop.example", port=25, kind=HopKind.MX, preference=1, domain="shop.example")
RECORDS = TlsaRecords("mx.shop.example", (TlsaRecord(3, 1, 1, bytes(32)),))


def plan(
    level: OutboundTlsLevel, records: DaneAnswer | None = None, hop: NextHop = MX, **demands: object
) -> HostPlan:
    control = DestinationControl(
        domain="shop.example",
        tls=level,
        demands=TlsDemands(**demands),  # type: ignore[arg-type]
    )
    found = LookedUp() if records is None else LookedUp(dane=records)
    made = plan_host(hop, control, demand(control, None), found)
    assert isinstance(made, HostPlan)
    return made


def test_every_level_is_told() -> None:
    assert set(LEVELS) == set(OutboundTlsLevel)


def test_a_level_that_never_asks_proves_nothing() -> None:
    assert proofs(plan(OutboundTlsLevel.NONE)) == ()


def test_the_names_are_those_that_the_algorithm_tries() -> None:
    hosted, verify = OutboundTlsLevel.REQUIRED_VERIFY_HOSTED, OutboundTlsLevel.REQUIRED_VERIFY
    chain = "a chain to a trusted root, and the name"
    assert proofs(plan(hosted)) == (f"{chain} shop.example or mx.shop.example (hosted-verify)",)
    assert proofs(plan(verify, verify_ptr=False)) == (f"{chain} shop.example (verify)",)
    assert "reverse name" in proofs(plan(verify))[0]
    route = dataclasses.replace(MX, kind=HopKind.ROUTE, host="relay.example")
    assert proofs(plan(hosted, hop=route)) == (
        f"{chain} shop.example or relay.example (hosted-verify)",
    )


def test_records_pins_and_policies_are_told() -> None:
    level = OutboundTlsLevel.REQUIRED_VERIFY
    both = plan(
        level, RECORDS, dane=DaneUse.OPPORTUNISTIC, pinned_fingerprints=("sha256:" + "0" * 64,)
    )
    assert proofs(both) == (
        "one of 1 TLSA records fits (usage 2: with a name of mx.shop.example)",
        "one of 1 pinned fingerprints",
    )
    listed = dataclasses.replace(plan(level), proofs=(StsProof("mx.shop.example"),))
    assert proofs(listed) == (
        "a chain to a trusted root, and an alternative name for mx.shop.example",
    )
