# SPDX-License-Identifier: Apache-2.0
"""Sender overrides: which entry decides, and that none lowers by accident."""

import pytest

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.policy.outbound_tls import OutboundTlsLevel as Level
from gatehouse.policy.sender_overrides import (
    SenderOverride,
    SenderOverrides,
    overridden,
    stronger,
    walk,
)


def sender(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


@pytest.mark.parametrize(
    ("pattern", "who", "fits"),
    [
        ("ALL", "ann@a.example", True),
        ("ALL", None, True),
        ("<>", None, True),
        ("<>", "ann@a.example", False),
        ("a.example", "ann@a.example", True),
        ("a.example", "ann@b.a.example", False),
        (".a.example", "ann@b.a.example", True),
        (".a.example", "ann@a.example", False),
        ("ann@a.example", "ann@a.example", True),
        ("ann@a.example", "ANN@A.example", True),
        ("ann@a.example", "bob@a.example", False),
        ("a.example", None, False),
    ],
)
def test_which_senders_fit(pattern: str, who: str | None, fits: bool) -> None:
    table = SenderOverrides([SenderOverride(sender=pattern, tls=Level.REQUIRED)])
    found = table.lookup(None if who is None else sender(who), "shop.example")
    assert (found is not None) == fits


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("ALL", True), ("shop.example", True), (".example", True), ("other.example", False)],
)
def test_which_destinations_fit(pattern: str, fits: bool) -> None:
    table = SenderOverrides([SenderOverride(sender="ALL", destination=pattern, tls=Level.NONE)])
    assert (table.lookup(None, "shop.example") is not None) == fits


def test_the_first_entry_that_fits_decides() -> None:
    first = SenderOverride(sender="a.example", tls=Level.REQUIRED)
    table = SenderOverrides([first, SenderOverride(sender="ALL", tls=Level.NONE)])
    assert table.lookup(sender("ann@a.example"), "x.example") is first
    assert not SenderOverrides()


def test_the_two_verifying_levels_can_be_chosen_between() -> None:
    hosted = SenderOverride(sender="ALL", tls=Level.REQUIRED_VERIFY_HOSTED)
    assert overridden(Level.REQUIRED_VERIFY, hosted) is Level.REQUIRED_VERIFY_HOSTED
    assert not stronger(Level.REQUIRED_VERIFY, Level.REQUIRED_VERIFY_HOSTED)


def test_a_walk_says_of_each_entry_what_fits() -> None:
    entries = [
        SenderOverride(sender="<>", tls=Level.NONE),
        SenderOverride(sender="a.example", destination="bank.example", tls=Level.REQUIRED),
        SenderOverride(sender="a.example", destination=".example", tls=Level.REQUIRED_VERIFY),
    ]
    table = SenderOverrides(entries)
    tried = walk(table, sender("ann@a.example"), "shop.example")
    fits = [(one.sender_fits, one.destination_fits) for one in tried]
    assert fits == [(False, True), (True, False), (True, True)]
    assert table.lookup(sender("ann@a.example"), "shop.example") is tried[2].entry
