# SPDX-License-Identifier: Apache-2.0
"""The recipient access table: first entry that fits, and no way to relay."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail.address import Address, parse_forward_path
from gatehouse.policy.recipients import (
    DEFAULT_REFUSAL,
    ROUTED_REFUSAL,
    Accept,
    RecipientAccessTable,
    RecipientEntry,
    Refuse,
)
from tests.unit.policy.steps import steps


def address(text: str) -> Address:
    parsed = parse_forward_path(text.encode())
    assert isinstance(parsed, Address)
    return parsed


def table(*entries: tuple[str, bool]) -> RecipientAccessTable:
    return RecipientAccessTable(RecipientEntry(recipient=r, accept=a) for r, a in entries)


def accepted(rat: RecipientAccessTable, text: str) -> bool:
    return isinstance(rat.decide(address(text)), Accept)


def test_what_no_entry_fits_is_refused() -> None:
    rat = table(("example.com", True))
    assert accepted(rat, "ann@EXAMPLE.com")
    assert rat.decide(address("ann@other.example")) == Refuse(DEFAULT_REFUSAL)
    assert not accepted(rat, "ann@sub.example.com")


@pytest.mark.parametrize(
    ("entry", "good", "bad"),
    [
        (".example.com", "a@b.c.example.com", "a@example.com"),
        ("ann@", "Ann@anywhere.example", "anna@anywhere.example"),
        ("ann@example.com", '"ann"@example.com', "bob@example.com"),
        ("[192.0.2.1]", "a@[192.0.2.1]", "a@[192.0.2.2]"),
        ("ALL", "a@b.example", "a%b@b.example"),
    ],
)
def test_forms_of_entries(entry: str, good: str, bad: str) -> None:
    rat = table((entry, True))
    assert accepted(rat, good)
    assert not accepted(rat, bad)


def test_the_first_entry_that_fits_decides() -> None:
    rat = table(("eve@example.com", False), ("example.com", True), ("ann@", False))
    assert not accepted(rat, "eve@example.com")
    assert accepted(rat, "ann@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "relaytest%ext.example@gw.example",
        "ext.example!relaytest@gw.example",
        '"relaytest@ext.example"@gw.example',
        '"relaytest%ext.example"@gw.example',
        '"ext.example!x"@gw.example',
        '"a\\@ext.example"@gw.example',
    ],
)
def test_a_route_in_the_local_part_is_never_local(text: str) -> None:
    for rat in (table(("gw.example", True)), table(("ALL", True))):
        assert rat.decide(address(text)) == Refuse(ROUTED_REFUSAL)


def test_an_entry_has_its_own_reply() -> None:
    entry = RecipientEntry(recipient="old.example", accept=False, code=551, text="5.1.6 Moved")
    refused = RecipientAccessTable([entry]).decide(address("a@old.example"))
    assert isinstance(refused, Refuse)
    assert refused.reply.wire() == b"551 5.1.6 Moved\r\n"


def test_an_enhanced_code_of_the_wrong_class_is_put_right() -> None:
    entry = RecipientEntry(recipient="old.example", accept=False, code=451, text="5.1.6 Later")
    refused = RecipientAccessTable([entry]).decide(address("a@old.example"))
    assert isinstance(refused, Refuse)
    assert refused.reply.enhanced == "4.1.0"


def test_bare_postmaster_lives_in_the_first_domain_of_ours() -> None:
    rat = table(("bad.example", False), ("example.com", True))
    assert rat.postmaster_domain == "example.com"
    assert accepted(rat, "PostMaster")
    assert not accepted(table(("postmaster@example.com", False)), "Postmaster")
    shadowed = table(("bad.example", False), ("bad.example", True), ("example.com", True))
    assert shadowed.accepted_domains == ("example.com",)
    assert shadowed.postmaster_domain == "example.com", "the entry above it refuses bad.example"


PATTERNS = ["a.example", ".a.example", "b.a.example", "u@", "u@a.example", "v@b.a.example", "ALL"]
MAILBOXES = ["u@a.example", "v@a.example", "u@b.a.example", "v@b.a.example", "u@c.example"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PATTERNS), st.booleans()), max_size=7),
    st.sampled_from(MAILBOXES),
)
def test_the_compiled_table_is_the_naive_one(entries: list[tuple[str, bool]], text: str) -> None:
    local, _, domain = text.partition("@")
    expected = False
    for pattern, accept in entries:
        fits = pattern in ("ALL", text, domain, f"{local}@")
        if fits or (pattern.startswith(".") and domain.endswith(pattern)):
            expected = accept
            break
    assert accepted(table(*entries), text) == expected


@pytest.mark.parametrize("recipient", ["u8@d8.example", "u8@a.b.s6.example", "nobody@x.invalid"])
def test_a_look_up_takes_as_many_steps_in_a_large_table_as_in_a_small_one(recipient: str) -> None:
    forms = ("u{0}@d{0}.example", "d{0}.example", ".s{0}.example", "user{0}@")
    entries = [(forms[n % 4].format(n), n % 3 > 0) for n in range(2000)]
    wanted = address(recipient)
    small, large = table(*entries[:20]), table(*entries)
    taken = [steps(partial(rat.decide, wanted)) for rat in (small, large)]
    assert taken[0] == taken[1] > 0
