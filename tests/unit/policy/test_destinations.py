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
