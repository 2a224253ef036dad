# SPDX-License-Identifier: Apache-2.0
"""Lists of addresses: the first entry that fits, however long the list is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.policy.address_list import AddressList


def address(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("a@bank.example", "bank.example"),
        ("a@BANK.example", "bank.example"),
        ("a@sub.bank.example", ".bank.example"),
        ("a@deep.sub.bank.example", ".bank.example"),
        ("Boss@other.example", "boss@"),
        ('"boss"@other.example', "boss@"),
        ("ann@other.example", "Ann@other.example"),
        ("a@[192.0.2.1]", "[192.0.2.1]"),
        ("bob@other.example", None),
        ("a@notbank.example", None),
    ],
)
def test_the_forms_of_an_entry(text: str, entry: str | None) -> None:
    listed = AddressList(
        ["bank.example", ".bank.example", "boss@", "Ann@other.example", "[192.0.2.1]"]
    )
    assert listed.match(address(text)) == entry


def test_the_first_entry_that_fits_is_named() -> None:
    assert AddressList(["a@", "bank.example", "ALL"]).match(address("a@bank.example")) == "a@"
    assert AddressList(["ALL", "bank.example"]).match(address("a@bank.example")) == "ALL"


def test_an_empty_list_has_nobody_and_a_bad_entry_is_refused() -> None:
    assert not AddressList([])
    assert AddressList([]).match(address("a@bank.example")) is None
    with pytest.raises(ValueError, match=r"bank\.\.example"):
        AddressList(["bank..example"])


entries = st.lists(
    st.sampled_from(
        ["a.example", ".a.example", "b.a.example", "x@", "x@a.example", "y@b.a.example", "ALL"]
    ),
    max_size=6,
)


@given(entries, st.sampled_from(["x", "y"]), st.sampled_from(["a.example", "b.a.example"]))
def test_a_long_list_says_what_its_entries_say_one_by_one(
    texts: list[str], local: str, domain: str
) -> None:
    who = address(f"{local}@{domain}")
    alone = [text for text in texts if AddressList([text]).match(who)]
    assert AddressList(texts).match(who) == (alone[0] if alone else None)
