# SPDX-License-Identifier: Apache-2.0
"""DER at its narrowest: definite lengths inside the data, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import der


def test_elements_and_their_children_are_cut_out() -> None:
    found = der.element(bytes.fromhex("3006020101040161"))
    assert found.tag == der.SEQUENCE
    first, second = found.children()
    assert der.integer(first) == 1
    assert der.expect(second, der.OCTET_STRING).content == b"a"
    assert second.whole == b"\x04\x01a"


@pytest.mark.parametrize(
    "data",
    ["", "30", "3005", "300502", "30820001", "3081", "308500000000010a", "1f8101", "020100ff"],
)
def test_what_is_not_whole_is_refused(data: str) -> None:
    with pytest.raises(der.DerError):
        der.element(bytes.fromhex(data))


def test_indefinite_lengths_are_told_apart() -> None:
    with pytest.raises(der.DerError) as caught:
        der.element(b"\x30\x80\x00\x00")
    assert caught.value.indefinite


def test_a_flood_of_elements_is_refused() -> None:
    with pytest.raises(der.DerError, match="too many"):
        list(der.elements(b"\x05\x00" * 100_001))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ("0603550403", "2.5.4.3"),
        ("06092a864886f70d010701", "1.2.840.113549.1.7.1"),
        ("0603883703", "2.999.3"),
        ("06012a", "1.2"),
    ],
)
def test_object_identifiers_are_written_in_dots(data: str, wanted: str) -> None:
    assert der.dotted(der.element(bytes.fromhex(data))) == wanted


@pytest.mark.parametrize("data", ["0600", "060180", "0641" + "01" * 65, "020101"])
def test_damaged_object_identifiers_are_refused(data: str) -> None:
    with pytest.raises(der.DerError):
        der.dotted(der.element(bytes.fromhex(data)))


@pytest.mark.parametrize("data", ["0200", "0209" + "01" * 9, "040101"])
def test_an_integer_is_bounded(data: str) -> None:
    with pytest.raises(der.DerError):
        der.integer(der.element(bytes.fromhex(data)))


def test_a_negative_integer_stays_negative() -> None:
    assert der.integer(der.element(b"\x02\x01\xff")) == -1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_elements_that_join_to_the_whole_or_an_error(data: bytes) -> None:
    try:
        found = list(der.elements(data))
    except der.DerError:
        return
    assert b"".join(each.whole for each in found) == data
