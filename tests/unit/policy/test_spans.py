# SPDX-License-Identifier: Apache-2.0
"""Overlapping ranges become segments that each know the first range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.policy.spans import NEVER, Segments, number_of

BITS = 4  # an address space of sixteen, so that every address can be asked
RANGES = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 15)).map(lambda pair: (min(pair), max(pair))),
    max_size=8,
)


@given(RANGES)
def test_the_first_range_that_covers_an_address_is_found(ranges: list[tuple[int, int]]) -> None:
    segments = Segments(((low, high, n) for n, (low, high) in enumerate(ranges)), BITS)
    expected = [
        min((n for n, (low, high) in enumerate(ranges) if low <= number <= high), default=NEVER)
        for number in range(16)
    ]
    assert [segments.place(number) for number in range(16)] == expected
    assert segments.visible == set(expected) - {NEVER}
    assert segments.last_place == max(expected)


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("192.0.2.1", (32, 0xC0000201)),
        ("::ffff:192.0.2.1", (32, 0xC0000201)),
        ("fe80::1%eth0", (128, (0xFE80 << 112) + 1)),
    ],
)
def test_the_number_of_an_address(ip: str, expected: tuple[int, int]) -> None:
    assert number_of(ip) == expected
