# SPDX-License-Identifier: Apache-2.0
"""daneverify: what is said about each host, and about the domain as a whole."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gatehouse.faces.actions import explain_outbound
from gatehouse.faces.actions.action import Action
from gatehouse.faces.cli.shell.session import Session
from gatehouse.faces.cli.shell.tracing import dane_lines
from tests.unit.faces.cli.shell.conftest import Desk
from tests.unit.faces.cli.shell.playing import Script

RECORD = "3 1 1 ab12"


def host(name: str, state: str, note: str = "") -> explain_outbound.HostPlanView:
    records = (RECORD,) if state == "records" else ()
    base = f"_25._tcp.{name}"
    return explain_outbound.HostPlanView(
        place=1,
        host=name,
        port=25,
        preference=10,
        smart_host=None,
        outcome="planned",
        level="required-verify",
        rule="dane",
        sni=name,
        proofs=(),
        acts=True,
        reasons=(),
        dane=explain_outbound.DaneView(state=state, base=base, records=records, note=note),
        addresses=("192.0.2.1",),
        note="",
    )


def visit(name: str, *, verified: bool, basis: str = "dane-ee") -> explain_outbound.VisitView:
    verdict = explain_outbound.VerdictView(
        address="192.0.2.1",
        verified=verified,
        said="verified" if verified else "dane-mismatch",
        reason="" if verified else "no TLSA record fits",
        result="",
        basis=basis if verified else "",
        weak=False,
        tried=(),
        chain=(),
    )
    return explain_outbound.VisitView(
        host=name,
        address="192.0.2.1",
        outcome="verified" if verified else "deferred",
        why="",
        tls=None,
        verdicts=(verdict,),
        mail="",
        log=(),
    )


def view(*hosts: Any, live: tuple[Any, ...] = ()) -> explain_outbound.OutboundView:
    return explain_outbound.OutboundView(
        source="revision 1",
        domain="a.example",
        sender=None,
        requiretls=False,
        tls_optional=False,
        level="preferred",
        bounce_profile="default",
        suspended=False,
        route=explain_outbound.RouteView(
            kind="mx", route=None, lost=(), secure=True, why="" if hosts else "ServFail"
        ),
        controls=(),
        overrides=(),
        sts=None,
        hosts=hosts,
        live=live,
        verdict="",
        notes=(),
    )


@pytest.mark.parametrize(
    ("found", "whole"),
    [
        (
            view(host("mx.a.example", "records"), live=(visit("mx.a.example", verified=True),)),
            "DANE SUCCESS for a.example.",
        ),
        (
            view(host("mx.a.example", "records"), live=(visit("mx.a.example", verified=False),)),
            "DANE FAILED for a.example.",
        ),
        (view(host("mx.a.example", "records")), "DANE FAILED for a.example."),
        (view(host("mx.a.example", "failed", "SERVFAIL")), "DANE FAILED for a.example."),
        (view(host("mx.a.example", "none")), "NO DANE for a.example."),
        (view(), "DANE FAILED for a.example."),  # no host was found
        (
            view(
                host("mx.a.example", "records"),
                host("mx2.a.example", "none"),
                live=(visit("mx.a.example", verified=True),),
            ),
            "DANE SUCCESS at some hosts only for a.example.",
        ),
        (  # a name in a public chain is no proof by DANE
            view(
                host("mx.a.example", "records"),
                live=(visit("mx.a.example", verified=True, basis="mx-unsigned"),),
            ),
            "DANE FAILED for a.example.",
        ),
    ],
)
def test_the_whole_is_as_good_as_its_worst_host(
    found: explain_outbound.OutboundView, whole: str
) -> None:
    assert dane_lines(found)[-1] == whole


def test_there_is_nothing_to_trace_without_a_listener(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data", 'format = 1\n\n[system]\nhostname = "gw1.example.com"\n')
    try:
        desk.play("trace")
    finally:
        desk.close()
    assert "There is no listener." in desk.said


def test_why_there_is_no_host_is_said() -> None:
    assert dane_lines(view())[0] == "No host: ServFail"


def test_records_and_reasons_stand_beside_their_host() -> None:
    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        assert given == explain_outbound.OutboundInput(to="a.example", live=True, all_hosts=True)
        return view(
            host("mx.a.example", "records"),
            live=(visit("mx.a.example", verified=False),),
        )

    source = Script(["daneverify a.example", "quit"])
    Session(source, carry, who="ops", host="gw").run()
    assert source.transcript[1:4] == [
        "mx.a.example: TLSA records found, secure",
        f"  _25._tcp.mx.a.example {RECORD}",
        "  DANE failed at 192.0.2.1: no TLSA record fits",
    ]
