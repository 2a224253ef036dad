# SPDX-License-Identifier: Apache-2.0
"""Routes and MX planning, with DNS answers and dice as arguments."""

import itertools

import pytest

from gatehouse.policy.destinations import IpPreference
from gatehouse.policy.route_table import (
    RouteHost,
)
from gatehouse.policy.routes import (
    MAX_ADDRESSES,
    MAX_HOSTS,
    Addresses,
    DnsFailure,
    HopKind,
    Hosts,
    Loop,
    MxAnswer,
    MxRecords,
    NextHop,
    NoDomain,
    NoMx,
    NoSuchDomain,
    NullMx,
    Ourselves,
    Plan,
    Temporary,
    Unroutable,
    plan_addresses,
    plan_literal,
    plan_mx,
    plan_route,
)

US = Ourselves(
    names=frozenset({"mx.us.example"}),
    endpoints=frozenset({("192.0.2.1", 2525)}),
    addresses=frozenset({"192.0.2.1"}),
)


def plan(answer: MxAnswer, *dice: float) -> Plan:
    rolls = itertools.chain(dice, itertools.repeat(0.5))
    return plan_mx("d.example", answer, ourselves=US, smtp_port=25, dice=lambda: next(rolls))


def names(planned: object) -> list[str]:
    assert isinstance(planned, Hosts)
    return [hop.host for hop in planned.hops]


def hop(kind: HopKind = HopKind.MX, port: int = 25) -> NextHop:
    return NextHop(host="mx.d.example", port=port, kind=kind, preference=0, domain="d.example")


def test_route_hosts_go_by_priority_and_chance() -> None:
    route = [RouteHost("late", 26, 9), RouteHost("a"), RouteHost("b")]
    rolls = iter([0.1, 0.9, 0.2])
    planned = plan_route("d.example", route, smtp_port=2600, dice=lambda: next(rolls))
    assert [(one.host, one.port) for one in planned.hops] == [
        ("b", 2600),
        ("a", 2600),
        ("late", 26),
    ]


def test_mx_by_preference_and_random_among_equals() -> None:
    answer = MxRecords(((20, "c.example"), (10, "a.example"), (10, "B.example.")))
    assert names(plan(answer, 0.0, 0.9, 0.1)) == ["b.example", "a.example", "c.example"]
    assert names(plan(answer, 0.0, 0.1, 0.9)) == ["a.example", "b.example", "c.example"]


def test_without_mx_the_domain_itself_is_the_host() -> None:
    planned = plan(NoMx())
    assert isinstance(planned, Hosts)
    assert planned.hops[0].kind is HopKind.IMPLICIT_MX


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (MxRecords(((0, "."),)), NullMx()),
        (NoDomain(), NoSuchDomain()),
        (DnsFailure("SERVFAIL"), Temporary("SERVFAIL")),
        (
            MxRecords(((5, "127.0.0.1"), (5, "[::1]"))),
            Unroutable("no MX record names a valid host"),
        ),
        (MxRecords(((5, "mx.us.example"), (5, "b.example"))), Loop("d.example")),
    ],
)
def test_answers_that_name_no_host(answer: MxAnswer, expected: Plan) -> None:
    assert plan(answer) == expected


def test_only_hosts_better_than_ourselves_are_tried() -> None:
    answer = MxRecords(((5, "a.example"), (10, "mx.us.example"), (20, "c.example")))
    assert names(plan(answer)) == ["a.example"]


def test_a_null_mx_beside_others_is_ignored() -> None:
    assert names(plan(MxRecords(((0, "."), (5, "a.example"))))) == ["a.example"]


def test_a_zone_with_a_thousand_hosts_is_bounded_and_doubles_are_dropped() -> None:
    assert (
        len(names(plan(MxRecords(tuple((n, f"h{n}.example") for n in range(1000)))))) == MAX_HOSTS
    )
    assert names(plan(MxRecords(((5, "a.example"), (9, "a.example"))))) == ["a.example"]


def test_literals() -> None:
    planned = plan_literal("[IPv6:2001:db8::1]", smtp_port=25)
    assert names(planned) == ["2001:db8::1"]
    assert isinstance(plan_literal("d.example", smtp_port=25), Unroutable)


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        (IpPreference.PREFER_V6, Addresses(("2001:db8::9", "198.51.100.9"))),
        (IpPreference.PREFER_V4, Addresses(("198.51.100.9", "2001:db8::9"))),
        (IpPreference.REQUIRE_V4, Addresses(("198.51.100.9",))),
        (IpPreference.REQUIRE_V6, Addresses(("2001:db8::9",))),
    ],
)
def test_address_families(preference: IpPreference, expected: Addresses) -> None:
    found = ["198.51.100.9", "2001:db8::9"]
    assert plan_addresses(hop(), found, preference=preference, ourselves=US) == expected


@pytest.mark.parametrize(
    "ip", ["192.0.2.1", "127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_to_ourselves_is_a_loop(ip: str) -> None:
    planned = plan_addresses(hop(), [ip], preference=IpPreference.PREFER_V6, ourselves=US)
    assert planned == Loop("mx.d.example")


def test_another_server_on_this_machine_is_no_loop() -> None:
    other = hop(HopKind.ROUTE, port=2600)
    planned = plan_addresses(other, ["127.0.0.1"], preference=IpPreference.PREFER_V6, ourselves=US)
    assert planned == Addresses(("127.0.0.1",))


def test_many_addresses_leave_a_place_for_the_other_family() -> None:
    found = [f"2001:db8::{n}" for n in range(50)] + ["198.51.100.9"]
    planned = plan_addresses(hop(), found, preference=IpPreference.PREFER_V6, ourselves=US)
    assert isinstance(planned, Addresses)
    assert (len(planned.addresses), planned.addresses[-1]) == (MAX_ADDRESSES, "198.51.100.9")


def test_no_address_is_no_route() -> None:
    for found in ([], ["198.51.100.9"]):
        planned = plan_addresses(hop(), found, preference=IpPreference.REQUIRE_V6, ourselves=US)
        assert isinstance(planned, Unroutable)
