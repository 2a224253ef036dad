# SPDX-License-Identifier: Apache-2.0
"""SMTP routes as they are written, and which one counts."""

import pytest

from gatehouse.policy.route_table import (
    RouteFault,
    RouteHost,
    RouteTable,
    SmartRoute,
    parse_route_host,
)
from gatehouse.policy.smart_hosts import SmartHost


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail.example.com", RouteHost("mail.example.com")),
        ("127.0.0.1:2600", RouteHost("127.0.0.1", 2600)),
        ("[2001:db8::1]:26/pri=5", RouteHost("2001:db8::1", 26, 5)),
        ("[192.0.2.1]", RouteHost("192.0.2.1")),
        ("usedns", RouteHost("USEDNS")),
        ("smarthost:ses", SmartRoute("ses")),
        ("SmartHost:ses/pri=7", SmartRoute("ses", 7)),
    ],
)
def test_route_hosts(text: str, expected: RouteHost | SmartRoute) -> None:
    assert parse_route_host(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", ":25", "host:0", "host:99999", "a b", "[x]:25", "/dev/null", "h:1:2", "h/pri=99999"],
)
def test_what_is_no_route_host(text: str) -> None:
    assert isinstance(parse_route_host(text), RouteFault)


def test_the_closest_route_wins() -> None:
    one, two, three, dns = (RouteHost(name) for name in ("one", "two", "three", "USEDNS"))
    table = RouteTable(
        {"d.example": [one], ".d.example": [two], ".": [three], "free.example": [dns]}
    )
    assert table.lookup("d.example") == (one,)
    assert table.lookup("a.b.d.example") == (two,)
    assert table.lookup("other.example") == (three,)
    assert table.lookup("free.example") is None
    assert RouteTable({}).lookup("d.example") is None


def test_the_domains_that_name_a_smart_host_are_known() -> None:
    ses = SmartHost(name="ses", host="relay.example", port=587)
    through = RouteHost("relay.example", 587, 0, ses)
    table = RouteTable({"a.example": [through], ".b.example": [RouteHost("h"), through]})
    assert table.smart_routes() == (("a.example", "ses"), (".b.example", "ses"))
    assert RouteTable({".": [through]}).smart_routes() == ((".", "ses"),)


def test_all_routes_that_fit_are_named_and_the_first_is_the_one_that_decides() -> None:
    one, other, last = (RouteHost("a.example"),), (RouteHost("USEDNS"),), (RouteHost("c.example"),)
    table = RouteTable({"shop.example": one, ".example": other, ".": last})
    assert table.fitting("shop.example") == (
        ("shop.example", one),
        (".example", other),
        (".", last),
    )
    assert table.fitting("elsewhere") == ((".", last),)
    assert table.lookup("shop.example") == table.fitting("shop.example")[0][1]
    assert table.fitting("bank.example")[0] == (".example", other)
    assert table.lookup("bank.example") is None
    assert RouteTable({}).fitting("shop.example") == ()
