# SPDX-License-Identifier: Apache-2.0
"""Destination controls: exact domain, then the closest .domain, then the default."""

from gatehouse.policy.destinations import DestinationControl, DestinationTable


def test_the_closest_entry_wins() -> None:
    default = DestinationControl(domain="default")
    exact, below, wide = (
        DestinationControl(domain=name) for name in ("bank.example", ".bank.example", ".example")
    )
    table = DestinationTable(default, [wide, below, exact])
    assert table.lookup("bank.example") is exact
    assert table.lookup("a.b.bank.example") is below
    assert table.lookup("shop.example") is wide
    assert table.lookup("example") is default
    assert table.lookup("[192.0.2.1]") is default


def test_all_that_fit_are_named_and_the_first_is_the_one_that_decides() -> None:
    default = DestinationControl(domain="default")
    rules = [DestinationControl(domain=name) for name in (".example", ".bank.example", "a.example")]
    table = DestinationTable(default, rules)
    for domain in ("a.bank.example", "a.example", "bank.example", "other", "[192.0.2.1]"):
        assert table.fitting(domain)[0] is table.lookup(domain)
    names = [one.domain for one in table.fitting("b.a.bank.example")]
    assert names == [".bank.example", ".example", "default"]
    assert [one.domain for one in table.fitting("a.example")] == [
        "a.example",
        ".example",
        "default",
    ]
