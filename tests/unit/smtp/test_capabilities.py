# SPDX-License-Identifier: Apache-2.0
"""EHLO lists as servers send them, sloppy and hostile."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.smtp.capabilities import Capabilities, parse_capabilities


def offered(*lines: str) -> Capabilities:
    return parse_capabilities(("mx.example greets you", *lines))


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("PIPELINING", Capabilities(pipelining=True)),
        ("pipelining", Capabilities(pipelining=True)),
        ("PIPELINING ", Capabilities(pipelining=True)),
        ("PIPELINING\t", Capabilities(pipelining=True)),
        ("8BITMIME", Capabilities(eightbitmime=True)),
        ("SMTPUTF8", Capabilities(smtputf8=True)),
        ("CHUNKING", Capabilities(chunking=True)),
        ("DSN", Capabilities(dsn=True)),
        ("STARTTLS", Capabilities(starttls=True)),
        ("STARTTLS x", Capabilities(starttls=True)),
        ("ENHANCEDSTATUSCODES", Capabilities(enhanced=True)),
        ("REQUIRETLS", Capabilities(requiretls=True)),
        ("SIZE", Capabilities(size_offered=True)),
        ("SIZE 0", Capabilities(size_offered=True)),
        ("SIZE 1000", Capabilities(size_offered=True, size=1000)),
        ("size 1000 x", Capabilities(size_offered=True, size=1000)),
        ("SIZE abc", Capabilities()),
        ("SIZE -1", Capabilities()),
        ("SIZE 1e9", Capabilities()),
        ("SIZE \u0661", Capabilities()),
        ("SIZE " + "9" * 20, Capabilities(size_offered=True, size=int("9" * 20))),
        ("SIZE " + "9" * 21, Capabilities()),
        ("AUTH PLAIN LOGIN", Capabilities(auth=("PLAIN", "LOGIN"))),
        ("AUTH=plain", Capabilities(auth=("PLAIN",))),
        ("AUTH PLAIN PLAIN", Capabilities(auth=("PLAIN",))),
        ("AUTH SCRAM-SHA-256", Capabilities(auth=("SCRAM-SHA-256",))),
        ("AUTH x$(id) " + "A" * 21, Capabilities()),
        ("AUTH", Capabilities()),
        ("LIMITS RCPTMAX=20 MAILMAX=5", Capabilities(max_recipients=20, max_messages=5)),
        ("LIMITS RCPTMAX=0 MAILMAX=x RCPTDOMAINMAX=3", Capabilities()),
        ("LIMITS RCPTMAX=1000000", Capabilities()),
        ("XSTARTTLS", Capabilities()),
        ("", Capabilities()),
        ("\x00\\x80", Capabilities()),
    ],
)
def test_one_line_offers_this(line: str, offers: Capabilities) -> None:
    assert offered(line) == offers


def test_the_first_line_is_a_name_and_offers_nothing() -> None:
    assert parse_capabilities(("STARTTLS",)) == Capabilities()
    assert parse_capabilities(()) == Capabilities()


def test_of_two_sizes_the_smaller_counts_and_none_is_no_limit() -> None:
    assert offered("SIZE 10", "SIZE 0", "SIZE 5").size == 5


def test_doubles_and_several_lines_add_up() -> None:
    assert offered("DSN", "dsn", "AUTH PLAIN", "AUTH LOGIN") == Capabilities(
        dsn=True, auth=("PLAIN", "LOGIN")
    )


def test_sixty_odd_mechanisms_are_not_all_kept() -> None:
    names = [f"M{number}" for number in range(66)]
    assert offered("AUTH " + " ".join(names)).auth == tuple(names[:32])


@settings(max_examples=100)
@given(st.lists(st.text(max_size=30), max_size=10))
def test_no_list_raises(lines: list[str]) -> None:
    parse_capabilities(tuple(lines))
